// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {

/// A platform of two tenants, "alpha" and "beta", whose files others get at.
class RepairSim : public DaemonWorld {
 protected:
  static constexpr const char* kConfig = "/var/lib/voicectl/tenants/alpha/config.json";
  static constexpr const char* kFolder = "/var/lib/voicectl/tenants/alpha";
  static constexpr const char* kData = "/var/lib/voicectl/tenants/alpha/data";
  static constexpr const char* kKeys = "/var/lib/voicectl/tenants/alpha/keys.json";
  static constexpr const char* kSecrets = "/var/lib/voicectl/tenants/alpha/secrets.json";
  static constexpr const char* kConfigOfBeta = "/var/lib/voicectl/tenants/beta/config.json";
  static constexpr const char* kSocket = "/run/voicectl/tenants/alpha.sock";
  inline static const TenantId kAlpha = *TenantId::parse("alpha");

  RepairSim() { apply(desired); }

  std::vector<DriftFinding> look() {
    return daemon().daemon->drift().look(daemon().daemon->loop().snapshot());
  }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const DriftFinding& finding : look()) {
      out.push_back(std::string(name_of(finding.kind)) + " " + finding.name);
    }
    return out;
  }
  std::vector<std::string> reasons() {
    std::vector<std::string> out;
    for (const voicectl::Step& step : plan(desired).steps) {
      out.push_back(step.reason);
    }
    return out;
  }
  /// The law: an apply repairs, and a second one is empty.
  void repair() {
    EXPECT_THAT(plan(desired).steps, ::testing::Not(::testing::IsEmpty()));
    const Applied applied = apply(desired);
    EXPECT_EQ(applied.outcome.failed, 0U) << applied.outcome.remedy;
    EXPECT_THAT(names(), ::testing::IsEmpty());
    EXPECT_THAT(plan(desired).steps, ::testing::IsEmpty());
    expect_converged(desired);
  }
  /// Texts of others that are kept.
  std::vector<std::string> kept() {
    std::vector<std::string> out;
    for (const auto& [path, entry] : machine.files.entries()) {
      if (path.starts_with("/var/lib/voicectl/kept/")) {
        EXPECT_EQ(entry.mode, kPrivateFile);
        out.push_back(entry.content);
      }
    }
    return out;
  }
  std::string program_of_instances() {
    for (const ProcessIdentity& who : machine.processes.running()) {
      const LaunchSpec* const spec = machine.processes.spec_of(who);
      if (spec != nullptr && spec->argv.front().find("/programs/") != std::string::npos) {
        return spec->argv.front();
      }
    }
    ADD_FAILURE() << "no instance runs";
    return "";
  }
  void adopt(const std::string& name) {
    for (const DriftFinding& finding : look()) {
      if (finding.name == name) {
        record(RecordAdoption{
            name, AcceptedDrift{name, finding.state, "ann", "a reason", machine.wall.now()}});
        return;
      }
    }
    ADD_FAILURE() << "nothing is wrong with " << name;
  }
  void record(const Action& action) {
    bool is_done = false;
    const Status begun = daemon().daemon->loop().run_single(
        action, "a test", [&](const Status& noted) { is_done = noted.has_value(); });
    machine.sim.advance(1s);
    EXPECT_THAT(begun, IsOk());
    EXPECT_TRUE(is_done);
  }

  const DesiredState desired = platform_with({"alpha", "beta"});
};

}  // namespace voicectl
