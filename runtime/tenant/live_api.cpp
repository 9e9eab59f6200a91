// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/live_api.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "runtime/tenant/admission.h"
#include "runtime/tenant/auth.h"
#include "runtime/tenant/live_follower.h"

namespace voicectl::runtime {
namespace {

/// The fewest that are read at a time while a reader takes little at once.
constexpr std::uint32_t kLeastPage = 16;

/// Unsent bytes with which a replay waits until they are read. Far less than what may wait for a
/// slow reader, so that a healthy one is not taken for that, however much it missed.
constexpr std::size_t kMostUnread = std::size_t{256} * 1024;

/// Clients have nothing to say; some beat like a heart all the same.
constexpr Rate kMostTexts{60, std::chrono::seconds(10)};

/// When one who found no room may try again.
constexpr Duration kSocketWait = std::chrono::seconds(10);

constexpr std::uint16_t kNormal = 1000;
constexpr std::uint16_t kPolicy = 1008;

/// Calendar time may jump, so nobody waits for it longer than this without looking again; and ends
/// that lie close together share a look.
constexpr std::chrono::milliseconds kLongestWait = std::chrono::seconds(30);
constexpr std::chrono::milliseconds kShortestWait{100};

bool is_final(const SessionEvent& event) {
  return event.type == name_of(EventType::kSessionCompleted) ||
         event.type == name_of(EventType::kSessionFailed);
}

}  // namespace

Result<std::optional<std::uint64_t>> parse_after(const HttpRequest& request) {
  const auto found = request.query.find("after");
  if (found == request.query.end()) {
    return std::optional<std::uint64_t>();
  }
  const std::string& text = found->second;
  std::uint64_t after = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), after);
  if (problem != std::errc() || end != text.data() + text.size() || after > INT64_MAX) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot follow events: 'after' must be the number of an event");
  }
  return std::optional(after);
}

LiveApi::LiveApi(TenantScope& scope) : scope_(scope), self_(std::make_shared<LiveApi*>(this)) {}

LiveApi::~LiveApi() {
  if (review_timer_) {
    scope_.reactor.cancel(*review_timer_);
  }
}

LiveApi::FollowerPtr LiveApi::accept(const std::shared_ptr<Exchange>& exchange,
                                     const std::string& tag,
                                     std::optional<SessionId> session) {
  auto follower = std::make_shared<Follower>();
  follower->key_id = exchange->key_id();
  follower->session = std::move(session);
  if (ending_of(*follower, scope_.clock.now())) {
    // The key was revoked between the gate and here.
    refuse_stranger(scope_, exchange);
    return nullptr;
  }
  if (!has_room(follower->session)) {
    refuse_busy(scope_, exchange, Traffic::kApi, {BusyReason::kSockets, kSocketWait});
    return nullptr;
  }
  Result<std::shared_ptr<WebSocket>> socket =
      exchange->upgrade(follower->key_id.empty() ? tag : tag + "#" + follower->key_id);
  if (socket.has_error()) {
    return nullptr;
  }
  follower->socket = std::move(*socket);
  attach(follower);
  return follower;
}

void LiveApi::attach(const FollowerPtr& follower) {
  const auto with_follower = [weak = std::weak_ptr(follower),
                              alive = std::weak_ptr(self_)](auto act) {
    const FollowerPtr one = weak.lock();
    if (!alive.expired() && one != nullptr) {
      act(one);
    }
  };
  WebSocket::Handlers handlers;
  handlers.on_text = [this, with_follower](const std::string&) {
    with_follower([this](const FollowerPtr& one) { take_text(one); });
  };
  handlers.on_close = [this, with_follower](std::uint16_t) {
    with_follower([this](const FollowerPtr& one) { leave(one); });
  };
  handlers.on_moved = [this, with_follower] {
    with_follower([this](const FollowerPtr& one) { leave(one); });
  };
  handlers.note = [weak = std::weak_ptr(follower)] {
    const FollowerPtr one = weak.lock();
    return one ? note_of(*one) : std::string();
  };
  handlers.kept_note = [this, with_follower](std::string& note) {
    // One that nobody follows for any more has no note, which nobody goes on with.
    with_follower([this, &note](const FollowerPtr& one) { append_kept_note(*one, note); });
  };
  follower->socket->set_handlers(std::move(handlers));
  followers_.insert(follower);
  if (follower->session) {
    ++by_session_[*follower->session];
  }
  review_at(end_of(*follower));
}

