// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "runtime/session/session_book.h"
#include "runtime/session/stored_values.h"

namespace voicectl::runtime {

/// An effect on another system that was decided and is not yet numbered.
struct NewEffect {
  /// As OutboxEntry: who delivers it follows from it.
  std::string kind;
  /// Its session's name; empty if it is of none.
  std::string session;
  std::string idempotency_key;
  /// JSON object.
  std::string payload = "{}";
};

/// Whether an attempt can be the second one in the eyes of the other side.
enum class Attempt {
  kFirst,
  kRepeated,  ///< an earlier one failed, or ended with the process that made it: it may have worked
};

/// What came of one attempt.
struct DeliveryOutcome {
  enum class Verdict {
    kDone,         ///< the other side has it, now or from an earlier attempt
    kAgain,        ///< this entry may succeed later
    kUnreachable,  ///< the other side takes nothing at present: everything that goes there waits
    kRefused,      ///< it will never succeed as it is
  };
  Verdict verdict = Verdict::kDone;
  /// For people; empty for kDone.
  std::string error;
  /// How long the other side asked to be left alone.
  std::optional<Duration> retry_after;
  /// Becomes durable together with the outcome of the attempt.
  Change change;
  /// Recorded with the outcome.
  std::vector<NewEffect> follow_ups;
  /// Runs once all this is durable; not if it does not become so.
  std::function<void()> afterwards;
};

/// Carries out the entries of some kinds.
///
/// THREADS: loop thread only.
class Deliverer {
 public:
  virtual ~Deliverer() = default;

  /// The other side, such as "erpnext": what is counted, paused and kept in order together.
  virtual std::string_view target() const = 0;

  /// Tries once. `done` runs once, now or in a later turn; it must come to run in bounded time.
  /// What `DeliveryOutcome::change` says of a session must be read in the turn in which `done`
  /// runs.
  virtual void deliver(const OutboxEntry& entry,
                       Attempt attempt,
                       std::function<void(DeliveryOutcome)> done) = 0;

  /// An attempt failed, or was passed over because the other side is away, and another will follow.
  virtual void put_off(const OutboxEntry& entry) {
    (void)entry;  // most just wait
  }

  /// `entry` is given up after its last attempt: says what else becomes durable with that.
  /// `change`, `follow_ups` and `afterwards` of the answer count.
  virtual void give_up(const OutboxEntry& entry, std::function<void(DeliveryOutcome)> done) {
    (void)entry;  // nothing follows from most failures
    done({});
  }
};

}  // namespace voicectl::runtime
