// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/runtime/runtime_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "base/crypto.h"
#include "runtime/ultravox/events.h"
#include "runtime/webhook/tools.h"

namespace voicectl::runtime {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

}  // namespace

FreePort bind_free_port() {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof(address);
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  VC_CHECK(::bind(listener.get(), raw, size) == 0 && ::listen(listener.get(), 64) == 0 &&
               ::getsockname(listener.get(), raw, &size) == 0,
           "a free port can be bound");
  return {std::move(listener), ntohs(address.sin_port)};
}

WebSocketClient::WebSocketClient(AsioReactor& reactor,
                                 std::uint16_t port,
                                 const std::string& path,
                                 const std::string& origin)
    : reactor_(reactor), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_in address = loopback(port);
  const std::string request = fmt::format(
      "GET {} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n",
      path, origin.empty() ? "" : "Origin: " + origin + "\r\n");
  VC_CHECK(
      ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0,
      "the listener's backlog takes the connection");
  VC_CHECK(::send(socket_.get(), request.data(), request.size(), 0) ==
               static_cast<ssize_t>(request.size()),
           "a short request fits into the socket");
  watch_ = reactor_.watch_readable(socket_.get(), [this] { read(); });
}

WebSocketClient::~WebSocketClient() {
  if (socket_.is_open()) {
    reactor_.unwatch(watch_);
  }
}

void WebSocketClient::send(const std::string& bytes) {
  VC_CHECK(::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(bytes.size()),
           "some hundred bytes fit into the socket");
}

