// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "runtime/tenant/token_bucket.h"

namespace voicectl::runtime {

/// Bounds the work that messages with a wrong signature cost: whether a signature fits is known
/// only after its computation, so those who lately sent wrong ones are turned away before it.
///
/// Each source (the client's address as the edge tells it) has a budget of wrong signatures, and
/// all sources that never sent a right one have one together, so that many addresses are no way
/// around. A source that sent a right one lately is bound by its own budget alone: a flood from
/// elsewhere does not touch it. Pure but for what it remembers.
class ForgeryGuard {
 public:
  /// How long to wait before the message is worth a computation; nullopt: compute.
  std::optional<Duration> wait(std::string_view source, MonoTime now);

  void note_right(std::string_view source, MonoTime now);
  void note_wrong(std::string_view source, MonoTime now);

  /// Wrong signatures per window of one source, and of all unproven ones together.
  static constexpr Rate kOfSource{20, std::chrono::seconds(10)};
  static constexpr Rate kOfStrangers{200, std::chrono::seconds(10)};
  /// How long a right signature speaks for its source.
  static constexpr Duration kProven = std::chrono::hours(24);
  /// Sources that are remembered.
  static constexpr std::size_t kMostSources = 1024;

  std::size_t sources() const { return sources_.size(); }

  /// All that it remembers: what another process needs to go on.
  struct Memory {
    /// When the budget of each source is whole again, and until when it counts as proven.
    std::map<std::string, std::pair<MonoTime, std::optional<MonoTime>>> sources;
    MonoTime strangers;
    friend bool operator==(const Memory&, const Memory&) = default;
  };
  Memory memory() const;
  void go_on_with(const Memory& memory);

 private:
  struct Source {
    TokenBucket wrong;
    std::optional<MonoTime> proven_until;
  };

  Source& source_of(std::string_view name, MonoTime now);
  void make_room(MonoTime now);

  std::map<std::string, Source, std::less<>> sources_;
  TokenBucket strangers_;
};

}  // namespace voicectl::runtime