void LiveApi::take_text(const FollowerPtr& follower) {
  const MonoTime now = scope_.reactor.now();
  if (follower->texts.wait(kMostTexts, now)) {
    follower->socket->close(kPolicy, "too many messages");
  } else {
    follower->texts.take(kMostTexts, now);
  }
}

bool LiveApi::has_room(const std::optional<SessionId>& session) const {
  if (followers_.size() >= scope_.config->traffic.websockets) {
    return false;
  }
  const auto of_session = session ? by_session_.find(*session) : by_session_.end();
  return of_session == by_session_.end() || of_session->second < kMostOfSession;
}

void LiveApi::leave(const FollowerPtr& follower) {
  const bool was_there = followers_.erase(follower) > 0;
  const auto of_session =
      was_there && follower->session ? by_session_.find(*follower->session) : by_session_.end();
  if (of_session != by_session_.end() && --of_session->second == 0) {
    by_session_.erase(of_session);
  }
}

void LiveApi::follow_session(const std::shared_ptr<Exchange>& exchange, const Session& session) {
  const Result<std::optional<std::uint64_t>> after = parse_after(exchange->request());
  if (after.has_error()) {
    exchange->refuse(after.error());
    return;
  }
  const FollowerPtr follower =
      accept(exchange, std::string(kSessionTag) + session.session.str(), session.session);
  if (follower == nullptr) {
    return;
  }
  follower->session_end = token_end(session);
  listen(follower);
  begin(follower, after->value_or(0), session.last_seq);
}

void LiveApi::follow_tenant(const std::shared_ptr<Exchange>& exchange) {
  const Result<std::optional<std::uint64_t>> after = parse_after(exchange->request());
  if (after.has_error()) {
    exchange->refuse(after.error());
    return;
  }
  const FollowerPtr follower = accept(exchange, std::string(kStaffTag), std::nullopt);
  if (follower == nullptr) {
    return;
  }
  listen(follower);
  begin(follower, *after, scope_.book.last_tenant_seq());
}

void LiveApi::listen(const FollowerPtr& follower) {
  // The subscription dies with the follower, and the followers with this.
  EventHub::Sink sink = [this, weak = std::weak_ptr(follower)](
                            std::uint64_t seq, const std::string& text, const SessionEvent& event) {
    if (const FollowerPtr one = weak.lock()) {
      one->take(seq, text);
      if (one->session) {
        note_end(one, event);
      }
    }
  };
  follower->subscription = follower->session
                               ? scope_.hub.listen_to_session(*follower->session, std::move(sink))
                               : scope_.hub.listen_to_tenant(std::move(sink));
}

void LiveApi::begin(const FollowerPtr& follower,
                    std::optional<std::uint64_t> after,
                    std::uint64_t last) {
  if (!after) {
    go_live(follower);
  } else if (*after > last) {
    // Of another store: the tenant was restored from a backup, or the number is made up.
    reload(follower, "unknown");
  } else if (last - *after > kMostReplayed) {
    reload(follower, "too_old");
  } else {
    follower->sent = *after;
    follower->last = last;
    replay(follower);
  }
}

void LiveApi::reload(const FollowerPtr& follower, std::string_view reason) {
  // Whatever happens from now on is news to one that reads everything anew.
  follower->sent = 0;
  follower->tenant_sent.reset();
  follower->replaying = false;
  follower->socket->send_text(fmt::format(R"({{"type":"stream.reload","reason":"{}"}})", reason));
  go_live(follower);
}

void LiveApi::go_live(const FollowerPtr& follower) {
  follower->go_live();
  follower->socket->note_changed();
  review_at(end_of(*follower));
}

void LiveApi::note_end(const FollowerPtr& follower, const SessionEvent& event) {
  if (is_final(event)) {
    follower->session_end = event.at + kTokenAfterEnd;
    follower->socket->note_changed();
    review_at(follower->session_end);
  }
}

std::optional<LiveApi::Ending> LiveApi::ending_of(const Follower& follower, WallTime now) const {
  if (!follower.key_id.empty()) {
    const ApiKey* const key = find_key_by_id(scope_.config->api_keys, follower.key_id);
    if (key == nullptr) {
      return Ending{kPolicy, "the API key was revoked"};
    }
    if (!is_in_force(*key, now)) {
      return Ending{kPolicy, "the API key has expired"};
    }
  }
  // What a long ended session brought is replayed first to those who may read it.
  if (!follower.replaying && follower.session_end && now >= *follower.session_end) {
    return Ending{kNormal, "the session has ended"};
  }
  return std::nullopt;
}

