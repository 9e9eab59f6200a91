// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/remote_tools.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/hana/functional/overload.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/crypto.h"
#include "base/json.h"
#include "base/json_text.h"
#include "runtime/webhook/call_deliverer.h"

namespace voicectl::runtime {
namespace {

constexpr std::string_view kPromise =
    "I'm passing that on right now. It takes a moment longer than usual; you'll have the "
    "confirmation shortly. Is there anything else I can do for you meanwhile?";

constexpr std::string_view kGivenUp =
    "I'm sorry, I could not get that through. Somebody will look at it and call you back.";

/// Characters of a hash that tell two requests of one tenant apart.
constexpr std::size_t kKeyLength = 40;

std::string key_of(const ToolCall& call, const Session& session) {
  const std::string told_by =
      call.request_key ? "r/" + *call.request_key
                       : fmt::format("n/{}/{}/{}", session.tool_calls, call.tool->name, call.body);
  return "vt-" + sha256_hex(session.session.str() + "/" + told_by).substr(0, kKeyLength);
}

/// A tool call as it is kept in the outbox, and back.
std::string render_payload(const ToolCall& call) {
  JsonText out;
  return out.text("tool", call.tool->name)
      .json("parameters", call.body)
      .text("request_key", call.request_key.value_or(""))
      .take();
}

const ToolDefinition* tool_named(std::string_view name) {
  for (const ToolDefinition& tool : all_tools()) {
    if (tool.name == name) {
      return &tool;
    }
  }
  return nullptr;
}

Result<RemoteTools::Job> recorded_job(const OutboxEntry& entry) {
  VC_TRY(SessionId session, SessionId::parse(entry.session));
  VC_TRY(const Json payload, parse_json(entry.payload));
  const ToolDefinition* tool = tool_named(string_or(payload, "tool", ""));
  const auto parameters = payload.find("parameters");
  if (tool == nullptr || parameters == payload.end()) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot run '{}': this version does not know it", entry.kind));
  }
  const std::string request_key = string_or(payload, "request_key", "");
  return RemoteTools::Job{{std::move(session), tool, dump_json(*parameters),
                           request_key.empty() ? std::nullopt : std::optional(request_key)},
                          read_tool_request(*tool, *parameters)};
}

/// The same request with what tells it from others.
std::shared_ptr<const ToolRequest> marked(ToolRequest request, const RequestMark& mark) {
  std::visit(boost::hana::overload([&mark](OrderRequest& order) { order.mark = mark; },
                                   [&mark](AppointmentRequest& wish) { wish.mark = mark; },
                                   [&mark](TicketRequest& ticket) { ticket.mark = mark; },
                                   [](Refusal&) {}),
             request);
  return std::make_shared<const ToolRequest>(std::move(request));
}

DeliveryOutcome::Verdict verdict_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kResourceExhausted:
      return DeliveryOutcome::Verdict::kUnreachable;
    case ErrorCode::kConflict:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kCorrupt:
    case ErrorCode::kCancelled:
    case ErrorCode::kFenced:
    case ErrorCode::kInternal:
      return DeliveryOutcome::Verdict::kAgain;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kAlreadyExists:
      return DeliveryOutcome::Verdict::kRefused;
  }
  return DeliveryOutcome::Verdict::kRefused;
}

DeliveryOutcome failure(const Error& error, Duration quiet) {
  DeliveryOutcome outcome;
  outcome.verdict = verdict_of(error.code());
  outcome.error = error.text();
  if (quiet > Duration(0)) {
    outcome.retry_after = quiet;
  }
  return outcome;
}

NewEvent pending_event(const ToolCall& call) {
  return {EventType::kToolPending,
          fmt::format(R"({{"tool":"{}","parameters":{}}})", call.tool->name, call.body)};
}

NewEvent failed_event(const ToolCall& call, std::string_view message) {
  return {EventType::kToolFailed,
          fmt::format(R"({{"tool":"{}","parameters":{},"message":{}}})", call.tool->name, call.body,
                      dump_json(Json(message)))};
}

