// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "runtime/tenant/exchange.h"
#include "runtime/tenant/tenant_scope.h"

namespace voicectl::runtime {

/// WebSockets that follow the events of one session, or of the whole tenant.
///
/// `after=N` in the query continues behind event N: stored events first, live ones after them,
/// each once and in order. Without it a session's channel begins at its first event, and the
/// tenant's with what happens next. If N is too old (more than kMostReplayed events ago, or no
/// longer kept) or unknown (there is no such event), the client gets a `stream.reload` message
/// instead of the missed events, and then what happens next. docs/reference/websocket.md has the
/// messages.
///
/// A socket lives as long as what opened it: it is closed with 1008 when its API key is revoked or
/// expires, and with 1000 some time after its session has ended (kTokenAfterEnd).
/// THREADS: loop thread only.
class LiveApi {
 public:
  /// REQUIRES: `scope` outlives it.
  explicit LiveApi(TenantScope& scope);
  ~LiveApi();
  LiveApi(const LiveApi&) = delete;
  LiveApi& operator=(const LiveApi&) = delete;

  void follow_session(const std::shared_ptr<Exchange>& exchange, const Session& session);
  void follow_tenant(const std::shared_ptr<Exchange>& exchange);

  /// Most events that are sent again.
  static constexpr std::uint64_t kMostReplayed = 2000;

  /// WebSockets of one session at a time: a customer's pages, and staff who look in.
  static constexpr std::size_t kMostOfSession = 10;

  /// Closes what the present keys and the present time no longer allow.
  void review();
  /// The same, unless held: what has an end then is looked at by `go`.
  void review_if_serving() {
    if (!is_held_) {
      review();
    }
  }

  /// Goes on with a WebSocket that another process served: `tag` and `note` are what its LiveApi
  /// gave it. REQUIRES: held.
  /// ERRORS: kInvalidArgument for a tag or note of no LiveApi.
  Status adopt(const std::string& tag, const std::string& note, std::shared_ptr<WebSocket> socket);
  /// From now on nothing is sent or closed.
  void hold() { is_held_ = true; }
  /// Goes on with a WebSocket of a process that died: `note` is what its LiveApi kept of it. It is
  /// sent what has happened since.
  /// ERRORS: as `adopt`.
  Status recover(const std::string& tag,
                 const std::string& note,
                 std::shared_ptr<WebSocket> socket);
  /// Begins with what was adopted, and closes what the present keys no longer allow.
  void go();

  std::size_t followers() const { return followers_.size(); }

 private:
  struct Follower;
  using FollowerPtr = std::shared_ptr<Follower>;

  Result<FollowerPtr> make_follower(const std::string& tag,
                                    std::shared_ptr<WebSocket> socket) const;
  FollowerPtr accept(const std::shared_ptr<Exchange>& exchange,
                     const std::string& tag,
                     std::optional<SessionId> session);
  bool has_room(const std::optional<SessionId>& session) const;
  void attach(const FollowerPtr& follower);
  void take_text(const FollowerPtr& follower);
  void leave(const FollowerPtr& follower);
  static std::string note_of(const Follower& follower);
  /// Appends what a process needs to know of it beside its tag if this one dies now.
  void append_kept_note(const Follower& follower, std::string& note) const;
  void listen(const FollowerPtr& follower);
  struct Ending;
  std::optional<Ending> ending_of(const Follower& follower, WallTime now) const;
  std::optional<WallTime> end_of(const Follower& follower) const;
  void review_at(std::optional<WallTime> end);
  void note_end(const FollowerPtr& follower, const SessionEvent& event);
  void go_live(const FollowerPtr& follower);
  void begin(const FollowerPtr& follower, std::optional<std::uint64_t> after, std::uint64_t last);
  void reload(const FollowerPtr& follower, std::string_view reason);
  void replay(const FollowerPtr& follower);
  void take_page(const FollowerPtr& follower, const Result<std::vector<SessionEvent>>& page);
  /// Goes on when the peer has read what was sent.
  void replay_when_read(const FollowerPtr& follower);
  /// Whether events between what it was sent and the page are gone.
  bool has_gap(const Follower& follower, const std::vector<SessionEvent>& page) const;

  TenantScope& scope_;
  std::unordered_set<FollowerPtr> followers_;
  /// How many follow each session.
  std::map<SessionId, std::size_t> by_session_;
  /// Adopted in the middle of a replay.
  std::vector<FollowerPtr> behind_;
  /// The next look at what has an end.
  std::optional<TimerId> review_timer_;
  WallTime review_due_{};
  bool is_held_ = false;
  /// What held followers need a look for: the first end of one, or at once.
  std::optional<WallTime> first_end_;
  bool must_review_ = false;
  std::shared_ptr<LiveApi*> self_;
};

/// Names and types of what LiveApi notes for another process (base/record_codec.h).
std::string follower_note_layout();
/// The same for what it keeps for a process that comes after this one's death, in one word.
std::string kept_follower_layout();

/// Reads `after`: nullopt if it is absent.
/// ERRORS: kInvalidArgument if it is no number.
Result<std::optional<std::uint64_t>> parse_after(const HttpRequest& request);

}  // namespace voicectl::runtime
