// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/live_api.h"

#include <charconv>
#include <utility>
#include <vector>

namespace voicectl::runtime {
namespace {

/// Events read from the store at a time, so that a long replay does not hold up other work on it.
constexpr std::uint32_t kReplayPage = 500;

constexpr std::uint16_t kTryAgainLater = 1013;

}  // namespace

/// One WebSocket and how far its events are.
struct LiveApi::Follower {
  std::shared_ptr<WebSocket> socket;
  /// Absent for the tenant's channel.
  std::optional<SessionId> session;
  std::uint64_t sent = 0;
  bool replaying = true;
  /// Live events that came during the replay.
  std::vector<std::pair<std::uint64_t, std::string>> waiting;
  EventHub::Subscription subscription;

  void send(std::uint64_t seq, const std::string& text) {
    if (seq > sent) {
      sent = seq;
      socket->send_text(text);
    }
  }

  void take(std::uint64_t seq, const std::string& text) {
    if (replaying) {
      waiting.emplace_back(seq, text);
    } else {
      send(seq, text);
    }
  }

  void go_live() {
    replaying = false;
    for (const auto& [seq, text] : std::exchange(waiting, {})) {
      send(seq, text);
    }
  }
};

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

LiveApi::~LiveApi() = default;

LiveApi::FollowerPtr LiveApi::accept(const std::shared_ptr<Exchange>& exchange,
                                     const std::string& tag) {
  Result<std::shared_ptr<WebSocket>> socket = exchange->upgrade(tag);
  if (socket.has_error()) {
    return nullptr;
  }
  auto follower = std::make_shared<Follower>();
  follower->socket = std::move(*socket);
  WebSocket::Handlers handlers;
  // Followers only listen; what they say has no meaning yet.
  handlers.on_text = [](const std::string&) {};
  handlers.on_close = [this, weak = std::weak_ptr(follower),
                       alive = std::weak_ptr(self_)](std::uint16_t) {
    if (!alive.expired()) {
      followers_.erase(weak.lock());
    }
  };
  follower->socket->set_handlers(std::move(handlers));
  followers_.insert(follower);
  return follower;
}

void LiveApi::follow_session(const std::shared_ptr<Exchange>& exchange, const SessionId& session) {
  const Result<std::optional<std::uint64_t>> after = parse_after(exchange->request());
  if (after.has_error()) {
    exchange->refuse(after.error());
    return;
  }
  const FollowerPtr follower = accept(exchange, "session/" + session.str());
  if (follower == nullptr) {
    return;
  }
  follower->session = session;
  follower->sent = after->value_or(0);
  follower->subscription = scope_.hub.listen_to_session(
      session, [weak = std::weak_ptr(follower)](std::uint64_t seq, const std::string& text) {
        if (const FollowerPtr one = weak.lock()) {
          one->take(seq, text);
        }
      });
  replay(follower);
}

void LiveApi::follow_tenant(const std::shared_ptr<Exchange>& exchange) {
  const Result<std::optional<std::uint64_t>> after = parse_after(exchange->request());
  if (after.has_error()) {
    exchange->refuse(after.error());
    return;
  }
  const FollowerPtr follower = accept(exchange, "staff");
  if (follower == nullptr) {
    return;
  }
  follower->subscription = scope_.hub.listen_to_tenant(
      [weak = std::weak_ptr(follower)](std::uint64_t seq, const std::string& text) {
        if (const FollowerPtr one = weak.lock()) {
          one->take(seq, text);
        }
      });
  if (after->has_value()) {
    follower->sent = **after;
    replay(follower);
  } else {
    follower->go_live();
  }
}

void LiveApi::replay(const FollowerPtr& follower) {
  const auto then = [this, follower,
                     alive = std::weak_ptr(self_)](const Result<std::vector<SessionEvent>>& page) {
    if (!alive.expired() && follower->socket->is_open()) {
      take_page(follower, page);
    }
  };
  if (follower->session) {
    scope_.store.read_session_events(*follower->session, follower->sent, kReplayPage, then);
  } else {
    scope_.store.read_tenant_events(follower->sent, kReplayPage, then);
  }
}

void LiveApi::take_page(const FollowerPtr& follower,
                        const Result<std::vector<SessionEvent>>& page) {
  if (page.has_error()) {
    follower->socket->close(kTryAgainLater, "events cannot be read; try again");
    return;
  }
  for (const SessionEvent& event : *page) {
    follower->session ? follower->send(event.seq, render_for_session(event))
                      : follower->send(event.tenant_seq, render_for_staff(event));
  }
  if (page->size() < kReplayPage) {
    follower->go_live();
  } else {
    replay(follower);
  }
}

}  // namespace voicectl::runtime
