// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/session_watch.h"

#include <algorithm>
#include <utility>

#include "runtime/tenant/session_requests.h"

namespace voicectl::runtime {
namespace {

/// How long a session that another process began to create may wait for its request to be
/// repeated. Longer than the edge takes to do so.
constexpr Duration kUnfinishedGrace = std::chrono::seconds(60);

/// How long after its longest duration a session is taken for ended.
constexpr Duration kOverdue = std::chrono::minutes(5);

/// Questions that are put with one look, so that many sessions are no burst at the service.
constexpr std::size_t kMostQuestions = 100;

}  // namespace

SessionWatch::SessionWatch(TenantScope& scope,
                           SessionApi& sessions,
                           CallEvents& events,
                           Policy policy)
    : scope_(scope),
      sessions_(sessions),
      events_(events),
      policy_(policy),
      self_(std::make_shared<SessionWatch*>(this)) {
  look_timer_ = scope_.reactor.call_after(policy_.interval, [this] { look(); });
}

SessionWatch::~SessionWatch() {
  scope_.reactor.cancel(look_timer_);
  if (unfinished_timer_) {
    scope_.reactor.cancel(*unfinished_timer_);
  }
}

void SessionWatch::watch_unfinished() {
  unfinished_.clear();
  for (const Session* session : scope_.book.table().all()) {
    if (session->status == SessionStatus::kInitializing) {
      unfinished_.push_back(session->session);
    }
  }
  if (!unfinished_.empty() && !unfinished_timer_) {
    unfinished_timer_ = scope_.reactor.call_after(kUnfinishedGrace, [this] { fail_unfinished(); });
  }
}

void SessionWatch::fail_unfinished() {
  unfinished_timer_.reset();
  for (const SessionId& id : std::exchange(unfinished_, {})) {
    const Session* session = scope_.book.find(id);
    const bool stuck = session != nullptr && session->status == SessionStatus::kInitializing &&
                       !sessions_.is_creating(id);
    if (stuck) {
      Change change = end_change(*session, "interrupted", scope_.clock.now());
      change.session->status = SessionStatus::kFailed;
      change.events.back().type = EventType::kSessionFailed;
      // If this fails the store opens again, and then it is found unfinished again.
      scope_.book.commit(std::move(change), [](const Status&) {});
    }
  }
}

bool SessionWatch::is_overdue(const Session& session, WallTime now) const {
  const auto longest = std::chrono::ceil<std::chrono::milliseconds>(
      Duration(scope_.config->limits.duration) + kOverdue);
  return session.created_at + longest < now;
}

void SessionWatch::look() {
  look_timer_ = scope_.reactor.call_after(policy_.interval, [this] { look(); });
  const WallTime now = scope_.clock.now();
  const MonoTime turn = scope_.reactor.now();
  std::vector<Session> overdue;
  std::vector<Session> unsure;
  std::map<SessionId, MonoTime> next;
  for (const Session* session : scope_.book.table().all()) {
    if (!is_live(session->status)) {
      continue;
    }
    if (is_overdue(*session, now)) {
      overdue.push_back(*session);
      continue;
    }
    const auto known = next_question_.find(session->session);
    // A session that is new here is asked after once it should have been joined, or have ended.
    const Duration age = now - session->created_at;
    MonoTime due =
        known != next_question_.end()
            ? known->second
            : turn + std::max<Duration>(
                         (session->start_time ? policy_.ask_again : policy_.unjoined) - age,
                         Duration(0));
    if (!session->ultravox_call_id.empty() && turn >= due && unsure.size() < kMostQuestions) {
      due = turn + policy_.ask_again;
      unsure.push_back(*session);
    }
    next.emplace(session->session, due);
  }
  next_question_ = std::move(next);
  for (const Session& session : overdue) {
    sessions_.end_session(session.session, std::string(kNeverToldReason),
                          [](const Result<Session>&) {});
  }
  for (const Session& session : unsure) {
    ask(session);
  }
}

void SessionWatch::ask(const Session& session) {
  scope_.ultravox->fetch_call(session.ultravox_call_id,
                              [this, id = session.session, alive = std::weak_ptr(self_)](
                                  const ultravox::UltravoxResult<ultravox::Call>& answer) {
                                if (!alive.expired()) {
                                  take(id, answer);
                                }
                              });
}

void SessionWatch::take(const SessionId& id,
                        const ultravox::UltravoxResult<ultravox::Call>& answer) {
  const Session* session = scope_.book.find(id);
  if (session == nullptr || !is_live(session->status)) {
    return;
  }
  if (answer.has_error()) {
    const bool is_unknown =
        answer.error().status && answer.error().error.code() == ErrorCode::kNotFound;
    if (is_unknown) {
      sessions_.end_session(id, "call_not_found", [](const Result<Session>&) {});
    }
    return;  // else it is asked after again
  }
  ultravox::CallEvent event;
  event.call = *answer;
  if (answer->ended) {
    event.kind = ultravox::EventKind::kCallEnded;
  } else if (answer->joined && !session->start_time) {
    event.kind = ultravox::EventKind::kCallJoined;
  } else {
    return;
  }
  event.name = ultravox::name_of(event.kind);
  events_.apply(event, *session, std::nullopt, [](const Status&) {});
}

}  // namespace voicectl::runtime
