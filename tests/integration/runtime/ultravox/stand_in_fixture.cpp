// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/runtime/ultravox/stand_in_fixture.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

namespace voicectl::ultravox::test {

using voicectl::test::listen_on_loopback;

Receiver::Receiver(Loop& loop) : port_(Port::make(1).value()) {
  HttpServer::Handlers handlers;
  handlers.on_request = [this](HttpRequest request, std::shared_ptr<Responder> responder) {
    requests.push_back(request);
    if (request.path == ignored_) {
      held_.push_back(std::move(responder));
    } else {
      responder->send(next_answer(request));
    }
  };
  server_ = std::make_unique<HttpServer>(loop.reactor(), std::move(handlers));
  auto listener = listen_on_loopback();
  port_ = listener.port;
  server_->serve(std::move(listener.socket));
}

std::string Receiver::url(std::string_view path) const {
  return "http://127.0.0.1:" + port_.str() + std::string(path);
}

HttpResponse Receiver::next_answer(const HttpRequest& request) {
  const bool is_tool = request.path.starts_with("/tools/");
  if (answers_.empty()) {
    return is_tool ? json_response(200, R"({"order_id":"O-1"})") : HttpResponse{204, {}, ""};
  }
  HttpResponse answer = answers_.front();
  if (answers_.size() > 1) {
    answers_.erase(answers_.begin());
  }
  return answer;
}

std::vector<std::string> Receiver::story() const {
  std::vector<std::string> out;
  for (const HttpRequest& request : requests) {
    const auto event = parse_event(request.body);
    out.push_back(event.has_value() ? event->name : request.path);
  }
  return out;
}

std::vector<HttpRequest> Receiver::at(std::string_view path) const {
  std::vector<HttpRequest> out;
  std::copy_if(requests.begin(), requests.end(), std::back_inserter(out),
               [&](const HttpRequest& request) { return request.path == path; });
  return out;
}

StandInTest::StandInTest() {
  options_.calls.pace = Pace::kFast;
  options_.calls.retry_first = std::chrono::milliseconds(10);
  options_.api_key = Secret(std::string(kKey));
}

void StandInTest::start() {
  auto listener = listen_on_loopback();
  port_ = listener.port;
  const std::string address = "127.0.0.1:" + port_.str();
  base_ = "http://" + address;
  options_.api_base = base_;
  options_.calls.join_base = "ws://" + address;
  stand_in_ =
      std::make_unique<StandIn>(CallBook::Deps{loop_.reactor(), http_, clock_, random_, log_},
                                ScriptBook::built_in(), options_);
  HttpServer::Handlers handlers;
  handlers.on_request = [this](const HttpRequest& request, std::shared_ptr<Responder> responder) {
    stand_in_->answer(request, std::move(responder));
  };
  server_ = std::make_unique<HttpServer>(loop_.reactor(), std::move(handlers));
  server_->serve(std::move(listener.socket));
  UltravoxOptions options;
  options.endpoint = base_ + "/api";
  options.api_key = fixed_api_key(Secret(api_key_));
  options.timeout = client_timeout_;
  client_ = std::make_unique<UltravoxClient>(loop_.reactor(), http_, std::move(options));
}

CallRequest StandInTest::a_request(std::string tool, std::vector<std::string> parameters) const {
  UltravoxTool definition;
  definition.name = tool;
  definition.url = receiver_.url("/tools/" + tool);
  for (std::string& parameter : parameters) {
    definition.dynamic_parameters.push_back({std::move(parameter)});
  }
  definition.token = ToolToken{"X-Tool-Token", Secret("tool-token")};
  definition.static_parameters = {{"X-Session", ParameterLocation::kHeader, "s-1"}};
  CallRequest request;
  request.tools = {std::move(definition)};
  request.metadata = {{"customer_name", "Ann"}, {"customer_phone", "555-0100"}};
  return request;
}

UltravoxResult<Call> StandInTest::try_create(const CallRequest& request) {
  std::optional<UltravoxResult<Call>> created;
  client_->create_call(request, [&](UltravoxResult<Call> call) { created = std::move(call); });
  EXPECT_TRUE(loop_.run_until([&] { return created.has_value(); }));
  return *created;
}

Call StandInTest::create(const CallRequest& request) {
  const auto call = try_create(request);
  EXPECT_TRUE(call.has_value()) << call.error().error.text();
  return call.has_value() ? *call : Call{};
}

Call StandInTest::fetch(const std::string& call_id) {
  std::optional<UltravoxResult<Call>> fetched;
  client_->fetch_call(call_id, [&](UltravoxResult<Call> call) { fetched = std::move(call); });
  EXPECT_TRUE(loop_.run_until([&] { return fetched.has_value(); }));
  EXPECT_TRUE(fetched->has_value()) << fetched->error().error.text();
  return fetched->has_value() ? **fetched : Call{};
}

void StandInTest::register_webhook(std::vector<std::string> events) {
  const Json body = {
      {"url", receiver_.url("/events")}, {"events", std::move(events)}, {"secrets", {kSecret}}};
  EXPECT_EQ(ask("POST", "/api/webhooks", dump_json(body)).status, 201);
}

HttpResponse StandInTest::ask(std::string method, std::string_view path, std::string body) {
  HttpCall call;
  call.method = std::move(method);
  call.url = base_ + std::string(path);
  call.headers = {{"X-API-Key", std::string(kKey)}};
  call.body = std::move(body);
  std::optional<Result<HttpResponse>> answer;
  http_.send(std::move(call), [&](Result<HttpResponse> got) { answer = std::move(got); });
  EXPECT_TRUE(loop_.run_until([&] { return answer.has_value(); }));
  EXPECT_TRUE(answer->has_value()) << answer->error().text();
  return answer->has_value() ? **answer : HttpResponse{};
}

void StandInTest::join(const std::string& call_id) {
  EXPECT_EQ(ask("POST", "/dev/calls/" + call_id + "/join").status, 204);
}

bool StandInTest::wait_for_event(std::string_view event) {
  return loop_.run_until([&] {
    const auto story = receiver_.story();
    return std::find(story.begin(), story.end(), event) != story.end();
  });
}

Customer::Customer(Loop& loop, Port port, const std::string& join_url)
    : loop_(loop), peer_(loop, port), codec_(WebSocketRole::kClient, 1U << 20) {
  const std::string path = join_url.substr(join_url.find("/calls/"));
  peer_.send("GET " + path +
             " HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_TRUE(peer_.wait_for("\r\n\r\n"));
  const std::string received = peer_.take_received();
  EXPECT_TRUE(received.starts_with("HTTP/1.1 101")) << received;
  codec_.feed(received.substr(received.find("\r\n\r\n") + 4));
}

void Customer::send(std::string_view text) {
  peer_.send(voicectl::test::client_text(text));
}

void Customer::close() {
  std::string frame;
  append_masked_frame(frame, Opcode::kClose, "\x03\xe8", 0x01020304);
  peer_.send(frame);
}

bool Customer::hears(std::string_view type, std::string_view text) {
  return loop_.run_until([&] {
    take();
    return std::any_of(heard_.begin(), heard_.end(), [&](const std::string& message) {
      return string_or(Json::parse(message), "type", "") == type &&
             message.find(text) != std::string::npos;
    });
  });
}

bool Customer::is_closed() {
  return loop_.run_until([&] {
    take();
    return closed_;
  });
}

const std::vector<std::string>& Customer::heard() {
  take();
  return heard_;
}

void Customer::take() {
  codec_.feed(peer_.take_received());
  while (const auto event = codec_.next()) {
    if (const auto* text = std::get_if<TextMessage>(&*event)) {
      heard_.push_back(text->text);
    }
    closed_ = closed_ || std::holds_alternative<PeerClose>(*event);
  }
}

}  // namespace voicectl::ultravox::test
