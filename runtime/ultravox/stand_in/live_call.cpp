// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/stand_in/live_call.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/ultravox/stand_in/json_member.h"

namespace voicectl::ultravox {
namespace {

constexpr Duration kFastLine = std::chrono::milliseconds(20);

/// People say about fifteen characters in a second, and take a breath before.
constexpr Duration kBreath = std::chrono::milliseconds(600);
constexpr Duration kPerCharacter = std::chrono::milliseconds(1000) / 15;
constexpr Duration kLongestLine = std::chrono::seconds(8);

constexpr std::uint16_t kNormalClosure = 1000;

/// What scripts can name: the metadata of the call and its greeting.
Json facts_of(const CallRequest& request) {
  Json facts = request.metadata;
  if (!request.greeting.empty()) {
    facts["greeting"] = request.greeting;
  }
  return facts;
}

const UltravoxTool* find_tool(const CallRequest& request, std::string_view name) {
  const auto found = std::find_if(
      request.tools.begin(), request.tools.end(),
      [&](const UltravoxTool& tool) { return tool.name == name && !tool.url.empty(); });
  return found == request.tools.end() ? nullptr : &*found;
}

std::string_view speaker_name(MessageRole role) {
  return role == MessageRole::kUser ? "user" : "agent";
}

}  // namespace

Duration length_of_line(Pace pace, std::string_view line) {
  if (pace == Pace::kFast) {
    return kFastLine;
  }
  return std::min(kBreath + kPerCharacter * static_cast<long>(line.size()), kLongestLine);
}

LiveCall::LiveCall(Deps deps, CallRecord record, std::shared_ptr<const Script> script)
    : deps_(std::move(deps)), record_(std::move(record)), script_(std::move(script)) {}

LiveCall::~LiveCall() {
  for (const auto& timer : {join_timer_, end_timer_, play_timer_}) {
    if (timer) {
      deps_.reactor.cancel(*timer);
    }
  }
}

void LiveCall::start(std::optional<Duration> auto_join) {
  join_timer_ =
      deps_.reactor.call_after(record_.request.join_timeout, [this] { end(EndReason::kUnjoined); });
  deps_.on_event(record_, "call.started");
  if (auto_join) {
    play_timer_ = deps_.reactor.call_after(*auto_join, [this] { (void)join(nullptr); });
  }
}

Status LiveCall::join(std::shared_ptr<WebSocket> socket) {
  if (record_.joined || record_.ended) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot join call '{}': it {}", record_.call_id,
                             record_.ended ? "has ended" : "has been joined already"));
  }
  deps_.reactor.cancel(*join_timer_);
  if (play_timer_) {
    deps_.reactor.cancel(*play_timer_);
  }
  record_.joined = deps_.clock.now();
  end_timer_ =
      deps_.reactor.call_after(record_.request.max_duration, [this] { end(EndReason::kTimeout); });
  socket_ = std::move(socket);
  listen_to_client();
  deps_.on_event(record_, "call.joined");
  tell_client({{"type", "call_started"}, {"callId", record_.call_id}});
  tell_state("listening");
  if (script_) {
    const auto today = std::chrono::floor<std::chrono::days>(deps_.clock.now());
    run_ = std::make_unique<ScriptRun>(script_, facts_of(record_.request), today);
    after(length_of_line(deps_.pace, ""), &LiveCall::play_next);
  }
  return ok_status();
}

void LiveCall::end(EndReason reason) {
  if (record_.ended) {
    return;
  }
  // Telling may drop the last owner but this one.
  const auto self = shared_from_this();
  for (auto& timer : {join_timer_, end_timer_, play_timer_}) {
    if (timer) {
      deps_.reactor.cancel(*timer);
    }
  }
  run_.reset();
  record_.ended = deps_.clock.now();
  record_.end_reason = reason;
  deps_.on_event(record_, "call.ended");
  record_.billed = true;
  deps_.on_event(record_, "call.billed");
  if (const auto socket = std::exchange(socket_, nullptr)) {
    socket->close(kNormalClosure, "call ended");
  }
}