/// A promise is kept towards the caller too, whatever came of it.
void tell_agent(const Session& session,
                const ToolCall& call,
                const std::string& key,
                const std::string& answer,
                DeliveryOutcome& outcome) {
  if (is_live(session.status) && !session.ultravox_call_id.empty()) {
    outcome.follow_ups.push_back(tell_agent_effect(
        session.session.str(), session.ultravox_call_id, key,
        fmt::format("What the caller asked for with {} has been decided: {} Tell the caller now, "
                    "in the language of this call.",
                    call.tool->name, answer)));
  }
}

std::string given_up_text() {
  return dump_json(Json{{"success", false}, {"error", "failed"}, {"message", kGivenUp}});
}

std::string message_in(const std::string& answer) {
  const Result<Json> parsed = parse_json(answer);
  return parsed.has_value() ? string_or(*parsed, "message", "") : "";
}

}  // namespace

/// One attempt on its way.
struct RemoteTools::Delivery {
  std::string key;
  SharedJob job;
  std::function<void(DeliveryOutcome)> done;
};

RemoteTools::RemoteTools(Deps deps, Duration answer_within)
    : deps_(std::move(deps)),
      answer_within_(answer_within),
      self_(std::make_shared<RemoteTools*>(this)) {}

RemoteTools::~RemoteTools() {
  for (const auto& [key, task] : tasks_) {
    if (task.timer) {
      deps_.reactor.cancel(*task.timer);
    }
  }
}

/// The key under which the same call waits already; empty if there is none.
std::string RemoteTools::same_call(const ToolCall& call) const {
  const auto [begin, end] = by_session_.equal_range(call.session);
  for (auto at = begin; at != end; ++at) {
    const ToolCall& other = tasks_.at(at->second).job->call;
    if (other.tool == call.tool && other.body == call.body) {
      return at->second;
    }
  }
  return {};
}

void RemoteTools::run(Job job, Completion<std::string> done) {
  const SessionId id = job.call.session;
  const Session* session = deps_.book.find(id);
  if (session == nullptr) {
    done(Error(ErrorCode::kNotFound,
               fmt::format("cannot run a tool: there is no session '{}'", id.str())));
    return;
  }
  std::string key = same_call(job.call);
  if (key.empty()) {
    key = key_of(job.call, *session);
  }
  const auto before = tasks_.find(key);
  if (before != tasks_.end() && before->second.is_recorded &&
      deps_.outbox.find_pending(key) == nullptr) {
    // An operator dropped it.
    answer(key, Error(ErrorCode::kCancelled, "cannot say what came of the tool call"));
  }
  const auto [found, is_new] = tasks_.try_emplace(key);
  Task& task = found->second;
  if (is_new) {
    task.job = std::make_shared<const Job>(std::move(job));
    by_session_.emplace(id, key);
  }
  task.waiting.push_back(std::move(done));
  if (!task.timer) {
    task.timer = deps_.reactor.call_after(answer_within_, [this, key] { promise(key); });
  }
  // One that another process recorded waits in the outbox already.
  if (is_new) {
    const OutboxEntry* const recorded = deps_.outbox.find_pending(key);
    task.is_recorded = recorded != nullptr;
    if (recorded == nullptr) {
      const SharedJob held = task.job;
      decide(held->call, key);
    } else if (Result<Job> known = recorded_job(*recorded); known.has_value()) {
      task.job = std::make_shared<const Job>(std::move(*known));
    }
  }
}

void RemoteTools::decide(const ToolCall& call, const std::string& key) {
  // The session learns of it with the outcome, or with the promise: until then it would say nothing
  // that anybody waits for, at the price of the largest write of a call.
  deps_.outbox.commit(Change{},
                      {{std::string(kPrefix) + std::string(call.tool->name), call.session.str(),
                        key, render_payload(call)}},
                      [this, key, alive = std::weak_ptr(self_)](const Status& outcome) {
                        if (alive.expired()) {
                          return;
                        }
                        const auto task = tasks_.find(key);
                        if (outcome.has_error()) {
                          answer(key, outcome.error());
                        } else if (task != tasks_.end()) {
                          task->second.is_recorded = true;
                        }
                      });
}

