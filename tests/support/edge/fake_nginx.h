// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/os/reactor.h"
#include "provisioner/edge/edge_config.h"
#include "provisioner/edge/edge_status.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_process_spawner.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {

/// Plays nginx on the simulated machine: reads its configuration from the fake disk when it is
/// started or gets SIGHUP, answers for `-t`, and ends on SIGTERM. Takes the hooks of the processes.
class FakeNginx final : public EdgeStatusSource {
 public:
  FakeNginx(SimReactor& reactor,
            FakeFileSystem& files,
            FakeProcesses& processes,
            EdgeFolders folders);

  /// `-t` refuses a configuration that holds this text, with `[emerg] <text> is not wanted`.
  std::optional<std::string> refused_text;
  /// Loading fails for a configuration that holds this text, though `-t` took it.
  std::optional<std::string> unloadable_text;
  /// Time from a start or SIGHUP until the configuration is served.
  Duration lag{};
  /// SIGTERM does nothing.
  bool is_deaf = false;

  /// Fingerprint that the living nginx serves.
  std::optional<std::string> serving() const;
  int reloads() const { return reloads_; }

  void fetch(const std::string& socket_path, Completion<EdgeStatus> done) override;

 private:
  void started(const LaunchSpec& spec, const ProcessIdentity& who);
  bool signalled(const ProcessIdentity& who, int number);
  void check(const LaunchSpec& spec, const ProcessIdentity& who);
  void load(const ProcessIdentity& who, const std::string& file);
  void log(const std::string& file, const std::string& text);

  SimReactor& reactor_;
  FakeFileSystem& files_;
  FakeProcesses& processes_;
  EdgeFolders folders_;
  using Life = std::pair<int, std::uint64_t>;
  static Life life_of(const ProcessIdentity& who) { return {who.pid, who.start_ticks}; }

  /// What each first process serves.
  std::map<Life, std::string> served_;
  int reloads_ = 0;
};

}  // namespace voicectl
