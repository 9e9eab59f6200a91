// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/histogram.h"
#include "provisioner/migrate/session_migrator.h"
#include "provisioner/model/snapshot.h"

namespace voicectl {

/// Counts hand-overs since the daemon began.
class HandOverMetrics {
 public:
  void note(const MoveOutcome& outcome);
  /// WebSockets of a tenant that could not be handed over: they were told to come again.
  void note_dropped(std::uint64_t websockets) { connections_dropped_ += websockets; }

  /// The text form of Prometheus (0.0.4), with how many instances and tenants there are and how an
  /// upgrade stands.
  std::string render(const Snapshot& snapshot) const;

 private:
  std::uint64_t moved_ = 0;
  std::uint64_t stayed_ = 0;
  std::uint64_t lent_ = 0;
  std::uint64_t connections_moved_ = 0;
  std::uint64_t websockets_moved_ = 0;
  std::uint64_t connections_refused_ = 0;
  std::uint64_t connections_dropped_ = 0;
  double longest_pause_ = 0;
  /// From the daemon's first word to its last one, tries included.
  Histogram<10> durations_{{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60}};
  Histogram<kPauseBounds.size()> pauses_{kPauseBounds};
};

}  // namespace voicectl
