// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/call_deliverer.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "runtime/webhook/tools.h"

namespace voicectl::runtime {
namespace {

constexpr std::string_view kHangUp = "ultravox.hang_up";
constexpr std::string_view kTellAgent = "ultravox.tell_agent";

/// Longest transcript that is kept with a session.
constexpr std::size_t kMaxTranscript = 200 * 1024;
constexpr std::size_t kMaxSummary = 10 * 1024;

NewEffect call_effect(std::string_view kind, const std::string& session, const std::string& call) {
  return {std::string(kind), session, std::string(kind) + ":" + call,
          dump_json(Json{{"call_id", call}})};
}

/// `text` without the rest of a character that begins before `limit` and ends behind it.
std::string_view cut_text(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) {
    return text;
  }
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) {
    --limit;
  }
  return text.substr(0, limit);
}

std::string transcript_of(const std::vector<ultravox::CallMessage>& messages,
                          const InstructionMarks& marks) {
  std::string text;
  for (const ultravox::CallMessage& message : messages) {
    const bool agent = message.role == ultravox::MessageRole::kAgent;
    // What we told the agent stands among what the caller said.
    const bool caller =
        message.role == ultravox::MessageRole::kUser && !message.text.starts_with(marks.begin);
    const bool spoken = agent || caller;
    if (spoken && !message.text.empty() && text.size() < kMaxTranscript) {
      text.append(agent ? "Agent: " : "Caller: ")
          .append(cut_text(message.text, kMaxTranscript - text.size()))
          .append("\n");
    }
  }
  return text;
}

/// Whether a failure is the service's, this entry's, or no failure at all.
DeliveryOutcome delivery_of(const ultravox::UltravoxError& problem) {
  DeliveryOutcome delivery;
  delivery.error = problem.error.text();
  if (problem.retry_after) {
    delivery.retry_after = *problem.retry_after;
  }
  switch (problem.error.code()) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kResourceExhausted:
      delivery.verdict = DeliveryOutcome::Verdict::kUnreachable;
      return delivery;
    case ErrorCode::kNotFound:
      // Without a status it is our key that was not found.
      delivery.verdict = problem.status ? DeliveryOutcome::Verdict::kRefused
                                        : DeliveryOutcome::Verdict::kUnreachable;
      return delivery;
    case ErrorCode::kInvalidArgument:
      delivery.verdict = DeliveryOutcome::Verdict::kRefused;
      return delivery;
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kConflict:
    case ErrorCode::kFenced:
    case ErrorCode::kCancelled:
    case ErrorCode::kCorrupt:
    case ErrorCode::kInternal:
      // A key that is being replaced among them: no reason to forget a call.
      delivery.verdict = DeliveryOutcome::Verdict::kAgain;
      return delivery;
  }
  return delivery;
}

DeliveryOutcome refused(std::string why) {
  DeliveryOutcome delivery;
  delivery.verdict = DeliveryOutcome::Verdict::kRefused;
  delivery.error = std::move(why);
  return delivery;
}

}  // namespace

NewEffect tell_agent_effect(const std::string& session,
                            const std::string& call_id,
                            std::string_view reference,
                            std::string_view instruction) {
  return {std::string(kTellAgent), session, std::string(kTellAgent) + ":" + std::string(reference),
          dump_json(Json{{"call_id", call_id}, {"instruction", instruction}})};
}

NewEffect hang_up_effect(const std::string& session, const std::string& call_id) {
  return call_effect(kHangUp, session, call_id);
}

NewEffect fetch_call_effect(const std::string& session,
                            const std::string& call_id,
                            std::string_view occasion) {
  NewEffect effect = call_effect(kFetchCall, session, call_id);
  effect.idempotency_key += ":" + std::string(occasion);
  return effect;
}

/// One call whose words are on their way into its session.
struct CallDeliverer::Fetch {
  std::string session;
  ultravox::Call call;
  std::vector<ultravox::CallMessage> messages;
  std::function<void(DeliveryOutcome)> done;
};

CallDeliverer::CallDeliverer(const std::shared_ptr<ultravox::UltravoxClient>& client,
                             const WallClock& clock,
                             SessionBook& book,
                             Handlers handlers)
    : client_(client),
      clock_(clock),
      book_(book),
      handlers_(std::move(handlers)),
      self_(std::make_shared<CallDeliverer*>(this)) {}

