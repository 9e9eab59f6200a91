// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "runtime/session/session_event.h"

namespace voicectl::runtime {

/// Passes durable events on to whoever listens: the channel of one session, or the tenant's own.
///
/// THREADS: loop thread only.
class EventHub {
 public:
  /// Gets the number of the event in its channel, its text there, and the event.
  using Sink =
      std::function<void(std::uint64_t seq, const std::string& text, const SessionEvent& event)>;
  /// Listening ends when it is dropped.
  using Subscription = std::shared_ptr<void>;

  Subscription listen_to_session(const SessionId& session, Sink sink);
  Subscription listen_to_tenant(Sink sink);

  /// Gets every event as it is, before anybody gets its text.
  using Watcher = std::function<void(const SessionEvent& event)>;
  Subscription watch(Watcher watcher);

  void publish(const SessionEvent& event);

  /// The tenant's number of the last event that was published; before the first, of the last one in
  /// the store.
  std::uint64_t last_told() const { return last_told_; }
  void begin_after(std::uint64_t last) { last_told_ = last; }

 private:
  using Sinks = std::vector<std::weak_ptr<Sink>>;

  static void pass_on(Sinks& sinks,
                      std::uint64_t seq,
                      const std::string& text,
                      const SessionEvent& event);

  std::unordered_map<SessionId, Sinks> by_session_;
  Sinks tenant_;
  std::vector<std::weak_ptr<Watcher>> watchers_;
  std::uint64_t last_told_ = 0;
};

}  // namespace voicectl::runtime
