// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace voicectl {

/// What happens in a simulated data centre: what operators do, and what goes wrong.
enum class Deed {
  // Operators. `a` is the number of a tenant where one is meant.
  kCreate,
  kDelete,
  kEdit,
  kTier,     ///< b: auto, pooled, dedicated
  kPool,     ///< a: instances
  kApply,    ///< the same file once more
  kMove,     ///< b: to which shared instance
  kRestart,  ///< a: which instance is replaced
  kUpgrade,  ///< a: which program; b: whether WebSockets may drop
  kAbort,
  // The world.
  kWait,  ///< a: seconds
  kLoad,  ///< b: sessions
  // Faults.
  kCrash,       ///< a: which instance
  kMute,        ///< a: which instance stops answering, until the end
  kSlow,        ///< instances take a: seconds to get ready; 0 heals
  kNeverReady,  ///< instances that start do not get ready until kSlow
  kKill,        ///< the daemon, now
  kKillAt,      ///< the daemon, at its a-th call from now; b: before or after the effect
  kFailAt,      ///< its a-th call from now fails; b: with which error
  kHandOver,    ///< at step a of the next hand-over, b dies: source, target, both, daemon
  kHolder,      ///< the holder dies
  kReboot,      ///< the machine loses power; b: its folder of sockets is emptied then
  kTear,        ///< the machine loses power in the middle of the daemon's a-th call from now
  kCut,         ///< b: the a-th question from now to an instance goes lost with its connection, or
                ///< its answer does, or the holder's connection breaks
  kFreeze,      ///< the holder stands still for 1 + a seconds
  kOccupy,      ///< another program takes the a-th port of the range
  kVacate,
  kFull,  ///< the disk is full
  kFree,
  kJump,  ///< the clock is set by a seconds, b: forward or back
  /// Somebody touches what is tenant a's. b: edits or removes its configuration, opens its secrets
  /// to others, edits its keys, removes its socket, starts an instance by hand.
  kTouch,
  kFailLate,  ///< its a-th call from now is done and says that it failed; b: with which error
  kLie,       ///< the next call behind the a-th from now that changes a file says that it is done,
              ///< and is not
  // More that operators do.
  kEdge,     ///< a: found by name, or one server block per tenant
  kRollout,  ///< a: tenants of a batch, 0 for all at once; b: which tenant goes first
  kHook,     ///< a: before applies none, or a program runs that agrees, refuses or hangs
  kLock,  ///< a CI job takes the lock for 1 + a seconds and is not heard of again; b: or somebody
          ///< steals it from whoever has it
};
inline constexpr int kDeeds = static_cast<int>(Deed::kLock) + 1;
std::string_view name_of(Deed deed);
/// Whether it is something that goes wrong.
bool is_fault(Deed deed);
/// Whether a sample of load may go lost by it. A daemon that dies begins to look anew.
bool hides_load(Deed deed);

struct Op {
  Deed deed = Deed::kWait;
  int a = 0;
  int b = 0;
  friend bool operator==(const Op&, const Op&) = default;
};
using Story = std::vector<Op>;

/// The same seed gives the same story on every machine. Every fifth is one of bursts of load.
Story make_story(std::uint64_t seed, std::size_t length);

/// The same story with other fault points: each death and failure that is planned for a call comes
/// `calls` calls later.
Story shifted(Story story, int calls);

/// One line for each: "kill_at 12 1".
std::string render_story(const Story& story);
/// Empty lines and what follows '#' mean nothing.
/// ERRORS: kInvalidArgument, with the number of the line.
Result<Story> parse_story(std::string_view text);

}  // namespace voicectl