void CallDeliverer::deliver(const OutboxEntry& entry,
                            Attempt,
                            std::function<void(DeliveryOutcome)> done) {
  const Result<Json> payload = parse_json(entry.payload);
  const std::string call = payload.has_value() ? string_or(*payload, "call_id", "") : "";
  if (entry.kind == kHangUp) {
    client_->end_call(call, [done = std::move(done)](const ultravox::UltravoxResult<void>& ended) {
      const bool gone = ended.has_error() && ended.error().status &&
                        ended.error().error.code() == ErrorCode::kNotFound;
      done(ended.has_error() && !gone ? delivery_of(ended.error()) : DeliveryOutcome{});
    });
    return;
  }
  if (entry.kind == kTellAgent) {
    tell_agent(entry, call, string_or(*payload, "instruction", ""), std::move(done));
    return;
  }
  if (entry.kind != kFetchCall) {
    done(refused("cannot deliver '" + entry.kind + "': this version does not know it"));
    return;
  }
  const auto fetch = std::make_shared<Fetch>(Fetch{entry.session, {}, {}, std::move(done)});
  client_->fetch_call(call, [this, fetch, alive = std::weak_ptr(self_)](
                                const ultravox::UltravoxResult<ultravox::Call>& read) {
    if (alive.expired()) {
      return;
    }
    if (read.has_error()) {
      fetch->done(delivery_of(read.error()));
      return;
    }
    if (!read->ended) {
      DeliveryOutcome later;
      later.verdict = DeliveryOutcome::Verdict::kAgain;
      later.error = "the call has not ended yet";
      fetch->done(std::move(later));
      return;
    }
    fetch->call = *read;
    fetch_messages(fetch);
  });
}

void CallDeliverer::tell_agent(const OutboxEntry& entry,
                               const std::string& call,
                               const std::string& instruction,
                               std::function<void(DeliveryOutcome)> done) {
  if (clock_.now() - entry.created_at > kOldNews) {
    done({});
    return;
  }
  const Result<SessionId> session = SessionId::parse(entry.session);
  if (session.has_error()) {
    done(refused(session.error().text()));
    return;
  }
  const InstructionMarks marks = handlers_.marks(*session);
  client_->send_text(
      call, marks.begin + instruction + marks.end,
      [done = std::move(done)](const ultravox::UltravoxResult<void>& told) {
        const bool gone = told.has_error() && told.error().status &&
                          told.error().error.code() == ErrorCode::kNotFound;
        done(told.has_error() && !gone ? delivery_of(told.error()) : DeliveryOutcome{});
      });
}

void CallDeliverer::fetch_messages(const std::shared_ptr<Fetch>& fetch) {
  client_->list_messages(
      fetch->call.call_id,
      [this, fetch, alive = std::weak_ptr(self_)](
          const ultravox::UltravoxResult<std::vector<ultravox::CallMessage>>& messages) {
        if (alive.expired()) {
          return;
        }
        if (messages.has_error()) {
          fetch->done(delivery_of(messages.error()));
          return;
        }
        fetch->messages = *messages;
        note(fetch);
      });
}

void CallDeliverer::note(const std::shared_ptr<Fetch>& fetch) {
  const Result<SessionId> id = SessionId::parse(fetch->session);
  if (id.has_error()) {
    fetch->done(refused(id.error().text()));
    return;
  }
  book_.fetch(*id, [this, fetch,
                    alive = std::weak_ptr(self_)](const Result<std::optional<Session>>& found) {
    if (alive.expired()) {
      return;
    }
    DeliveryOutcome delivery;
    if (found.has_error()) {
      delivery.verdict = DeliveryOutcome::Verdict::kAgain;
      delivery.error = found.error().text();
    } else if (*found) {
      const ultravox::Call& call = fetch->call;
      delivery.change = handlers_.outcomes(**found, call, fetch->messages);
      Session& session = *delivery.change.session;
      session.transcript = transcript_of(fetch->messages, handlers_.marks(session.session));
      // What an event brought is not lost to an answer that has none.
      const std::string& summary = call.summary.empty() ? call.short_summary : call.summary;
      session.summary = summary.empty() ? session.summary : summary.substr(0, kMaxSummary);
      delivery.follow_ups = handlers_.follow_ups(session);
      delivery.afterwards = [this, records = delivery.change.records, alive] {
        for (const BusinessRecord& record : records) {
          if (!alive.expired()) {
            handlers_.on_record(record.external_id);
          }
        }
      };
    }
    fetch->done(std::move(delivery));
  });
}

}  // namespace voicectl::runtime
