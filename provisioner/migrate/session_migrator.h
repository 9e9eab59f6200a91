// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "base/os/fd_channel.h"
#include "base/os/reactor.h"
#include "provisioner/instances/instance_manager.h"
#include "provisioner/migrate/verdict.h"

namespace voicectl {

/// One tenant's way from an instance that serves it to another one.
struct Move {
  InstanceId from;
  /// To whom; its token is set for each try.
  LendOptions to;
  /// Above every token of the tenant, each time.
  std::function<FencingToken()> next_token;
  /// Gives `from` the recorded configuration of the tenant; done once, if the two turn out to have
  /// different ones.
  std::function<void(Completion<void> done)> configure = {};
  /// Told how far it is, in this try; may be empty.
  OnHandOverProgress on_progress = {};
};

struct MoveOutcome {
  Verdict verdict = Verdict::kUndecided;
  /// Of whoever has the tenant; of nobody if it is undecided.
  FencingToken token;
  /// Why it was not moved.
  Error why;
  Remedy remedy = Remedy::kLeave;
  handoff::HandOverReport report;
  int tries = 0;
  /// All tries and the waits between them.
  Duration took{};
};

/// Moves tenants from one running instance to another with their connections open.
///
/// The two instances do it between themselves: the daemon gives each one end of a pair of sockets,
/// the tokens, and its patience. It is in none of the steps that callers wait for, so a slow or
/// dead daemon lengthens no pause; and the tenant is in exactly one instance at any time whatever
/// dies (docs/explanation/hand-over.md). THREADS: loop thread only.
class SessionMigrator {
 public:
  struct Deps {
    Reactor& reactor;
    InstanceManager& instances;
    FdChannelFactory& channels;
  };
  explicit SessionMigrator(Deps deps) : deps_(deps), alive_(std::make_shared<int>()) {}

  /// Patience with requests that are being answered, by try; between two tries the tenant is served
  /// as ever. The longest is beyond what a request to Ultravox may take.
  static constexpr std::array<std::chrono::milliseconds, 3> kPatience = {
      std::chrono::milliseconds(1000), std::chrono::milliseconds(4000),
      std::chrono::milliseconds(13000)};
  static constexpr Duration kBetweenTries = std::chrono::seconds(1);
  /// How often at most progress is told within a step of it: a person looks on.
  static constexpr std::chrono::milliseconds kProgressEvery{200};

  /// `done` runs once, in a later turn.
  void move(Move what, std::function<void(MoveOutcome)> done);

 private:
  struct Try;
  void begin(const std::shared_ptr<Try>& attempt);
  void take_answers(const std::shared_ptr<Try>& attempt);
  void configure(const std::shared_ptr<Try>& attempt, MoveOutcome outcome);

  Deps deps_;
  std::shared_ptr<int> alive_;
};

}  // namespace voicectl