Status LiveCall::take_data_message(const Json& message) {
  if (!is_live(record_)) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot pass the message on: call '{}' is not live", record_.call_id));
  }
  const std::string type = string_or(message, "type", "");
  if (type == "hang_up") {
    end(EndReason::kHangup);
  } else if (type == "user_text_message" || type == "input_text_message") {
    say(MessageRole::kUser, string_or(message, "text", ""));
  } else if (type == "forced_agent_message") {
    say(MessageRole::kAgent, string_or(message, "content", ""));
  } else if (type == "ping") {
    tell_client({{"type", "pong"}, {"timestamp", member_or_null(message, "timestamp")}});
  } else {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot pass the message on: '{}' is no type that clients send",
                             type.substr(0, 64)));
  }
  return ok_status();
}

void LiveCall::play_next() {
  if (!run_) {
    return;
  }
  const ScriptRun::Next next = run_->next();
  if (const auto* line = std::get_if<ScriptLine>(&next)) {
    play(*line);
  } else if (const auto* tool = std::get_if<ScriptTool>(&next)) {
    play(*tool);
  } else {
    end(EndReason::kAgentHangup);
  }
}

void LiveCall::play(const ScriptLine& line) {
  tell_state(line.speaker == MessageRole::kUser ? "listening" : "speaking");
  say(line.speaker, line.text);
  after(length_of_line(deps_.pace, line.text), &LiveCall::play_next);
}

void LiveCall::play(const ScriptTool& use) {
  const UltravoxTool* tool = find_tool(record_.request, use.tool);
  tell_state("thinking");
  const std::string invocation = fmt::format("{}-{}", record_.call_id.substr(0, 8), ++invocations_);
  record_.messages.push_back({MessageRole::kToolCall, use.arguments, use.tool, invocation});
  if (tool == nullptr) {
    return take_tool_answer(use.tool,
                            {{"error", R"("this call has no such tool")"}, AfterTool::kGoOn, ""});
  }
  const Json arguments = parse_json(use.arguments).value();
  deps_.http.send(make_tool_call(*tool, arguments, record_),
                  [weak = weak_from_this(), name = use.tool](const Result<HttpResponse>& answer) {
                    const auto self = weak.lock();
                    if (self && self->run_) {
                      self->take_tool_answer(name, read_tool_answer(answer));
                    }
                  });
}

void LiveCall::take_tool_answer(const std::string& tool, const ToolAnswer& answer) {
  const std::string invocation = fmt::format("{}-{}", record_.call_id.substr(0, 8), invocations_);
  record_.messages.push_back({MessageRole::kToolResult, answer.outcome.result, tool, invocation});
  update_state(answer.state_update);
  if (answer.then == AfterTool::kHangUp) {
    return end(EndReason::kAgentHangup);
  }
  run_->take(answer.outcome);
  after(length_of_line(deps_.pace, ""), &LiveCall::play_next);
}

void LiveCall::say(MessageRole role, const std::string& text) {
  tell_client({{"type", "transcript"},
               {"role", speaker_name(role)},
               {"medium", "voice"},
               {"text", text},
               {"final", true},
               {"ordinal", record_.messages.size()}});
  record_.messages.push_back({role, text, "", ""});
}

void LiveCall::after(Duration length, void (LiveCall::*task)()) {
  play_timer_ = deps_.reactor.call_after(length, [this, task] { (this->*task)(); });
}

void LiveCall::update_state(const std::string& update) {
  const Result<Json> changes = parse_json(update);
  if (changes.has_value() && changes->is_object()) {
    Json state = parse_json(record_.state).value();
    state.update(*changes);
    record_.state = dump_json(state);
  }
}

void LiveCall::tell_client(const Json& message) {
  if (socket_) {
    socket_->send_text(dump_json(message));
  }
}

void LiveCall::tell_state(std::string_view state) {
  tell_client({{"type", "state"}, {"state", state}});
}

void LiveCall::listen_to_client() {
  if (!socket_) {
    return;
  }
  WebSocket::Handlers handlers;
  handlers.on_text = [weak = weak_from_this()](const std::string& text) {
    const Result<Json> message = parse_json(text);
    if (const auto self = weak.lock(); self && message.has_value()) {
      // The protocol has no answer for a message that makes no sense.
      (void)self->take_data_message(*message);
    }
  };
  handlers.on_close = [weak = weak_from_this()](std::uint16_t code) {
    if (const auto self = weak.lock()) {
      self->socket_.reset();
      self->end(code == kNormalClosure ? EndReason::kHangup : EndReason::kConnectionError);
    }
  };
  socket_->set_handlers(std::move(handlers));
}

}  // namespace voicectl::ultravox
