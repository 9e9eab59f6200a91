// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "provisioner/model/snapshot.h"
#include "provisioner/plan/action.h"

/// What an upgrade does next, as values: each function gives what is to be recorded, and the
/// planner makes steps of it. Nothing here waits, asks or knows how the last step went.
namespace voicectl {

/// An upgrade as somebody asks for it.
struct UpgradeWish {
  /// A known program.
  std::string target{};
  /// "<instance>", "instance/<name>" or "tenant/<slug>"; empty: the shared instance with the fewest
  /// tenants.
  std::string canary{};
  std::chrono::seconds watch{10};
  std::uint32_t batch = 1;
  std::string who{};
};

/// Instances that do not run the target yet and would be replaced, in the order of their turns.
std::vector<InstanceId> instances_to_upgrade(const Snapshot& snapshot, const std::string& target);

/// The canary goes first: its old instance stays beside it as the way back. With nothing to replace
/// the target is simply what instances are started with from now on.
/// ERRORS: kConflict while another one is under way; kNotFound for a canary or program that is not
/// recorded.
Result<SetPrograms> begin_upgrade(const Snapshot& snapshot, const UpgradeWish& wish, WallTime now);

/// What was replaced has proven itself: its way back may stop, and the next batch goes, or all is
/// done. REQUIRES: an upgrade is under way and not being reversed.
SetPrograms advance_upgrade(const Snapshot& snapshot, WallTime now);

/// Everybody goes back: to the instances that stayed as the way back, and to new ones of the old
/// program. Idempotent; the first reason stays. REQUIRES: an upgrade is under way.
SetPrograms reverse_upgrade(const Snapshot& snapshot, const std::string& why);

/// It is reversed: nothing runs the target any more. REQUIRES: an upgrade is being reversed.
SetPrograms end_reversal(const Snapshot& snapshot, WallTime now);

/// Whether all that is recorded of the upgrade has happened: nobody is served by an instance that
/// is not to serve any more, and (when it is being reversed) no such instance is left.
bool is_upgrade_settled(const Snapshot& snapshot);

/// Instances that run the target and serve, in order of their names.
std::vector<InstanceId> upgraded_instances(const Snapshot& snapshot);

/// Programs that somebody runs or may go back to; the others can be removed.
std::vector<std::string> programs_in_use(const Snapshot& snapshot);

}  // namespace voicectl