std::optional<WallTime> LiveApi::end_of(const Follower& follower) const {
  const ApiKey* const key = find_key_by_id(scope_.config->api_keys, follower.key_id);
  std::optional<WallTime> end = key == nullptr ? std::nullopt : key->expires_at;
  if (!follower.replaying && follower.session_end && (!end || *follower.session_end < *end)) {
    end = follower.session_end;
  }
  return end;
}

void LiveApi::review_at(std::optional<WallTime> end) {
  if (is_held_) {
    first_end_ = end && (!first_end_ || *end < *first_end_) ? end : first_end_;
    return;
  }
  if (!end || (review_timer_ && review_due_ <= *end)) {
    return;
  }
  if (review_timer_) {
    scope_.reactor.cancel(*review_timer_);
  }
  review_due_ = *end;
  const auto wait = std::clamp(*end - scope_.clock.now(), kShortestWait, kLongestWait);
  review_timer_ = scope_.reactor.call_after(wait, [this] {
    review_timer_.reset();
    review();
  });
}

void LiveApi::review() {
  if (is_held_) {
    must_review_ = true;
    return;
  }
  if (review_timer_) {
    scope_.reactor.cancel(*std::exchange(review_timer_, std::nullopt));
  }
  const WallTime now = scope_.clock.now();
  std::optional<WallTime> next;
  for (const FollowerPtr& follower : followers_) {
    if (const std::optional<Ending> ending = ending_of(*follower, now)) {
      follower->socket->close(ending->code, ending->reason);
      continue;
    }
    if (const std::optional<WallTime> end = end_of(*follower); end && (!next || *end < *next)) {
      next = end;
    }
  }
  review_at(next);
}

void LiveApi::replay(const FollowerPtr& follower) {
  const auto then = [this, follower,
                     alive = std::weak_ptr(self_)](const Result<std::vector<SessionEvent>>& page) {
    if (!alive.expired() && follower->socket->is_open()) {
      take_page(follower, page);
    }
  };
  if (follower->tenant_sent) {
    scope_.store.read_tenant_events(*follower->tenant_sent, follower->page, then);
  } else if (follower->session) {
    scope_.store.read_session_events(*follower->session, follower->sent, follower->page, then);
  } else {
    scope_.store.read_tenant_events(follower->sent, follower->page, then);
  }
}

bool LiveApi::has_gap(const Follower& follower, const std::vector<SessionEvent>& page) const {
  if (page.empty()) {
    // What is too old is gone from the beginning on, and of a session that is long over altogether.
    const bool is_long_over = follower.session_end && scope_.clock.now() >= *follower.session_end;
    return is_long_over && follower.sent < follower.last;
  }
  const SessionEvent& first = page.front();
  const bool is_by_session = follower.session && !follower.tenant_sent;
  return (is_by_session ? first.seq : first.tenant_seq) !=
         follower.tenant_sent.value_or(follower.sent) + 1;
}

void LiveApi::take_page(const FollowerPtr& follower,
                        const Result<std::vector<SessionEvent>>& page) {
  if (page.has_error()) {
    follower->socket->close(kTryAgainLater, "events cannot be read; try again");
    return;
  }
  if (has_gap(*follower, *page)) {
    reload(follower, "too_old");
    return;
  }
  std::size_t sent = 0;
  while (sent < page->size() && follower->socket->unsent() <= kMostUnread) {
    follower->send_again((*page)[sent++]);
  }
  const bool is_all = sent == page->size() && page->size() < follower->page;
  follower->page = std::clamp(static_cast<std::uint32_t>(2 * sent), kLeastPage, kReplayPage);
  follower->socket->note_changed();
  if (is_all && follower->waiting_bytes() <= kMostUnread) {
    go_live(follower);
    return;
  }
  // What happened meanwhile is in the store, and is read from there like the rest.
  follower->waiting.clear();
  replay_when_read(follower);
}

void LiveApi::replay_when_read(const FollowerPtr& follower) {
  follower->socket->on_drained(
      [this, weak = std::weak_ptr(follower), alive = std::weak_ptr(self_)] {
        const FollowerPtr one = weak.lock();
        if (!alive.expired() && one != nullptr && one->socket->is_open()) {
          replay(one);
        }
      });
}

}  // namespace voicectl::runtime