/// Answers everybody who waits with a promise, once that is durable.
void RemoteTools::promise(const std::string& key) {
  const auto found = tasks_.find(key);
  if (found == tasks_.end() || found->second.waiting.empty()) {
    return;
  }
  Task& task = found->second;
  if (task.timer) {
    deps_.reactor.cancel(*task.timer);
    task.timer.reset();
  }
  const std::string text = dump_json(
      Json{{"success", true}, {"status", "pending"}, {"reference", key}, {"message", kPromise}});
  Change change;
  const Session* session = deps_.book.find(task.job->call.session);
  if (session != nullptr && !task.is_promised) {
    change.session = *session;
    change.session->step = "collecting";
    change.session->extracted_data = task.job->call.body;
    change.events.push_back(pending_event(task.job->call));
  }
  if (task.job->call.request_key) {
    change.response = StoredResponse{*task.job->call.request_key, 200, text, deps_.clock.now()};
  }
  promises_ += task.waiting.size();
  task.is_promised = true;
  deps_.book.commit(std::move(change), [waiting = std::exchange(task.waiting, {}),
                                        text](const Status& outcome) {
    for (const Completion<std::string>& done : waiting) {
      done(outcome.has_error() ? Result<std::string>(outcome.error()) : Result<std::string>(text));
    }
  });
}

void RemoteTools::answer(const std::string& key, const Result<std::string>& text) {
  auto task = tasks_.extract(key);
  if (!task) {
    return;
  }
  const auto [begin, end] = by_session_.equal_range(task.mapped().job->call.session);
  const auto at =
      std::find_if(begin, end, [&key](const auto& entry) { return entry.second == key; });
  if (at != end) {
    by_session_.erase(at);
  }
  if (task.mapped().timer) {
    deps_.reactor.cancel(*task.mapped().timer);
  }
  for (const Completion<std::string>& done : task.mapped().waiting) {
    done(text);
  }
}

Result<RemoteTools::SharedJob> RemoteTools::job_of(const OutboxEntry& entry) const {
  const auto task = tasks_.find(effect_key(entry));
  if (task != tasks_.end()) {
    return task->second.job;
  }
  VC_TRY(Job job, recorded_job(entry));
  return SharedJob(std::make_shared<const Job>(std::move(job)));
}

void RemoteTools::deliver(const OutboxEntry& entry,
                          Attempt attempt,
                          std::function<void(DeliveryOutcome)> done) {
  Result<SharedJob> job = job_of(entry);
  if (job.has_error()) {
    done(failure(job.error(), Duration(0)));
    return;
  }
  ask(std::make_shared<const Delivery>(
          Delivery{effect_key(entry), std::move(*job), std::move(done)}),
      attempt);
}

void RemoteTools::ask(const std::shared_ptr<const Delivery>& delivery, Attempt attempt) {
  const RequestMark mark{delivery->key,
                         attempt == Attempt::kRepeated ? Repetition::kPossible : Repetition::kNone};
  ask_tool(deps_.backend, marked(delivery->job->request, mark),
           [this, delivery, alive = std::weak_ptr(self_)](Result<ToolEffect> effect) {
             if (alive.expired()) {
               return;
             }
             if (effect.has_error()) {
               delivery->done(failure(effect.error(), deps_.backend.quiet_for()));
               return;
             }
             conclude(delivery, std::move(*effect));
           });
}

void RemoteTools::conclude(const std::shared_ptr<const Delivery>& delivery, ToolEffect effect) {
  if (const Session* session = deps_.book.find(delivery->job->call.session)) {
    delivery->done(outcome_of(*delivery, std::move(effect), session));
    return;
  }
  deps_.book.fetch(delivery->job->call.session,
                   [this, delivery, effect = std::move(effect),
                    alive = std::weak_ptr(self_)](const Result<std::optional<Session>>& found) {
                     if (alive.expired()) {
                       return;
                     }
                     if (found.has_error()) {
                       // Its effect is there; the next attempt finds it.
                       DeliveryOutcome again;
                       again.verdict = DeliveryOutcome::Verdict::kAgain;
                       again.error = found.error().text();
                       delivery->done(std::move(again));
                       return;
                     }
                     delivery->done(outcome_of(*delivery, effect, *found ? &**found : nullptr));
                   });
}

