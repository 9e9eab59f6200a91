// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "provisioner/model/desired_state_yaml.h"
#include "tests/sim/provisioner/daemon/sim_daemon.h"
#include "tests/support/matchers.h"

namespace voicectl {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time

/// What came of an apply, with every step's last state by its text.
struct Applied {
  bool is_finished = false;
  api::ApplyOutcome outcome;
  std::map<std::string, api::StepProgress> steps;
};

/// A machine with a daemon that can be killed and started again at will.
class DaemonWorld : public ::testing::Test {
 protected:
  DaemonWorld() {
    install(kProgram, "1.0 layout-1");
    start_daemon();
  }
  ~DaemonWorld() override { kill_daemon(); }

  /// Within `limit` it must be ready to answer.
  void start_daemon(Duration limit = 60s);
  /// Starts it with call `n` being its death. Whether it died.
  bool start_and_die(std::size_t n, KillPoint point);
  /// From the next daemon on, which is started, transactions of the registry are calls that it may
  /// die at too.
  void count_transactions();
  /// As SIGKILL does: nothing that the daemon's objects do while they die has an effect.
  void kill_daemon();

  /// The machine reboots: daemon, instances, edge and every listener are gone; the disk stays.
  void lose_the_machine();

  /// A platform with these tenants, restaurants all.
  static DesiredState platform_with(const std::vector<std::string>& tenants);
  Plan plan(const DesiredState& desired);
  /// Applies and lets everything come to rest.
  Applied apply(const DesiredState& desired);
  /// From now on instances take no tenant.
  void refuse_to_take_tenants();
  /// The registry cannot take the `n`-th close from now (1 is the next one): for that moment the
  /// disk is full.
  void lose_close(std::size_t n);
  /// Nothing that was done waits to be recorded.
  void expect_all_recorded();
  /// The five laws, as far as one moment shows them.
  void expect_converged(const DesiredState& desired);

  SimDaemon& daemon() { return *daemon_; }

  SimMachine machine;
  /// The file that the daemon is started with.
  static constexpr const char* kProgram = "/usr/lib/voicectl/voice-runtime";
  /// Puts another program at `path`; its fingerprint.
  std::string install(const std::string& path, const std::string& content);

 private:
  std::unique_ptr<SimDaemon> daemon_;
};

}  // namespace voicectl
