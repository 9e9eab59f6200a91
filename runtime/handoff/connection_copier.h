// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "runtime/handoff/copy_tally.h"
#include "runtime/handoff/peer_channel.h"
#include "runtime/tenant/tenant_host.h"

namespace voicectl::handoff {

/// Tells the instance that gets a tenant of its connections, while they are served here; and again
/// of those that change, so that little is left to say when they stop.
///
/// The other one says when it has taken a batch, and few are under way: neither has more than a
/// batch to do at a time, so that its other tenants have their turn, and what is told is not old
/// when it arrives.
/// THREADS: loop thread only.
class ConnectionCopier {
 public:
  /// Connections in one batch: about half a millisecond for each of the two.
  static constexpr std::size_t kMostInBatch = 64;
  /// Changes that do not stop anybody for long.
  static constexpr std::size_t kFew = 32;

  /// How often each connection is told of, on average, before more of it is no use: those that
  /// change all the time change again.
  static constexpr std::size_t kMostRounds = 4;

  /// REQUIRES: both outlive it.
  ConnectionCopier(runtime::TenantHost& host, PeerChannel& peer) : host_(host), peer_(peer) {}

  /// Sends what is new, as long as the other one keeps up.
  Status copy_more();
  /// The other one has taken a batch. ERRORS: kCorrupt if none was under way.
  Status take_copied();
  bool is_idle() const { return under_way_ == 0; }
  bool is_little_left() const { return host_.changes() <= kFew; }
  bool is_no_use() const { return told_ >= kMostRounds * (tally_.connections() + kMostInBatch); }

  /// Sends all that is left, and the end. REQUIRES: the tenant is frozen.
  Status finish();

  const CopyTally& tally() const { return tally_; }
  /// How many connections were told of, those that changed again included.
  std::uint64_t told() const { return told_; }

 private:
  Status send(const ConnectionChanges& changes);

  runtime::TenantHost& host_;
  PeerChannel& peer_;
  std::size_t under_way_ = 0;
  CopyTally tally_;
  std::uint64_t told_ = 0;
};

}  // namespace voicectl::handoff