void WebSocketClient::read() {
  char bytes[65536];
  const ssize_t count = ::recv(socket_.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
  if (count <= 0) {
    reactor_.unwatch(watch_);
    socket_.close();
    return;
  }
  unread_.append(bytes, static_cast<std::size_t>(count));
  take_bytes();
}

void WebSocketClient::take_bytes() {
  if (status_line_.empty()) {
    const std::size_t end = unread_.find("\r\n\r\n");
    if (end == std::string::npos) {
      return;
    }
    status_line_ = unread_.substr(0, unread_.find("\r\n"));
    unread_.erase(0, end + 4);
  }
  while (take_frame()) {
  }
}

bool WebSocketClient::take_frame() {
  if (unread_.size() < 2) {
    return false;
  }
  const auto byte = [this](std::size_t i) { return static_cast<unsigned char>(unread_[i]); };
  std::size_t length = byte(1) & 0x7fU;
  const std::size_t head = length == 126 ? 4 : 2;
  if (unread_.size() < head) {
    return false;
  }
  if (length == 126) {
    length = static_cast<std::size_t>(byte(2) << 8U) | byte(3);
  }
  if (unread_.size() < head + length) {
    return false;
  }
  const unsigned opcode = byte(0) & 0x0fU;
  if (opcode == 1) {
    texts_.push_back(unread_.substr(head, length));
  } else if (opcode == 8 && length >= 2) {
    close_code_ = static_cast<std::uint16_t>((byte(head) << 8U) | byte(head + 1));
    close_reason_ = unread_.substr(head + 2, length - 2);
  }
  unread_.erase(0, head + length);
  return true;
}

ScriptedUltravox::ScriptedUltravox(AsioReactor& reactor)
    : server_(reactor,
              {[this](const HttpRequest& request, const std::shared_ptr<Responder>& responder) {
                 answer(request, responder);
               },
               {}}) {
  FreePort port = bind_free_port();
  port_ = port.number;
  server_.serve(std::move(port.listener));
}

std::string ScriptedUltravox::endpoint() const {
  return fmt::format("http://127.0.0.1:{}/api", port_);
}

HttpResponse ScriptedUltravox::new_call() {
  ++made_;
  const std::string body =
      fmt::format(R"({{"callId":"call-{}","joinUrl":"wss://voice.example/{}"}})", made_, made_);
  HttpResponse response = json_response(status, status == 201 ? body : R"({"detail":"no"})");
  response.headers.emplace_back("Retry-After", "7");
  return response;
}

void ScriptedUltravox::speak() {
  holds_calls = false;
  for (const std::shared_ptr<Responder>& responder : std::exchange(held_, {})) {
    responder->send(new_call());
  }
}

void ScriptedUltravox::answer(const HttpRequest& request,
                              const std::shared_ptr<Responder>& responder) {
  if (request.path == "/api/calls") {
    calls.push_back(request.body);
    if (holds_calls) {
      held_.push_back(responder);
    } else {
      responder->send(new_call());
    }
  } else if (is_mute) {
    unanswered_.push_back(responder);
  } else if (request.path.ends_with("/send_data_message")) {
    if (member(request.body, "type") == "user_text_message") {
      told.push_back(request.body);
    } else if (hang_up_status == 204) {
      hung_up.push_back(request.path.substr(11, request.path.find('/', 11) - 11));
    }
    responder->send({hang_up_status, {}, {}});
  } else if (!request.path.ends_with("/messages")) {
    const std::string call = request.path.substr(request.path.rfind('/') + 1);
    responder->send(
        json_response(call_status, fmt::format(R"({{"callId":"{}",{}}})", call, call_members)));
  } else {
    responder->send(json_response(200, fmt::format(R"({{"results":{},"next":null}})", messages)));
  }
}

RuntimeFixture::RuntimeFixture()
    : http_(loop_.reactor()),
      offload_(std::make_unique<ThreadOffload>(loop_.reactor())),
      ultravox(loop_.reactor()) {}

RuntimeFixture::~RuntimeFixture() = default;

Secret RuntimeFixture::webhook_secret(const std::string& slug) {
  return Secret("webhook-secret-of-" + slug);
}

Secret RuntimeFixture::tool_secret(const std::string& slug) {
  return Secret("tool-secret-of-" + slug);
}

TenantDeps RuntimeFixture::deps() {
  TenantDeps deps{loop_.reactor(), clock, random_, files_, http_, *InstanceId::parse("shared-0"),
                  parking};
  deps.ultravox_timeout = ultravox_timeout;
  return deps;
}

void RuntimeFixture::write_config(const std::string& slug) {
  Json keys = Json::array();
  for (const char* scope : {"admin", "staff", "widget"}) {
    keys.push_back({{"id", scope}, {"sha256", sha256_hex(slug + "-" + scope)}, {"scope", scope}});
  }
  Json platform = {
      {"base_url", "https://" + slug + ".qastco.com"},
      {"webhook_base", "http://127.0.0.1:1"},
      {"ultravox", {{"endpoint", ultravox.endpoint()}, {"api_key_file", folder_.path("key")}}}};
  if (backend_networks) {
    platform["backend_networks"] = *backend_networks;
  }
  const Json store =
      redis_url.empty() ? Json{{"kind", "embedded"}} : Json{{"kind", "redis"}, {"url", redis_url}};
  const Json tenant = {
      {"slug", slug},
      {"name", slug},
      {"business_type", "restaurant"},
      {"limits", Json::parse(limits)},
      {"backend", Json::parse(backend)},
      {"menu", {{{"name", "Margherita Pizza"}, {"price", "18.99"}, {"prep_time", 15}}}}};
  const Json document = {{"apiVersion", "voicectl/v1"},
                         {"kind", "TenantConfig"},
                         {"generation", 1},
                         {"platform", platform},
                         {"store", store},
                         {"secrets",
                          {{"webhook_secrets", {webhook_secret(slug).reveal()}},
                           {"tool_secret", tool_secret(slug).reveal()},
                           {"store_owner", "owner-of-" + slug}}},
                         {"keys_file", keys_path(slug)},
                         {"tenant", tenant}};
  write_keys(slug, keys);
  VC_CHECK(files_.replace_atomically(folder_.path("key"), "api-key", kPrivateFile).has_value() &&
               files_.replace_atomically(config_path(slug), dump_json(document), kPrivateFile)
                   .has_value() &&
               files_.make_directory(data_folder(slug), kPrivateDirectory).has_value(),
           "the temporary folder can be written");
}

void RuntimeFixture::write_keys(const std::string& slug, const Json& keys) {
  const Json document = {
      {"apiVersion", "voicectl/v1"}, {"kind", "TenantKeys"}, {"tenant", slug}, {"keys", keys}};
  VC_CHECK(
      files_.replace_atomically(keys_path(slug), dump_json(document), kPrivateFile).has_value(),
      "the temporary folder can be written");
}

Result<RuntimeFixture::Served> RuntimeFixture::open(const std::string& slug, FencingToken token) {
  write_config(slug);
  FreePort port = bind_free_port();
  TenantLease lease{token, config_path(slug), data_folder(slug), {}, std::move(port.listener)};
  std::optional<Result<std::unique_ptr<TenantHost>>> opened;
  TenantHost::open(
      deps(), *offload_, std::move(lease), [](const std::optional<Error>&) {},
      [&opened](Result<std::unique_ptr<TenantHost>> host) { opened.emplace(std::move(host)); });
  VC_CHECK(run_until([&opened] { return opened.has_value(); }), "opening ends in time");
  if (opened->has_error()) {
    return opened->error();
  }
  return Served{std::move(**opened), port.number};
}

void RuntimeFixture::close(Served& served) {
  bool closed = false;
  served.host->close([&closed] { closed = true; });
  VC_CHECK(run_until([&closed] { return closed; }), "closing ends in time");
  served.host.reset();
}

HttpResponse RuntimeFixture::send(const Served& served,
                                  const std::string& method,
                                  const std::string& path,
                                  const std::string& body,
                                  HttpHeaders headers) {
  return send(served.port, method, path, body, std::move(headers));
}

HttpResponse RuntimeFixture::send(std::uint16_t port,
                                  const std::string& method,
                                  const std::string& path,
                                  const std::string& body,
                                  HttpHeaders headers) {
  HttpCall call;
  call.method = method;
  call.url = fmt::format("http://127.0.0.1:{}{}", port, path);
  call.headers = std::move(headers);
  call.body = body;
  std::optional<Result<HttpResponse>> answer;
  http_.send(std::move(call),
             [&answer](Result<HttpResponse> response) { answer.emplace(std::move(response)); });
  VC_CHECK(run_until([&answer] { return answer.has_value(); }), "an answer comes in time");
  return answer->has_error() ? HttpResponse{0, {}, answer->error().text()} : std::move(**answer);
}

std::vector<HttpResponse> RuntimeFixture::send_at_once(const Served& served,
                                                       std::size_t count,
                                                       const std::string& method,
                                                       const std::string& path,
                                                       const std::string& body,
                                                       const HttpHeaders& headers) {
  std::vector<HttpResponse> answers;
  HttpCall call;
  call.method = method;
  call.url = path;
  call.headers = headers;
  call.body = body;
  begin(served, count, call, answers);
  VC_CHECK(run_until([&] { return answers.size() == count; }), "all answers come in time");
  return answers;
}

void RuntimeFixture::begin(const Served& served,
                           std::size_t count,
                           const HttpCall& call,
                           std::vector<HttpResponse>& answers) {
  for (std::size_t i = 0; i < count; ++i) {
    HttpCall one = call;
    one.url = fmt::format("http://127.0.0.1:{}{}", served.port, call.url);
    http_.send(std::move(one), [&answers](Result<HttpResponse> response) {
      answers.push_back(response.has_error() ? HttpResponse{0, {}, response.error().text()}
                                             : std::move(*response));
    });
  }
}

HttpResponse RuntimeFixture::create_session(const Served& served, const std::string& request_id) {
  HttpHeaders headers = {{"X-API-Key", served.host->config().tenant.str() + "-widget"}};
  if (!request_id.empty()) {
    headers.emplace_back("X-Request-Id", request_id);
  }
  return send(served, "POST", "/api/sessions",
              R"({"customer_name":"Ann","customer_phone":"+1-555"})", headers);
}

HttpResponse RuntimeFixture::run_tool(const Served& served,
                                      const std::string& session,
                                      const std::string& body,
                                      const std::string& request_id) {
  return run_tool(served.port, served.host->config().tenant.str(), session, body, request_id);
}

HttpResponse RuntimeFixture::run_tool(std::uint16_t port,
                                      const std::string& tenant,
                                      const std::string& session,
                                      const std::string& body,
                                      const std::string& request_id) {
  const Result<SessionId> id = SessionId::parse(session);
  VC_CHECK(id.has_value(), "the test names a session");
  HttpHeaders headers = {
      {std::string(kSessionHeader), session},
      {std::string(kToolTokenHeader), make_tool_token(tool_secret(tenant), *id).reveal()}};
  if (!request_id.empty()) {
    headers.emplace_back("X-Request-Id", request_id);
  }
  return send(port, "POST", "/webhook/" + tenant + "/tools/placeOrder", body, headers);
}

HttpResponse RuntimeFixture::post_event(const Served& served,
                                        const std::string& event,
                                        const std::string& call_id,
                                        const std::string& session) {
  const std::string body = fmt::format(
      R"({{"event":"{}","call":{{"callId":"{}","endReason":"hangup","metadata":{{"session_id":"{}"}}}}}})",
      event, call_id, session);
  const std::string timestamp = format_wall_time(clock.now());
  const std::string tenant = served.host->config().tenant.str();
  return send(served, "POST", "/webhook/" + tenant + "/ultravox", body,
              {{std::string(ultravox::kTimestampHeader), timestamp},
               {std::string(ultravox::kSignatureHeader),
                ultravox::sign_event(webhook_secret(tenant), body, timestamp)}});
}

std::string member(const std::string& json, const std::string& key) {
  const Result<Json> parsed = parse_json(json);
  return parsed.has_value() && parsed->is_object() ? string_or(*parsed, key, "") : "";
}

}  // namespace voicectl::runtime
