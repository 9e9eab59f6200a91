// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/erpnext/erpnext_client.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/backend/erpnext/erpnext_text.h"
#include "runtime/net/http_text.h"

namespace voicectl::runtime {
namespace {

constexpr std::size_t kMaxCredentials = 8192;

/// Longest quiet that a site is granted. Its own window is an hour.
constexpr Duration kLongestQuiet = std::chrono::hours(24);

/// How long credentials are not read again.
constexpr Duration kCredentialKept = std::chrono::seconds(1);

bool is_credential(std::string_view text) {
  const std::size_t colon = text.find(':');
  return colon != std::string_view::npos && colon > 0 && colon + 1 < text.size() &&
         text.find(':', colon + 1) == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

/// Lines without blanks at their ends; empty ones are left out.
Result<std::vector<std::string>> lines_of(FileSystem& files, const std::string& path) {
  const Result<std::optional<std::string>> text = files.read(path, kMaxCredentials);
  if (text.has_error() || !*text) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("cannot read the credentials of ERPNext, '{}'", path));
  }
  std::vector<std::string> lines;
  std::string_view rest = **text;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    std::string_view line = trim_blanks(rest.substr(0, end));
    if (!line.empty() && line.back() == '\r') {
      line.remove_suffix(1);
    }
    if (!line.empty()) {
      lines.emplace_back(line);
    }
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return lines;
}

/// Why there is no answer. One that is too long concerns this request alone: the site is there. One
/// that cannot prove to be the site, or is where no backend may be, is as good as none.
Error failure_of(const Error& error) {
  ErrorCode code = error.code();
  if (code == ErrorCode::kResourceExhausted) {
    code = ErrorCode::kCorrupt;
  } else if (code == ErrorCode::kPermissionDenied) {
    code = ErrorCode::kUnavailable;
  }
  return Error(code, error.message()).with_context("asking ERPNext");
}

/// The rest of a line that begins with `word` and a blank; empty for others.
std::string_view behind(std::string_view line, std::string_view word) {
  const bool fits = line.starts_with(word) && line.size() > word.size() && line[word.size()] == ' ';
  return fits ? trim_blanks(line.substr(word.size())) : std::string_view();
}

}  // namespace

ErpnextClient::Credentials erpnext_credentials_from_file(FileSystem& files, std::string path) {
  return [&files, path = std::move(path)]() -> Result<Secret> {
    VC_TRY(const std::vector<std::string> lines, lines_of(files, path));
    if (lines.empty() || !is_credential(lines.front())) {
      return Error(ErrorCode::kUnavailable,
                   fmt::format("cannot use the credentials of ERPNext: '{}' must begin with the "
                               "line <key>:<secret>",
                               path));
    }
    return Secret(lines.front());
  };
}

Result<Secret> erpnext_direct_credential(FileSystem& files, const std::string& path) {
  VC_TRY(const std::vector<std::string> lines, lines_of(files, path));
  std::string_view found = lines.empty() ? std::string_view() : std::string_view(lines.front());
  for (const std::string& line : lines) {
    if (line == "direct" || line.starts_with("direct ")) {
      found = behind(line, "direct");
      break;
    }
  }
  if (!is_credential(found)) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("cannot use the credentials of ERPNext: '{}' must hold the line "
                             "direct <key>:<secret>, or begin with <key>:<secret>",
                             path));
  }
  return Secret(std::string(found));
}

Result<std::vector<Secret>> erpnext_webhook_secrets(FileSystem& files, const std::string& path) {
  VC_TRY(const std::vector<std::string> lines, lines_of(files, path));
  std::vector<Secret> secrets;
  for (const std::string& line : lines) {
    const std::string_view secret = behind(line, "webhook");
    if (!secret.empty()) {
      secrets.emplace_back(std::string(secret));
    }
  }
  return secrets;
}

ErpnextClient::ErpnextClient(Deps deps, ErpnextSettings settings)
    : deps_(std::move(deps)),
      settings_(std::move(settings)),
      self_(std::make_shared<ErpnextClient*>(this)) {}

void ErpnextClient::reconfigure(ErpnextSettings settings, Credentials credentials) {
  if (!(settings == settings_)) {
    quiet_until_ = MonoTime{};
  }
  settings_ = std::move(settings);
  deps_.credentials = std::move(credentials);
  credential_.reset();
}

Result<Secret> ErpnextClient::credential() {
  const MonoTime now = deps_.reactor.now();
  if (!credential_ || now >= credential_until_) {
    credential_.reset();
    VC_TRY(Secret read, deps_.credentials());
    credential_ = std::move(read);
    credential_until_ = now + kCredentialKept;
  }
  return *credential_;
}

