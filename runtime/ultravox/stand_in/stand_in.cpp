// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/stand_in/stand_in.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/crypto.h"
#include "runtime/ultravox/stand_in/api_answer.h"

namespace voicectl::ultravox {
namespace {

/// Requests without an answer that are held open at once.
constexpr std::size_t kMaxUnanswered = 256;

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    parts.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return parts;
}

HttpResponse not_found() {
  return detail(404, "Not found.");
}

HttpResponse wrong_method(const HttpRequest& request) {
  return detail(405, fmt::format("Method \"{}\" not allowed.", request.method));
}

HttpResponse status_response(const Status& status) {
  return status.has_error() ? refusal(status.error()) : no_content();
}

}  // namespace

StandIn::StandIn(CallBook::Deps deps, ScriptBook scripts, Options options)
    : options_(std::move(options)),
      clock_(deps.clock),
      random_(deps.random),
      calls_(deps, std::move(scripts), options_.calls) {}

void StandIn::answer(const HttpRequest& request, std::shared_ptr<Responder> responder) {
  const Path path = split(request.path);
  const std::string area = path.empty() ? "" : path.front();
  if (area == "api") {
    return answer_api(request, path, responder);
  }
  if (area == "dev") {
    return answer_dev(request, path, responder);
  }
  if (area == "calls" && path.size() == 3 && path[2] == "server_web_socket") {
    return upgrade(path[1], responder);
  }
  if (area == "health" && path.size() == 1) {
    return responder->send(
        json_response(200, fmt::format(R"({{"status":"ok","calls":{}}})", calls_.all().size())));
  }
  responder->send(not_found());
}

bool StandIn::is_authorised(const HttpRequest& request) const {
  if (!options_.api_key) {
    return true;
  }
  const auto given = request.header("X-API-Key");
  const auto unsafe = request.header("X-Unsafe-API-Key");
  const std::string& key = options_.api_key->reveal();
  return (given && equal_in_constant_time(*given, key)) ||
         (unsafe && equal_in_constant_time(*unsafe, key));
}

void StandIn::answer_api(const HttpRequest& request, const Path& path, const Answer& answer) {
  if (!is_authorised(request)) {
    return answer->send(detail(403, "Invalid API key"));
  }
  const std::string resource = path.size() < 2 ? "" : path[1];
  if (resource == "calls") {
    return path.size() == 2 ? answer_calls(request, answer) : answer_call(request, path, answer);
  }
  if (resource == "webhooks" && path.size() == 2) {
    return answer_webhooks(request, answer);
  }
  if (resource == "webhooks" && path.size() == 3) {
    return answer_webhook(request, path[2], answer);
  }
  answer->send(not_found());
}

void StandIn::answer_calls(const HttpRequest& request, const Answer& answer) {
  if (request.method == "POST") {
    return create_call(request, answer);
  }
  if (request.method != "GET") {
    return answer->send(wrong_method(request));
  }
  std::vector<std::string> items;
  for (const auto& call : calls_.all()) {
    items.push_back(render_call(call->record()));
  }
  answer->send(page(items, request, options_.api_base + "/api/calls"));
}

void StandIn::create_call(const HttpRequest& request, const Answer& answer) {
  if (auto fault = faults_.take_for_create()) {
    if (fault->answer) {
      return answer->send(std::move(*fault->answer));
    }
    if (unanswered_.size() == kMaxUnanswered) {
      unanswered_.clear();
    }
    unanswered_.push_back(answer);
    return;
  }
  const Result<Json> body = parse_json(request.body);
  if (body.has_error()) {
    return answer->send(refusal(body.error()));
  }
  const auto call = calls_.create(*body);
  answer->send(call.has_error() ? refusal(call.error())
                                : json_response(201, render_call((*call)->record())));
}

