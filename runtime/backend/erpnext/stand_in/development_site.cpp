// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/erpnext/stand_in/development_site.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/crypto.h"

namespace voicectl::runtime {
namespace {

constexpr std::string_view kDocuments = "/dev/documents";
constexpr const char* kSignature = "X-Frappe-Webhook-Signature";

/// Frappe gives up after three tries, with these pauses between them.
constexpr std::chrono::seconds kPauses[] = {std::chrono::seconds(1), std::chrono::seconds(4)};
constexpr Duration kWebhookTimeout = std::chrono::seconds(5);

}  // namespace

DevelopmentSite::DevelopmentSite(Reactor& reactor, HttpClient& http, Options options)
    : reactor_(reactor),
      http_(http),
      options_(std::move(options)),
      site_(options_.site),
      self_(std::make_shared<DevelopmentSite*>(this)) {
  site_.on_change = [this](const std::string& doctype, const Json& document) {
    if (doctype != "Voice Session") {
      tell(document);
    }
  };
}

DevelopmentSite::~DevelopmentSite() = default;

void DevelopmentSite::answer(const HttpRequest& request, std::shared_ptr<Responder> responder) {
  if (request.path == "/health" || request.path.starts_with("/dev/")) {
    responder->send(answer_developer(request));
    return;
  }
  if (auto fault = take_fault(faults_)) {
    responder->send(std::move(*fault));
    return;
  }
  HttpResponse response = site_.answer(request);
  if (faults_.is_mute) {
    unanswered_.push_back(std::move(responder));
  } else if (faults_.delay.count() > 0) {
    reactor_.call_after(faults_.delay,
                        [responder, response = std::move(response)] { responder->send(response); });
  } else {
    responder->send(std::move(response));
  }
}

HttpResponse DevelopmentSite::answer_developer(const HttpRequest& request) {
  if (request.path == "/health") {
    return json_response(200, R"({"status":"ok"})");
  }
  if (request.path == "/dev/faults") {
    if (request.method == "POST") {
      Result<SiteFaults> faults = parse_site_faults(request.body);
      if (faults.has_error()) {
        return error_response(400, "invalid_argument", faults.error().text());
      }
      faults_ = *faults;
    }
    return json_response(200, dump_json(to_json(faults_)));
  }
  if (request.path == kDocuments) {
    return json_response(200, dump_json(site_.all_documents()));
  }
  if (request.method == "POST" && request.path.starts_with(std::string(kDocuments) + "/")) {
    return change(request.path.substr(kDocuments.size() + 1), request.body);
  }
  return error_response(404, "not_found", "cannot find anything at that path");
}

HttpResponse DevelopmentSite::change(const std::string& name, const std::string& body) {
  const Result<Json> changes = parse_json(body);
  if (changes.has_error() || !changes->is_object()) {
    return error_response(400, "invalid_argument", "cannot change it: the body must be an object");
  }
  const std::optional<Json> document = site_.change(name, *changes);
  return document ? json_response(200, dump_json(*document))
                  : error_response(404, "not_found", "cannot find a document of that name");
}

void DevelopmentSite::tell(const Json& document) {
  const auto url = options_.webhooks.find(string_or(document, "company", ""));
  if (url == options_.webhooks.end()) {
    return;
  }
  Json told = Json::object();
  for (const char* const key : {"name", "status", "modified", "estimated_time"}) {
    if (document.contains(key)) {
      told[key] = document.at(key);
    }
  }
  HttpCall call;
  call.method = "POST";
  call.url = url->second;
  call.body = dump_json(told);
  // There is no Content-Type, and no time: the real one sends neither.
  if (!options_.webhook_secret.empty()) {
    call.headers.emplace_back(kSignature,
                              hmac_sha256_base64(options_.webhook_secret.reveal(), call.body));
  }
  call.timeout = kWebhookTimeout;
  send(std::move(call), 0);
}

void DevelopmentSite::send(HttpCall call, int tries) {
  HttpCall sent = call;
  http_.send(std::move(sent), [this, call = std::move(call), tries,
                               alive = std::weak_ptr(self_)](const Result<HttpResponse>& answer) {
    const bool is_taken = answer.has_value() && answer->status >= 200 && answer->status <= 299;
    if (alive.expired() || is_taken || tries >= static_cast<int>(std::size(kPauses))) {
      return;
    }
    reactor_.call_after(kPauses[tries], [this, call, tries, alive] {
      if (!alive.expired()) {
        send(call, tries + 1);
      }
    });
  });
}

}  // namespace voicectl::runtime
