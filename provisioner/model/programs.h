// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace voicectl {

/// A program that instances can be started with: a copy that the daemon keeps of it.
struct ProgramRecord {
  /// Of its bytes.
  std::string fingerprint;
  /// As it says itself.
  std::string version;
  /// How it lays out what a hand-over carries. Programs in which it is equal hand over to each
  /// other; empty for one that knows no hand-overs.
  std::string hand_over;
  WallTime taken_at{};
  friend bool operator==(const ProgramRecord&, const ProgramRecord&) = default;
};

/// Whether tenants with open WebSockets go from one program to the other without them.
bool can_hand_over(const ProgramRecord& from, const ProgramRecord& to);

/// How far an upgrade is.
///
///   canary ──▶ rolling ──▶ (done)         the canary is watched; the others follow in batches
///      │          │
///      └──────────┴─────▶ reversing ──▶ (reversed)    also after an abort
enum class UpgradePhase { kCanary, kRolling, kReversing };
std::string_view name_of(UpgradePhase phase);

/// An upgrade under way: all instances go from one program to another.
struct UpgradeRecord {
  std::string target;
  std::string from;
  UpgradePhase phase = UpgradePhase::kCanary;
  /// What goes first, as it is shown: "instance/shared-0" or "tenant/<slug>".
  std::string canary;
  /// A tenant of the pool that goes first, alone, to a shared instance beside the pool.
  std::optional<TenantId> canary_tenant;
  /// How long the canary must answer before the others follow.
  std::chrono::seconds watch{10};
  /// Instances that are replaced at one time after it.
  std::uint32_t batch = 1;
  std::string who;
  WallTime began{};
  /// Why it is reversed; empty while it is not.
  std::string why;
  /// WebSockets that moved, and that were told to come again, so far.
  std::uint64_t moved = 0;
  std::uint64_t dropped = 0;
  friend bool operator==(const UpgradeRecord&, const UpgradeRecord&) = default;
};

/// What came of the last upgrade.
struct UpgradeOutcome {
  std::string target;
  std::string from;
  /// Empty if it was carried through; else why it was reversed.
  std::string why;
  std::string who;
  WallTime began{};
  WallTime ended{};
  std::uint64_t moved = 0;
  std::uint64_t dropped = 0;
  friend bool operator==(const UpgradeOutcome&, const UpgradeOutcome&) = default;
};

/// The programs of instances. A file that merely changed on disk changes nothing here.
struct Programs {
  /// Fingerprint of what instances are started with; empty before the first one was taken in.
  std::string current;
  /// What the last upgrade replaced; empty if there was none.
  std::string previous;
  std::map<std::string, ProgramRecord> known;
  std::optional<UpgradeRecord> upgrade;
  std::optional<UpgradeOutcome> last;
  friend bool operator==(const Programs&, const Programs&) = default;

  /// Null if it is not known.
  const ProgramRecord* find(const std::string& fingerprint) const;
};

/// One document, for registry and journal; and back.
std::string render_programs(const Programs& programs);
/// ERRORS: kCorrupt.
Result<Programs> parse_programs(std::string_view text);

}  // namespace voicectl
