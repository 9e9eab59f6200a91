// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/os/reactor.h"
#include "provisioner/apply/registry_queue.h"
#include "provisioner/registry/registry.h"

namespace voicectl {

enum class FollowerId : std::uint64_t {};

/// Events that wait for a registry that takes none, as on a full disk; of more the oldest are lost,
/// and an event `events.lost` says how many.
inline constexpr std::size_t kMostEventsWaiting = 10'000;

/// What happened, for `voicectl events`: numbered by the registry, durable before it is shown. What
/// the registry does not take for want of room is tried again until it does, or the daemon ends.
///
/// THREADS: loop thread only.
class EventLog {
 public:
  /// REQUIRES: all outlive it.
  EventLog(Reactor& reactor, RegistryQueue& registry, const WallClock& wall, const Log& log)
      : reactor_(reactor), registry_(registry), wall_(wall), log_(log) {}
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;
  ~EventLog();

  /// Records an event and writes it to the daemon's log. `detail` is a JSON object.
  void add(std::string name, std::string subject, std::string detail = "{}");

  /// `on_event` gets every event from now on, in order, once it is durable.
  FollowerId follow(std::function<void(const EventRecord&)> on_event);
  void unfollow(FollowerId follower);

 private:
  void flush();
  void tell(std::vector<EventRecord> batch, std::int64_t last);
  void not_taken(std::vector<EventRecord> batch, const Error& why);

  Reactor& reactor_;
  RegistryQueue& registry_;
  const WallClock& wall_;
  const Log& log_;
  std::vector<EventRecord> waiting_;
  bool is_flushing_ = false;
  /// It was told that some wait.
  bool is_delayed_ = false;
  std::size_t lost_ = 0;
  std::optional<TimerId> retry_;
  std::uint64_t next_follower_ = 1;
  std::map<FollowerId, std::function<void(const EventRecord&)>> followers_;
};

}  // namespace voicectl
