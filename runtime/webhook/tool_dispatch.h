// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "runtime/backend/backend.h"
#include "runtime/session/session_book.h"
#include "runtime/webhook/tool_parameters.h"
#include "runtime/webhook/tools.h"

namespace voicectl::runtime {

/// A tool call that was authenticated.
struct ToolCall {
  SessionId session;
  const ToolDefinition* tool;
  /// JSON as it came.
  std::string body;
  /// What makes a repetition of the request the same one; absent if nobody numbers it.
  std::optional<std::string> request_key;
};

/// What a tool call brought about: the answer for the agent, and what is to be stored with it.
struct ToolEffect {
  /// JSON object for the agent, with "success" and a "message" to speak.
  std::string answer;
  std::vector<NewEvent> events;
  std::optional<BusinessRecord> record;
  std::string doctype;
};

/// Words of an outcome for the agent and for the record. Pure.
ToolEffect effect_of(const OrderOutcome& outcome, const OrderRequest& request);
ToolEffect effect_of(const AppointmentOutcome& outcome, const AppointmentRequest& request);
ToolEffect effect_of(const TicketOutcome& outcome, const TicketRequest& request);
ToolEffect effect_of(const Refusal& refusal);

/// What an effect does to its session. Pure.
Change change_of_tool(const Session& session,
                      const ToolCall& call,
                      ToolEffect effect,
                      WallTime now);

/// Asks `backend` for what an agent wants; a question is answered without it.
void ask_tool(Backend& backend,
              const std::shared_ptr<const ToolRequest>& request,
              Completion<ToolEffect> done);

class RemoteTools;

/// Runs tool calls: reads the parameters, asks the backend, stores everything in one batch, and
/// answers once that is durable.
///
/// THREADS: loop thread only.
class ToolDispatch {
 public:
  /// REQUIRES: all outlive it. `remote` runs what lies beyond the backend.
  ToolDispatch(SessionBook& book, Backend& backend, RemoteTools& remote, const WallClock& clock);

  /// `done` gets the JSON for the agent. A "no" of the business is an answer, not an error.
  /// ERRORS: kInvalidArgument (the body is no JSON); kNotFound (no such session); kConflict (it
  /// has ended); those of the backend and of SessionBook::commit.
  void run(ToolCall call, Completion<std::string> done);

 private:
  void run_here(std::shared_ptr<const ToolCall> call,
                const std::shared_ptr<const ToolRequest>& request,
                Completion<std::string> done);
  void store(const ToolCall& call, ToolEffect effect, Completion<std::string> done);

  SessionBook& book_;
  Backend& backend_;
  RemoteTools& remote_;
  const WallClock& clock_;
  std::shared_ptr<ToolDispatch*> self_;
};

}  // namespace voicectl::runtime
