// SPDX-License-Identifier: Apache-2.0
// What others do to a real platform behind its back: a real daemon, a real nginx, real sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/e2e/platform.h"

namespace voicectl::e2e {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class DriftE2e : public ::testing::Test {
 protected:
  static std::string read(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  static void append(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::app) << text;
  }
  static unsigned mode_of(const std::string& path) {
    struct stat about {};
    EXPECT_EQ(::lstat(path.c_str(), &about), 0) << path;
    return about.st_mode & 07777U;
  }
  json edge() { return platform.voicectl_json({"status"})["edge"]; }
  std::string nginx_conf() const { return platform.run_folder() + "/edge/nginx.conf"; }
  std::string tenant_folder() const { return platform.workspace() + "/state/tenants/mario-pizza"; }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    const json drift = platform.voicectl_json({"drift"});
    for (const json& finding : drift["findings"]) {
      out.push_back(finding["name"]);
    }
    return out;
  }
  /// The same file again; and then once more, with nothing left to do.
  void apply_twice() {
    const std::string file = platform.write_file();
    const Finished first = platform.voicectl({"apply", "-f", file, "--yes"});
    EXPECT_EQ(first.code, 0) << first.out << first.err;
    const Finished left = platform.voicectl({"plan", "-f", file, "--detailed-exitcode"});
    EXPECT_EQ(left.code, 0) << left.out << left.err;
    EXPECT_THAT(names(), IsEmpty());
  }
  std::vector<std::string> kept() {
    std::vector<std::string> out;
    std::error_code none;
    for (const auto& entry :
         std::filesystem::directory_iterator(platform.workspace() + "/state/kept", none)) {
      out.push_back(read(entry.path()));
    }
    return out;
  }
  void expect_served() {
    const json order = platform.call("mario-pizza");
    EXPECT_THAT(order["events"].get<std::vector<std::string>>(), Contains("order.created"));
  }

  Platform platform;
};

TEST_F(DriftE2e, APlatformThatWasJustAppliedHasNone) {
  platform.up();

  EXPECT_THAT(names(), IsEmpty());
  const Finished shown = platform.voicectl({"drift", "--detailed-exitcode"});
  EXPECT_EQ(shown.code, 0) << shown.out << shown.err;
  EXPECT_THAT(platform.voicectl({"status"}).out, HasSubstr("Drift      none"));
}

TEST_F(DriftE2e, AHandEditedNginxConfigurationIsShownRestoredAndKept) {
  platform.up();
  const std::string before = read(nginx_conf());
  append(nginx_conf(), "# by hand\n");

  const Finished shown = platform.voicectl({"drift", "--detailed-exitcode"});
  EXPECT_EQ(shown.code, 2) << shown.out << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("file/run/edge/nginx.conf"));
  EXPECT_THAT(shown.out, Not(HasSubstr("# by hand")));
  EXPECT_THAT(platform.voicectl({"plan", "-f", platform.write_file(), "--explain"}).out,
              HasSubstr("drift: '" + nginx_conf() + "' was edited by hand"));
  EXPECT_THAT(platform.voicectl({"status"}).out, HasSubstr("Drift      1 found"));
  apply_twice();

  EXPECT_EQ(read(nginx_conf()), before);
  EXPECT_THAT(kept(), ElementsAre(before + "# by hand\n"));
  EXPECT_THAT(platform.voicectl({"events"}).out, HasSubstr("file.kept"));
  expect_served();
}

TEST_F(DriftE2e, AnAdoptedConfigurationStaysUntilItIsGivenUp) {
  platform.up();
  const std::string before = read(nginx_conf());
  append(nginx_conf(), "# by hand\n");
  const std::string name = "file/run/edge/nginx.conf";

  EXPECT_EQ(platform.voicectl({"adopt", name}).code, 2) << "a reason must be given";
  const Finished adopted = platform.voicectl({"adopt", name, "--why", "a campaign"});
  ASSERT_EQ(adopted.code, 0) << adopted.out << adopted.err;
  const Finished shown = platform.voicectl({"drift", "--detailed-exitcode", "-o", "wide"});
  EXPECT_EQ(shown.code, 0) << shown.out << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("a campaign"));
  const std::string file = platform.write_file();
  EXPECT_EQ(platform.voicectl({"apply", "-f", file, "--yes"}).code, 0);
  EXPECT_EQ(read(nginx_conf()), before + "# by hand\n");

  // nginx dies with its machine; what comes back is what was adopted.
  ASSERT_EQ(::kill(platform.pid_of_daemon(), SIGKILL), 0);
  platform.restart_daemon();
  EXPECT_EQ(read(nginx_conf()), before + "# by hand\n");
  expect_served();

  ASSERT_EQ(platform.voicectl({"adopt", "--undo", name}).code, 0);
  apply_twice();
  EXPECT_EQ(read(nginx_conf()), before);
  EXPECT_EQ(platform.voicectl({"adopt", "--undo", name}).code, 3);
  const std::string audit = platform.voicectl({"audit", "-o", "json"}).out;
  EXPECT_THAT(audit, HasSubstr("drift.adopt"));
  EXPECT_THAT(audit, HasSubstr("a campaign"));
}

