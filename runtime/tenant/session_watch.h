// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/os/reactor.h"
#include "runtime/tenant/call_events.h"
#include "runtime/tenant/session_api.h"
#include "runtime/tenant/tenant_scope.h"

namespace voicectl::runtime {

/// Sees to it that no session lives on because nobody told us of its end.
///
/// Once a minute it looks through the live sessions and asks the voice service after calls that
/// should have been joined or have ended by now, and now and then after those that go on; what it
/// learns counts as the event that did not come. A session whose call is unknown there, or that is
/// over its longest duration, is ended.
/// THREADS: loop thread only.
class SessionWatch {
 public:
  struct Policy {
    /// How long after its creation a session that nobody joined is asked after: the service ends
    /// such a call after 30 s by itself, and then tells us.
    Duration unjoined = std::chrono::seconds(90);
    /// Time between two questions about one session.
    Duration ask_again = std::chrono::minutes(10);
    /// How often it is looked.
    Duration interval = std::chrono::seconds(60);
  };

  /// REQUIRES: all outlive it.
  SessionWatch(TenantScope& scope, SessionApi& sessions, CallEvents& events, Policy policy);
  ~SessionWatch();
  SessionWatch(const SessionWatch&) = delete;
  SessionWatch& operator=(const SessionWatch&) = delete;

  /// To be called after each opening of the store: sessions that another process began to create
  /// are failed if no repeated request goes on with them.
  void watch_unfinished();

 private:
  void fail_unfinished();
  void look();
  bool is_overdue(const Session& session, WallTime now) const;
  void ask(const Session& session);
  void take(const SessionId& id, const ultravox::UltravoxResult<ultravox::Call>& answer);

  TenantScope& scope_;
  SessionApi& sessions_;
  CallEvents& events_;
  Policy policy_;
  /// Sessions that were found unfinished at the last opening.
  std::vector<SessionId> unfinished_;
  std::optional<TimerId> unfinished_timer_;
  TimerId look_timer_{};
  /// When each live session is asked after next.
  std::map<SessionId, MonoTime> next_question_;
  std::shared_ptr<SessionWatch*> self_;
};

}  // namespace voicectl::runtime