void StandIn::answer_call(const HttpRequest& request, const Path& path, const Answer& answer) {
  const auto call = calls_.find(path[2]);
  if (call == nullptr) {
    return answer->send(detail(404, "No Call matches the given query."));
  }
  const std::string& method = request.method;
  const std::string what = path.size() == 4 ? path[3] : "";
  if (path.size() == 3 && method == "GET") {
    return answer->send(json_response(200, render_call(call->record())));
  }
  if (path.size() == 3 && method == "DELETE") {
    return answer->send(status_response(calls_.remove(path[2])));
  }
  if (what == "messages" && method == "GET") {
    return answer->send(messages(request, call->record()));
  }
  if (what == "send_data_message" && method == "POST") {
    const Result<Json> body = parse_json(request.body);
    return answer->send(body.has_error() ? refusal(body.error())
                                         : status_response(call->take_data_message(*body)));
  }
  const bool known = path.size() == 3 || what == "messages" || what == "send_data_message";
  answer->send(known ? wrong_method(request) : not_found());
}

HttpResponse StandIn::messages(const HttpRequest& request, const CallRecord& call) const {
  std::vector<std::string> items;
  for (const CallMessage& message : call.messages) {
    items.push_back(render_message(message, items.size()));
  }
  return page(items, request,
              fmt::format("{}/api/calls/{}/messages", options_.api_base, call.call_id));
}

void StandIn::answer_webhooks(const HttpRequest& request, const Answer& answer) {
  if (request.method == "POST") {
    const Result<Json> body = parse_json(request.body);
    if (body.has_error()) {
      return answer->send(refusal(body.error()));
    }
    const auto webhook = calls_.webhooks().add(*body, clock_.now(), random_);
    return answer->send(webhook.has_error() ? refusal(webhook.error())
                                            : json_response(201, render_webhook(*webhook)));
  }
  if (request.method != "GET") {
    return answer->send(wrong_method(request));
  }
  std::vector<std::string> items;
  for (const auto& [id, webhook] : calls_.webhooks().all()) {
    items.push_back(render_webhook(webhook));
  }
  answer->send(page(items, request, options_.api_base + "/api/webhooks"));
}

void StandIn::answer_webhook(const HttpRequest& request,
                             const std::string& id,
                             const Answer& answer) {
  const WebhookBook::Webhook* webhook = calls_.webhooks().find(id);
  if (webhook == nullptr) {
    return answer->send(detail(404, "No Webhook matches the given query."));
  }
  if (request.method == "GET") {
    return answer->send(json_response(200, render_webhook(*webhook)));
  }
  if (request.method != "DELETE") {
    return answer->send(wrong_method(request));
  }
  calls_.webhooks().remove(id);
  answer->send(no_content());
}

void StandIn::answer_dev(const HttpRequest& request, const Path& path, const Answer& answer) {
  const std::string what = path.size() < 2 ? "" : path[1];
  if (what == "faults" && path.size() == 2 && request.method == "GET") {
    return answer->send(json_response(200, faults_.render()));
  }
  if (what == "faults" && path.size() == 2 && request.method == "POST") {
    const Result<Json> body = parse_json(request.body);
    const Status set = body.has_error() ? Status(body.error()) : faults_.set(*body);
    return answer->send(set.has_error() ? refusal(set.error())
                                        : json_response(200, faults_.render()));
  }
  if (what == "calls" && path.size() == 4 && path[3] == "join" && request.method == "POST") {
    const auto call = calls_.find(path[2]);
    return answer->send(call ? status_response(call->join(nullptr)) : not_found());
  }
  answer->send(not_found());
}

void StandIn::upgrade(const std::string& call_id, const Answer& answer) {
  const auto call = calls_.find(call_id);
  if (call == nullptr || call->record().joined || call->record().ended) {
    return answer->send(detail(404, "There is no such call to join."));
  }
  const auto socket = answer->upgrade("call/" + call_id);
  if (socket.has_value()) {
    // Whether it can be joined was asked above, in the same turn.
    (void)call->join(*socket);
  }
}

}  // namespace voicectl::ultravox