TEST_F(DriftE2e, OnlyWhatAPersonHasSeenIsAdopted) {
  platform.up();
  append(nginx_conf(), "# by hand\n");
  const std::string name = "file/run/edge/nginx.conf";
  const std::string seen = platform.voicectl_json({"drift"})["findings"][0]["state"];
  append(nginx_conf(), "# by somebody else\n");

  const Finished late = platform.voicectl({"adopt", name, "--state", seen, "--why", "a campaign"});

  EXPECT_EQ(late.code, 4) << late.out << late.err;
  EXPECT_THAT(late.err, HasSubstr("look at it again"));
  const std::string now = platform.voicectl_json({"drift"})["findings"][0]["state"];
  const Finished adopted =
      platform.voicectl({"adopt", name, "--state", now, "--why", "a campaign"});
  EXPECT_EQ(adopted.code, 0) << adopted.out << adopted.err;
  EXPECT_THAT(adopted.out, HasSubstr(now));
}

TEST_F(DriftE2e, AnAdoptedConfigurationThatIsNotThereAnyMoreIsPublishedAgain) {
  platform.up();
  const std::string before = read(nginx_conf());
  append(nginx_conf(), "# by hand\n");
  const std::string name = "file/run/edge/nginx.conf";
  ASSERT_EQ(platform.voicectl({"adopt", name, "--why", "a campaign"}).code, 0);

  ASSERT_EQ(::unlink(nginx_conf().c_str()), 0);
  apply_twice();
  EXPECT_EQ(read(nginx_conf()), before);
  ASSERT_EQ(::unlink(nginx_conf().c_str()), 0);
  ASSERT_EQ(::symlink("/etc/passwd", nginx_conf().c_str()), 0);
  apply_twice();

  EXPECT_EQ(read(nginx_conf()), before);
  EXPECT_TRUE(std::filesystem::is_regular_file(std::filesystem::symlink_status(nginx_conf())));
  expect_served();
}

TEST_F(DriftE2e, FilesModesAndSecretsComeBack) {
  platform.up();
  const std::string config = tenant_folder() + "/config.json";
  const std::string secrets = read(tenant_folder() + "/secrets.json");
  const std::string before = read(config);
  append(config, " ");
  ASSERT_EQ(::unlink((tenant_folder() + "/secrets.json").c_str()), 0);
  ASSERT_EQ(::chmod((tenant_folder() + "/keys.json").c_str(), 0644), 0);
  ASSERT_EQ(::chmod((platform.run_folder() + "/tenants").c_str(), 0755), 0);

  EXPECT_THAT(names(),
              ElementsAre("file/state/tenants/mario-pizza/config.json",
                          "file/state/tenants/mario-pizza/secrets.json", "access/run/tenants",
                          "access/state/tenants/mario-pizza/keys.json"));
  const Finished refused = platform.voicectl(
      {"adopt", "access/state/tenants/mario-pizza/keys.json", "--why", "convenient"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("others could read a secret"));
  apply_twice();

  EXPECT_EQ(read(config), before);
  EXPECT_EQ(read(tenant_folder() + "/secrets.json"), secrets);
  EXPECT_EQ(mode_of(tenant_folder() + "/keys.json"), 0600U);
  EXPECT_EQ(mode_of(platform.run_folder() + "/tenants"), 0711U);
  expect_served();
}

TEST_F(DriftE2e, ALinkInASecretsPlaceIsSetAsideAndNeverFollowed) {
  platform.up();
  const std::string config = tenant_folder() + "/config.json";
  const std::string victim = platform.path("victim");
  std::ofstream(victim) << "precious";
  ASSERT_EQ(::chmod(victim.c_str(), 0644), 0);
  ASSERT_EQ(::unlink(config.c_str()), 0);
  ASSERT_EQ(::symlink(victim.c_str(), config.c_str()), 0);

  apply_twice();

  EXPECT_EQ(read(victim), "precious");
  EXPECT_EQ(mode_of(victim), 0644U);
  EXPECT_TRUE(std::filesystem::is_regular_file(std::filesystem::symlink_status(config)));
}

TEST_F(DriftE2e, ALostSocketAndALostRouteComeBackWithoutAReload) {
  platform.up();
  const json before = edge();
  ASSERT_EQ(::unlink((platform.run_folder() + "/tenants/mario-pizza.sock").c_str()), 0);
  ASSERT_EQ(::unlink((platform.run_folder() + "/domains/mario-pizza.route").c_str()), 0);

  EXPECT_THAT(names(), ElementsAre("file/run/domains/mario-pizza.route",
                                   "file/run/tenants/mario-pizza.sock"));
  apply_twice();

  expect_served();
  EXPECT_EQ(edge().value("reloads", -1), before.value("reloads", -2));
}

TEST_F(DriftE2e, AStrayInstanceIsEndedWithTheApplyThatShowsIt) {
  platform.up();
  // Runs from the folder of the platform's programs, and says to be an instance.
  const std::string folder = platform.workspace() + "/state/programs/stray";
  const std::string fifo = platform.path("fifo");
  std::filesystem::create_directory(folder);
  std::filesystem::copy_file("/bin/sh", folder + "/voice-runtime");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  Running stray(
      {folder + "/voice-runtime", "-c", "echo runs; read x < " + fifo, "--instance", "shared-9"});
  ASSERT_TRUE(stray.wait_for_out("runs"));
  const std::string file = platform.write_file();
  const Finished plan = platform.voicectl({"plan", "-f", file, "--explain"});

  EXPECT_THAT(plan.out, HasSubstr("end stray process " + std::to_string(stray.pid())));
  apply_twice();

  EXPECT_FALSE(is_alive(stray.pid()));
}

}  // namespace
}  // namespace voicectl::e2e
