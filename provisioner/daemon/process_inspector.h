// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/os/process_spawner.h"
#include "base/os/reactor.h"
#include "provisioner/apply/program_store.h"

namespace voicectl {

/// Runs `<program> --describe` and reads what it says; one that does not know that word must at
/// least know `--version`.
///
/// THREADS: loop thread only.
class ProcessInspector final : public ProgramInspector {
 public:
  /// The user that instances run as; nullopt for ours. REQUIRES: both outlive it.
  ProcessInspector(Reactor& reactor, ProcessSpawner& processes, std::optional<UserIds> user)
      : reactor_(reactor), processes_(processes), user_(user) {}

  /// How long a program may take to say who it is.
  static constexpr Duration kPatience = std::chrono::seconds(10);

  void inspect(const std::string& path, Completion<ProgramFacts> done) override;

 private:
  struct Run;
  void run(const std::string& path,
           const std::string& word,
           std::function<void(const Result<std::string>& said)> done);

  Reactor& reactor_;
  ProcessSpawner& processes_;
  std::optional<UserIds> user_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace voicectl
