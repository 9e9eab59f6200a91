// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/os/reactor.h"
#include "base/result.h"
#include "runtime/net/http_client.h"
#include "runtime/net/http_server.h"
#include "runtime/ultravox/stand_in/call_record.h"
#include "runtime/ultravox/stand_in/script_run.h"
#include "runtime/ultravox/stand_in/tool_request.h"

namespace voicectl::ultravox {

/// How fast conversations go: as fast as a test wants, or as people speak.
enum class Pace { kFast, kNatural };

/// How long a line takes.
Duration length_of_line(Pace pace, std::string_view line);

/// One call from its creation to its end: waits for somebody to join, plays its script, calls its
/// tools, and tells what happens.
///
/// THREADS: loop thread only.
class LiveCall : public std::enable_shared_from_this<LiveCall> {
 public:
  struct Deps {
    Reactor& reactor;
    HttpClient& http;
    const WallClock& clock;
    Pace pace;
    /// Told of "call.started", "call.joined", "call.ended" and "call.billed".
    std::function<void(const CallRecord& call, std::string_view event)> on_event;
  };

  LiveCall(Deps deps, CallRecord record, std::shared_ptr<const Script> script);
  ~LiveCall();
  LiveCall(const LiveCall&) = delete;
  LiveCall& operator=(const LiveCall&) = delete;

  /// Begins to wait for somebody to join; with `auto_join` it joins by itself after that time.
  void start(std::optional<Duration> auto_join);

  /// The conversation begins; `socket` is null when nobody listens.
  /// ERRORS: kConflict if somebody has joined already, or the call has ended.
  Status join(std::shared_ptr<WebSocket> socket);

  /// Does nothing when the call has ended.
  void end(EndReason reason);

  /// A data message from a client, over its socket or over the API.
  /// ERRORS: kConflict if the call is not live; kInvalidArgument for what is no such message.
  Status take_data_message(const Json& message);

  const CallRecord& record() const { return record_; }

 private:
  void play_next();
  void play(const ScriptLine& line);
  void play(const ScriptTool& tool);
  void take_tool_answer(const std::string& tool, const ToolAnswer& answer);
  void say(MessageRole role, const std::string& text);
  void after(Duration length, void (LiveCall::*task)());
  void update_state(const std::string& update);
  void tell_client(const Json& message);
  void tell_state(std::string_view state);
  void listen_to_client();

  Deps deps_;
  CallRecord record_;
  std::shared_ptr<const Script> script_;
  std::unique_ptr<ScriptRun> run_;
  std::shared_ptr<WebSocket> socket_;
  std::optional<TimerId> join_timer_;
  std::optional<TimerId> end_timer_;
  std::optional<TimerId> play_timer_;
  int invocations_ = 0;
};

}  // namespace voicectl::ultravox
