// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/stand_in/call_book.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/ultravox/events.h"
#include "runtime/ultravox/stand_in/call_intake.h"

namespace voicectl::ultravox {
namespace {

/// The callback of one call for an event; there is none for its start.
const std::optional<Callback>& callback_for(const CallCallbacks& callbacks,
                                            std::string_view event) {
  static const std::optional<Callback> kNone;
  if (event == name_of(EventKind::kCallJoined)) {
    return callbacks.joined;
  }
  if (event == name_of(EventKind::kCallEnded)) {
    return callbacks.ended;
  }
  return event == name_of(EventKind::kCallBilled) ? callbacks.billed : kNone;
}

}  // namespace

CallBook::CallBook(Deps deps, ScriptBook scripts, Options options)
    : deps_(deps),
      scripts_(std::move(scripts)),
      options_(std::move(options)),
      sender_(deps.reactor, deps.http, deps.clock, deps.log, options_.retry_first) {}

Result<std::shared_ptr<LiveCall>> CallBook::create(const Json& body) {
  CallRecord record;
  VC_TRY(record.request, parse_call_request(body));
  record.call_id = make_uuid(deps_.random);
  record.join_url =
      fmt::format("{}/calls/{}/server_web_socket", options_.join_base, record.call_id);
  record.asked = std::make_shared<const Json>(body);
  record.created = deps_.clock.now();
  auto script = scripts_.find(record.request.tools);
  LiveCall::Deps deps{
      deps_.reactor, deps_.http, deps_.clock, options_.pace,
      [this](const CallRecord& call, std::string_view event) { publish(call, event); }};
  auto call = std::make_shared<LiveCall>(std::move(deps), std::move(record), std::move(script));
  forget_oldest();
  calls_.insert(calls_.begin(), call);
  call->start(options_.auto_join);
  return call;
}

std::shared_ptr<LiveCall> CallBook::find(const std::string& call_id) const {
  const auto found = std::find_if(calls_.begin(), calls_.end(), [&](const auto& call) {
    return call->record().call_id == call_id;
  });
  return found == calls_.end() ? nullptr : *found;
}

Status CallBook::remove(const std::string& call_id) {
  const auto call = find(call_id);
  if (call == nullptr) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot delete call '{}': there is none", call_id));
  }
  if (!call->record().ended) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot delete call '{}': it is going on", call_id));
  }
  std::erase(calls_, call);
  return ok_status();
}

void CallBook::publish(const CallRecord& call, std::string_view event) {
  const std::string body = render_event(event, render_call(call));
  std::vector<Callback> targets = webhooks_.targets(event);
  if (const auto& callback = callback_for(call.request.callbacks, event)) {
    targets.push_back(*callback);
  }
  deps_.log.info("standin.call", {{"call", call.call_id},
                                  {"event", event},
                                  {"reason", call.end_reason ? name_of(*call.end_reason) : ""},
                                  {"receivers", targets.size()}});
  for (Callback& target : targets) {
    sender_.send({std::move(target), call.call_id, std::string(event), body});
  }
}

void CallBook::forget_oldest() {
  if (calls_.size() < kMaxCalls) {
    return;
  }
  const auto oldest = std::find_if(calls_.rbegin(), calls_.rend(), [](const auto& call) {
    return call->record().ended.has_value();
  });
  if (oldest != calls_.rend()) {
    calls_.erase(std::next(oldest).base());
  }
}

}  // namespace voicectl::ultravox