DeliveryOutcome RemoteTools::outcome_of(const Delivery& delivery,
                                        ToolEffect effect,
                                        const Session* session) {
  const ToolCall& call = delivery.job->call;
  const auto task = tasks_.find(delivery.key);
  const bool was_promised = task != tasks_.end() && task->second.is_promised;
  DeliveryOutcome outcome;
  const std::string text = effect.answer;
  const bool is_refused = !effect.record && effect.events.empty();
  std::string record;
  if (effect.record) {
    record = effect.record->external_id = effect.record->id;
  }
  if (session != nullptr) {
    outcome.change = change_of_tool(*session, call, std::move(effect), deps_.clock.now());
    if (is_refused && was_promised) {
      outcome.change.events.push_back(failed_event(call, message_in(text)));
    }
  }
  if (session != nullptr && was_promised) {
    tell_agent(*session, call, delivery.key, text, outcome);
  }
  if (call.request_key && !was_promised) {
    outcome.change.response = StoredResponse{*call.request_key, 200, text, deps_.clock.now()};
  }
  outcome.afterwards = [this, key = delivery.key, text, record, alive = std::weak_ptr(self_)] {
    if (alive.expired()) {
      return;
    }
    answer(key, text);
    if (!record.empty() && deps_.on_record) {
      deps_.on_record(record);
    }
  };
  return outcome;
}

std::vector<std::string> RemoteTools::promised() const {
  std::vector<std::string> keys;
  for (const auto& [key, task] : tasks_) {
    if (task.is_promised) {
      keys.push_back(key);
    }
  }
  return keys;
}

void RemoteTools::go_on_with(const std::vector<std::string>& promised, std::uint64_t promises) {
  promises_ += promises;
  for (const std::string& key : promised) {
    const OutboxEntry* const entry = deps_.outbox.find_pending(key);
    if (entry == nullptr) {
      continue;
    }
    const Result<SharedJob> job = job_of(*entry);
    if (job.has_value() &&
        tasks_.try_emplace(key, Task{*job, {}, std::nullopt, true, true}).second) {
      by_session_.emplace((*job)->call.session, key);
    }
  }
}

void RemoteTools::put_off(const OutboxEntry& entry) {
  promise(effect_key(entry));
}

void RemoteTools::give_up(const OutboxEntry& entry, std::function<void(DeliveryOutcome)> done) {
  const Result<SharedJob> job = job_of(entry);
  if (job.has_error()) {
    done({});
    return;
  }
  const auto fetched = [this, job = *job, key = effect_key(entry), done = std::move(done),
                        alive = std::weak_ptr(self_)](const Result<std::optional<Session>>& found) {
    if (alive.expired()) {
      return;
    }
    const ToolCall& call = job->call;
    const std::string text = given_up_text();
    DeliveryOutcome outcome;
    if (found.has_value() && *found) {
      outcome.change.session = **found;
      ++outcome.change.session->tool_calls;
      outcome.change.events.push_back(failed_event(call, kGivenUp));
      const auto task = tasks_.find(key);
      if (task != tasks_.end() && task->second.is_promised) {
        tell_agent(**found, call, key, text, outcome);
      }
    }
    if (call.request_key) {
      outcome.change.response = StoredResponse{*call.request_key, 200, text, deps_.clock.now()};
    }
    outcome.afterwards = [this, key, text, alive] {
      if (!alive.expired()) {
        answer(key, text);
      }
    };
    done(std::move(outcome));
  };
  deps_.book.fetch((*job)->call.session, fetched);
}

}  // namespace voicectl::runtime
