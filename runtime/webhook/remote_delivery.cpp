// SPDX-License-Identifier: Apache-2.0
// Tool calls as entries of the outbox: tried, concluded, given up.
#include <fmt/core.h>

#include <boost/hana/functional/overload.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "runtime/webhook/call_deliverer.h"
#include "runtime/webhook/remote_tools.h"

namespace voicectl::runtime {
namespace {

constexpr std::string_view kGivenUp =
    "I'm sorry, I could not get that through. Somebody will look at it and call you back.";

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
