// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "provisioner/apply/registry_queue.h"
#include "provisioner/daemon/event_log.h"
#include "runtime/net/http_server.h"

namespace voicectl {

/// Shows events to one reader, as fast as it reads. Those that come while it is behind are read
/// from the registry when it has caught up, so that none is missed or repeated and none waits in
/// memory.
///
/// THREADS: loop thread only. Lives as long as it has something to do.
class EventStream : public std::enable_shared_from_this<EventStream> {
 public:
  /// Shows what came after event number `after`, and ends.
  static void show(RegistryQueue& registry,
                   std::shared_ptr<ResponseStream> stream,
                   std::int64_t after);
  /// Goes on with what comes. REQUIRES: both outlive the stream.
  static void follow(RegistryQueue& registry,
                     EventLog& events,
                     std::shared_ptr<ResponseStream> stream,
                     std::int64_t after);

 private:
  EventStream(RegistryQueue& registry, std::shared_ptr<ResponseStream> stream, std::int64_t after)
      : registry_(registry), stream_(std::move(stream)), last_(after) {}

  void take(const EventRecord& event);
  void read_on();
  void fail(const Error& why);
  void read_when_drained();
  void take_batch(const std::vector<EventRecord>& events);
  void write(const EventRecord& event);

  RegistryQueue& registry_;
  std::shared_ptr<ResponseStream> stream_;
  std::int64_t last_;
  bool is_following_ = false;
  /// Empty unless it follows.
  std::function<void()> unfollow_;
  bool is_caught_up_ = false;
  bool is_reading_ = false;
  /// Events came that were not shown.
  bool has_missed_ = false;
};

}  // namespace voicectl