Duration ErpnextClient::quiet_for() const {
  return std::max<Duration>(quiet_until_ - deps_.reactor.now(), Duration(0));
}

void ErpnextClient::call_method(const std::string& method, JsonText parameters, OnAnswer done) {
  parameters.text("company", settings_.company);
  send("POST", "/api/method/" + method, parameters.take(), std::move(done));
}

void ErpnextClient::create(const std::string& doctype, Json document, OnAnswer done) {
  document["company"] = settings_.company;
  send("POST", "/api/resource/" + url_escaped(doctype), dump_json(document), std::move(done));
}

void ErpnextClient::update(const std::string& doctype,
                           const std::string& name,
                           Json changes,
                           OnAnswer done) {
  // PATCH is a 404 here, and a `name` in the body would aim at another document.
  changes["company"] = settings_.company;
  changes.erase("name");
  send("PUT", fmt::format("/api/resource/{}/{}", url_escaped(doctype), url_escaped(name)),
       dump_json(changes), std::move(done));
}

void ErpnextClient::find(const std::string& doctype,
                         const std::string& field,
                         const std::string& value,
                         OnAnswer done) {
  const Json filters = {{field, "=", value}, {"company", "=", settings_.company}};
  send("GET",
       fmt::format("/api/resource/{}?filters={}&fields={}&limit_page_length=1",
                   url_escaped(doctype), url_escaped(dump_json(filters)), url_escaped(R"(["*"])")),
       "", std::move(done));
}

void ErpnextClient::read(const std::string& doctype,
                         const std::vector<std::string>& names,
                         OnAnswer done) {
  const Json filters = {{"name", "in", names}, {"company", "=", settings_.company}};
  send("GET",
       fmt::format("/api/resource/{}?filters={}&fields={}&limit_page_length={}",
                   url_escaped(doctype), url_escaped(dump_json(filters)), url_escaped(R"(["*"])"),
                   names.size()),
       "", std::move(done));
}

void ErpnextClient::send(std::string method,
                         const std::string& path,
                         std::string body,
                         OnAnswer done) {
  const auto fail = [this, &done](Error error) {
    deps_.reactor.post(
        [done = std::move(done), error = std::move(error), alive = std::weak_ptr(self_)] {
          if (!alive.expired()) {
            done(error);
          }
        });
  };
  if (settings_.url.empty()) {
    fail(
        Error(ErrorCode::kUnavailable,
              "cannot ask ERPNext: the tenant has none any more; give it its backend back, or drop "
              "the entry"));
    return;
  }
  if (const Duration quiet = quiet_for(); quiet > Duration(0)) {
    fail(Error(
        ErrorCode::kResourceExhausted,
        fmt::format("cannot ask ERPNext: it asked for quiet for {} more", format_duration(quiet))));
    return;
  }
  const Result<Secret> token = credential();
  if (token.has_error()) {
    fail(token.error());
    return;
  }
  HttpCall call;
  call.method = std::move(method);
  call.url = settings_.url + path;
  call.headers = {{"Authorization", "token " + token->reveal()}, {"Accept", "application/json"}};
  if (!settings_.site.empty()) {
    call.headers.emplace_back("X-Frappe-Site-Name", settings_.site);
  }
  if (!body.empty()) {
    call.headers.emplace_back("Content-Type", "application/json");
  }
  call.body = std::move(body);
  call.timeout = settings_.timeout;
  call.max_body = kMaxErpnextAnswer;
  deps_.transport(std::move(call),
                  [this, done = std::move(done), begun = deps_.reactor.now(),
                   alive = std::weak_ptr(self_)](const Result<HttpResponse>& response) {
                    if (alive.expired()) {
                      return;
                    }
                    figures_.waited += deps_.reactor.now() - begun;
                    if (response.has_error()) {
                      const bool is_late = response.error().code() == ErrorCode::kTimeout;
                      ++figures_.requests[is_late ? "timeout" : "unreachable"];
                      done(failure_of(response.error()));
                      return;
                    }
                    ErpnextAnswer answer = read_erpnext_answer(*response);
                    ++figures_.requests[std::string(name_of(answer.verdict))];
                    if (answer.verdict == ErpnextVerdict::kUnauthorized ||
                        answer.verdict == ErpnextVerdict::kForbidden) {
                      credential_.reset();
                    }
                    if (answer.quiet) {
                      quiet_until_ = deps_.reactor.now() + std::min(*answer.quiet, kLongestQuiet);
                    }
                    done(std::move(answer));
                  });
}

}  // namespace voicectl::runtime
