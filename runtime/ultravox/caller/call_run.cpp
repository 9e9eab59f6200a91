// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/caller/call_run.h"

#include <fmt/core.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

namespace voicectl {
namespace {

/// Events that say what a tool call has brought about.
bool is_effect(const std::string& type) {
  return type == "order.created" || type == "appointment.booked" ||
         type == "appointment.alternatives" || type == "ticket.created";
}

bool is_end(const std::string& type) {
  return type == "session.completed" || type == "session.failed";
}

/// Milliseconds after midnight of "2026-11-21T09:30:00.123Z".
std::optional<std::int64_t> milliseconds_of_day(const std::string& time) {
  if (time.size() < 23 || time[10] != 'T') {
    return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t length) {
    std::int64_t out = 0;
    std::from_chars(time.data() + at, time.data() + at + length, out);
    return out;
  };
  return ((number(11, 2) * 60 + number(14, 2)) * 60 + number(17, 2)) * 1000 + number(20, 3);
}

}  // namespace

Result<WebSocketUrl> parse_websocket_url(const std::string& url) {
  constexpr std::string_view kScheme = "ws://";
  const Error refusal(ErrorCode::kInvalidArgument,
                      fmt::format("cannot join '{}': only ws:// addresses of the stand-in can be "
                                  "joined from here",
                                  url));
  if (!url.starts_with(kScheme)) {
    return refusal;
  }
  const std::size_t slash = url.find('/', kScheme.size());
  const std::string authority = url.substr(kScheme.size(), slash - kScheme.size());
  const std::size_t colon = authority.rfind(':');
  std::int64_t number = 80;
  if (colon != std::string::npos) {
    number = 0;
    std::from_chars(authority.data() + colon + 1, authority.data() + authority.size(), number);
  }
  const Result<Port> port = Port::make(number);
  if (port.has_error()) {
    return refusal;
  }
  return WebSocketUrl{authority.substr(0, colon), *port,
                      slash == std::string::npos ? "/" : url.substr(slash)};
}

CallRun::CallRun(AsioReactor& reactor,
                 HttpClient& http,
                 WebSocketClient& sockets,
                 const WallClock& wall,
                 CallOptions options,
                 OnLine on_line)
    : reactor_(reactor),
      http_(http),
      sockets_(sockets),
      wall_(wall),
      options_(std::move(options)),
      on_line_(std::move(on_line)) {}

void CallRun::start(Completion<CallReport> done) {
  done_ = std::move(done);
  started_ = reactor_.now();
  reactor_.call_after(options_.timeout, [this] {
    fail(Error(ErrorCode::kTimeout,
               fmt::format("cannot finish the call within {}", format_duration(options_.timeout))),
         "waiting for the session's end");
  });
  create();
}

void CallRun::create() {
  HttpCall call;
  call.method = "POST";
  call.url = fmt::format("http://{}:{}/api/sessions", options_.edge_host, options_.edge_port);
  call.headers = {{"Host", options_.host},
                  {"X-API-Key", options_.api_key.reveal()},
                  {"Content-Type", "application/json"}};
  call.body = dump_json(
      {{"customer_name", options_.customer_name}, {"customer_phone", options_.customer_phone}});
  http_.send(call, [this](const Result<HttpResponse>& response) {
    if (response.has_error()) {
      fail(response.error(), "creating a session");
      return;
    }
    const Result<Json> body = parse_json(response->body);
    if (response->status != 201 || body.has_error()) {
      fail(Error(ErrorCode::kUnavailable,
                 fmt::format("cannot create a session: the answer was {} {}", response->status,
                             response->body.substr(0, 300))),
           options_.host);
      return;
    }
    report_.creation = reactor_.now() - started_;
    report_.session_id = string_or(*body, "session_id", "");
    report_.join_url = string_or(*body, "join_url", "");
    on_line_(fmt::format("session {} in {}, join at {}", report_.session_id,
                         format_duration(report_.creation), report_.join_url));
    follow(
        fmt::format("/ws/sessions/{}?token={}", report_.session_id, string_or(*body, "token", "")));
  });
}

void CallRun::follow(const std::string& target) {
  WebSocketCall call;
  call.host = options_.edge_host;
  call.port = *Port::make(options_.edge_port);
  call.host_header = options_.host;
  call.target = target;
  sockets_.connect(call, [this](const Result<std::shared_ptr<WebSocket>>& socket) {
    if (socket.has_error()) {
      fail(socket.error(), "following the session's events");
      return;
    }
    events_ = *socket;
    events_->set_handlers(
        {[this](const std::string& text) { take_event(text); },
         [this](std::uint16_t code) {
           fail(Error(ErrorCode::kUnavailable, fmt::format("cannot follow: closed with {}", code)),
                "following the session's events");
         }});
    join();
  });
}

void CallRun::join() {
  const Result<WebSocketUrl> url = parse_websocket_url(report_.join_url);
  if (url.has_error()) {
    fail(url.error(), "joining the call");
    return;
  }
  WebSocketCall call;
  call.host = url->host;
  call.port = url->port;
  call.host_header = url->host;
  call.target = url->target;
  sockets_.connect(call, [this](const Result<std::shared_ptr<WebSocket>>& socket) {
    if (socket.has_error()) {
      fail(socket.error(), "joining the call");
      return;
    }
    voice_ = *socket;
    voice_->set_handlers(
        {[this](const std::string& text) { take_speech(text); }, [](std::uint16_t) {}});
  });
}

void CallRun::take_speech(const std::string& text) {
  const Result<Json> message = parse_json(text);
  if (message.has_error() || string_or(*message, "type", "") != "transcript" ||
      !message->value("final", false)) {
    return;
  }
  const std::string said = string_or(*message, "text", string_or(*message, "delta", ""));
  if (!said.empty()) {
    on_line_(fmt::format("  {:>8}: {}", string_or(*message, "role", "?"), said));
  }
}

void CallRun::take_event(const std::string& text) {
  const std::optional<std::int64_t> arrived = milliseconds_of_day(format_wall_time(wall_.now()));
  const Result<Json> event = parse_json(text);
  if (event.has_error()) {
    fail(event.error(), "reading an event");
    return;
  }
  const std::int64_t number = integer_or(*event, "seq", -1);
  const std::string type = string_or(*event, "type", "?");
  report_.numbers_are_whole = report_.numbers_are_whole && number == last_number_ + 1;
  last_number_ = number;
  report_.events.push_back(type);
  on_line_(fmt::format("  [{:>2}] {} {}", number, type,
                       event->contains("data") ? dump_json((*event)["data"]).substr(0, 160) : ""));
  if (type == "tool.called") {
    tool_called_at_ = string_or(*event, "at", "");
  }
  if (is_effect(type) && tool_called_at_ && arrived) {
    if (const auto called = milliseconds_of_day(*tool_called_at_)) {
      report_.tool_to_event = std::chrono::milliseconds(*arrived - *called);
    }
  }
  if (is_end(type)) {
    finish(report_);
  }
}

void CallRun::finish(Result<CallReport> outcome) {
  if (!done_) {
    return;
  }
  for (const std::shared_ptr<WebSocket>& socket : {events_, voice_}) {
    if (socket != nullptr) {
      socket->set_handlers({});
    }
  }
  std::exchange(done_, nullptr)(std::move(outcome));
}

void CallRun::fail(Error error, const std::string& doing) {
  finish(std::move(error).with_context(doing));
}

}  // namespace voicectl
