// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "provisioner/apply/registry_queue.h"
#include "provisioner/registry/registry.h"

namespace voicectl {

enum class FollowerId : std::uint64_t {};

/// What happened, for `voicectl events`: numbered by the registry, durable before it is shown.
///
/// THREADS: loop thread only.
class EventLog {
 public:
  /// REQUIRES: all outlive it.
  EventLog(RegistryQueue& registry, const WallClock& wall, const Log& log)
      : registry_(registry), wall_(wall), log_(log) {}

  /// Records an event and writes it to the daemon's log. `detail` is a JSON object.
  void add(std::string name, std::string subject, std::string detail = "{}");

  /// `on_event` gets every event from now on, in order, once it is durable.
  FollowerId follow(std::function<void(const EventRecord&)> on_event);
  void unfollow(FollowerId follower);

 private:
  void flush();

  RegistryQueue& registry_;
  const WallClock& wall_;
  const Log& log_;
  std::vector<EventRecord> waiting_;
  bool is_flushing_ = false;
  std::uint64_t next_follower_ = 1;
  std::map<FollowerId, std::function<void(const EventRecord&)>> followers_;
};

}  // namespace voicectl
