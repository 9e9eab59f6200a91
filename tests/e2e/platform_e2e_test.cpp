// SPDX-License-Identifier: Apache-2.0
// The built programs as a user meets them: real nginx, real processes, the Ultravox stand-in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/e2e/edge_socket.h"
#include "tests/e2e/platform.h"

namespace voicectl::e2e {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

class PlatformE2e : public ::testing::Test {
 protected:
  /// Makes a session, and follows it as its customer's page does; its token.
  std::string follow_new_session(const std::string& key) const {
    const std::string host = "mario-pizza.qastco.com";
    const std::string body = R"({"customer_name":"Ann"})";
    EdgeSocket creation(platform.http_port(), "POST /api/sessions HTTP/1.1\r\nHost: " + host +
                                                  "\r\nX-API-Key: " + key +
                                                  "\r\nConnection: close\r\nContent-Length: " +
                                                  std::to_string(body.size()) + "\r\n\r\n" + body);
    const std::string& answer = creation.read_all();
    const json made =
        json::parse(answer.substr(std::min(answer.find('{'), answer.size())), nullptr, false);
    if (!made.is_object()) {
      ADD_FAILURE() << answer;
      return "";
    }
    const std::string token = made.value("token", "");
    EdgeSocket socket(
        platform.http_port(),
        upgrade_request(host, "/ws/sessions/" + made.value("session_id", "") + "?token=" + token));
    EXPECT_TRUE(socket.wait_for("session.ready")) << socket.received();
    return token;
  }

  Platform platform;
};

TEST_F(PlatformE2e, HoldsAConversationWithEachOfTheThreeBusinesses) {
  platform.up();

  const json order = platform.call("mario-pizza");
  const json booking = platform.call("dr-smith");
  const json ticket = platform.call("techsupport");

  EXPECT_THAT(order["events"].get<std::vector<std::string>>(),
              IsSupersetOf({"session.created", "call.joined", "order.created", "call.ended",
                            "session.completed"}));
  EXPECT_THAT(booking["events"].get<std::vector<std::string>>(), Contains("appointment.booked"));
  EXPECT_THAT(ticket["events"].get<std::vector<std::string>>(), Contains("ticket.created"));
  for (const json& call : {order, booking, ticket}) {
    EXPECT_TRUE(call.value("numbers_are_whole", false)) << call.dump();
  }
}

TEST_F(PlatformE2e, ASecondApplyChangesNothing) {
  platform.up();

  const Finished plan =
      platform.voicectl({"plan", "-f", platform.write_file(), "--detailed-exitcode"});
  const Finished again = platform.voicectl({"apply", "-f", platform.write_file(), "--yes"});

  EXPECT_EQ(plan.code, 0) << plan.out << plan.err;
  EXPECT_EQ(again.code, 0) << again.out << again.err;
}

TEST_F(PlatformE2e, CreatingATenantReloadsNothing) {
  platform.up();
  const json before = platform.voicectl_json({"status"})["edge"];
  const std::string file = platform.write_file(Platform::small_restaurant("soup-kitchen"));

  const Finished plan = platform.voicectl({"plan", "-f", file, "--detailed-exitcode"});
  const Finished applied = platform.voicectl({"apply", "-f", file, "--yes"});

  EXPECT_EQ(plan.code, 2) << plan.out << plan.err;
  ASSERT_EQ(applied.code, 0) << applied.out << applied.err;
  const json after = platform.voicectl_json({"status"})["edge"];
  EXPECT_EQ(after["reloads"], before["reloads"]);
  EXPECT_EQ(after["pid"], before["pid"]);
  const Finished reached =
      run(platform.load_command("soup-kitchen", 0.2, {"--parallel", "1", "--expect", "200"}));
  EXPECT_EQ(reached.code, 0) << reached.out << reached.err;
}

TEST_F(PlatformE2e, AnUnknownTenantIsNotFound) {
  platform.up();

  const Finished asked =
      run(platform.load_command("nobody", 0.2, {"--parallel", "1", "--expect", "404"}));

  EXPECT_EQ(asked.code, 0) << asked.out << asked.err;
}

TEST_F(PlatformE2e, KillingAnInstanceUnderLoadFailsNoRequest) {
  platform.up();
  const std::string key = platform.key_file("mario-pizza", "admin");
  Running reads(platform.load_command("mario-pizza", 3));
  Running sessions(platform.load_command(
      "mario-pizza", 3,
      {"--method", "GET", "--path", "/api/sessions", "--key-file", key, "--parallel", "4"}));

  for (int i = 0; i < 3; ++i) {
    const int pid = platform.pid_of_instance("shared-0");
    ASSERT_GT(pid, 0);
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_TRUE(wait_for_end(pid));
    // The next victim is the replacement: it serves once a request through the edge was answered.
    const Finished served = run(platform.load_command("mario-pizza", 0.1, {"--parallel", "1"}));
    EXPECT_EQ(served.code, 0) << served.out;
  }

  const Finished read = reads.finish();
  const Finished session = sessions.finish();
  EXPECT_EQ(read.code, 0) << read.out << read.err;
  EXPECT_EQ(session.code, 0) << session.out << session.err;
}

TEST_F(PlatformE2e, KillingTheDaemonStopsNoInstance) {
  platform.up();
  const int instance = platform.pid_of_instance("shared-0");
  const int daemon = platform.pid_of_daemon();
  Running load(platform.load_command("mario-pizza", 3));

  ASSERT_EQ(::kill(daemon, SIGKILL), 0);
  ASSERT_TRUE(wait_for_end(daemon));
  platform.restart_daemon();

  EXPECT_EQ(platform.pid_of_instance("shared-0"), instance);
  EXPECT_NE(platform.pid_of_daemon(), daemon);
  const Finished loaded = load.finish();
  EXPECT_EQ(loaded.code, 0) << loaded.out << loaded.err;
  const json call = platform.call("mario-pizza");
  EXPECT_TRUE(call.value("numbers_are_whole", false));
}

TEST_F(PlatformE2e, AListenerOutlivesDaemonAndInstanceThatDieOneAfterTheOther) {
  platform.up();
  const int daemon = platform.pid_of_daemon();
  const int instance = platform.pid_of_instance("shared-0");
  ASSERT_EQ(::kill(daemon, SIGKILL), 0);
  ASSERT_TRUE(wait_for_end(daemon));
  platform.restart_daemon();

  ASSERT_EQ(::kill(instance, SIGKILL), 0);
  ASSERT_TRUE(wait_for_end(instance));
  const Finished served = run(platform.load_command("mario-pizza", 0.5));

  EXPECT_EQ(served.code, 0) << served.out << served.err;
}

TEST_F(PlatformE2e, SessionsAreListedShownAndEndedByTheOperator) {
  platform.up();
  const json call = platform.call("mario-pizza");
  const std::string id = call.value("session_id", "");

  const Finished listed = platform.voicectl({"session", "list", "-o", "json"});
  const Finished shown = platform.voicectl({"session", "show", id, "-o", "json"});
  const Finished missing = platform.voicectl({"session", "show", "mario-pizza_0000000000000000"});

  EXPECT_THAT(listed.out, HasSubstr(id));
  EXPECT_THAT(shown.out, HasSubstr("completed"));
  EXPECT_EQ(missing.code, 3) << missing.out << missing.err;
}

TEST_F(PlatformE2e, SessionsOfAllInstancesArePaged) {
  platform.up();
  std::set<std::string> made;
  for (const char* const tenant : {"mario-pizza", "dr-smith", "mario-pizza"}) {
    made.insert(platform.call(tenant).value("session_id", ""));
  }
  std::set<std::string> seen;
  std::vector<std::string> question = {"session", "list", "--limit", "1"};
  json page;

  for (std::size_t pages = 0; pages <= made.size(); ++pages) {
    page = platform.voicectl_json(question);
    for (const json& session : page["sessions"]) {
      EXPECT_TRUE(seen.insert(session.value("session_id", "")).second) << page.dump();
    }
    if (!page.contains("next")) {
      break;
    }
    question = {"session", "list", "--limit", "1", "--after", page["next"]};
  }
  const Finished wrong = platform.voicectl({"session", "list", "--after", "the last one"});

  EXPECT_EQ(seen, made);
  EXPECT_FALSE(page.contains("next"));
  EXPECT_EQ(wrong.code, 1) << wrong.out << wrong.err;
  EXPECT_THAT(wrong.err, HasSubstr("'after' must be the 'next' of an earlier answer"));
}

TEST_F(PlatformE2e, TheOutboxIsEmptyBehindACallAndNamesWhatItDoesNotKnow) {
  platform.up();
  platform.call("mario-pizza");

  const Finished listed = platform.voicectl({"outbox", "list", "--tenant", "mario-pizza"});
  const Finished missing = platform.voicectl({"outbox", "show", "mario-pizza", "4711"});
  const Finished retried = platform.voicectl({"outbox", "retry", "mario-pizza", "--dead"});
  const Finished nobody = platform.voicectl({"outbox", "drop", "no-such-tenant", "1", "--yes"});

  EXPECT_EQ(listed.code, 0) << listed.err;
  EXPECT_EQ(missing.code, 3) << missing.out << missing.err;
  EXPECT_THAT(retried.out, HasSubstr("Retrying 0 dead entries"));
  EXPECT_EQ(nobody.code, 3) << nobody.out << nobody.err;
}

TEST_F(PlatformE2e, DeletingATenantTakesItsNameToBeTyped) {
  platform.up();

  const Finished unconfirmed = platform.voicectl({"tenant", "delete", "techsupport"});
  const Finished deleted =
      platform.voicectl({"tenant", "delete", "techsupport", "--confirm", "techsupport"});

  EXPECT_EQ(unconfirmed.code, 2) << unconfirmed.out << unconfirmed.err;
  EXPECT_EQ(deleted.code, 0) << deleted.out << deleted.err;
  const Finished gone =
      run(platform.load_command("techsupport", 0.2, {"--parallel", "1", "--expect", "404"}));
  EXPECT_EQ(gone.code, 0) << gone.out;
}

TEST_F(PlatformE2e, ABrokenFileChangesNothingAndNamesThePlace) {
  platform.up();
  const std::string file = platform.write_file("  - { slug: soup, nmae: Soup }\n");

  const Finished refused = platform.voicectl({"apply", "-f", file, "--yes"});

  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("platform.yaml:"));
  EXPECT_THAT(refused.err, HasSubstr("name"));
  platform.write_file();
}

TEST_F(PlatformE2e, DownLeavesNothingBehind) {
  platform.up();
  const std::string run_folder = platform.run_folder();
  const json status = platform.voicectl_json({"status"});
  const std::vector<int> pids = {platform.pid_of_daemon(), platform.pid_of_instance("shared-0"),
                                 status["edge"].value("pid", -1)};

  const Finished ended = platform.down();

  ASSERT_EQ(ended.code, 0) << ended.out << ended.err;
  for (const int pid : pids) {
    EXPECT_FALSE(is_alive(pid)) << pid;
  }
  EXPECT_FALSE(std::filesystem::exists(run_folder));
}

TEST_F(PlatformE2e, ADaemonThatCannotServeEndsAsAFailure) {
  const std::string run_folder = platform.workspace() + "-r";

  const Finished ended =
      run({Platform::bin("voicectld"), "--state", platform.workspace(), "--run", run_folder,
           "--log", platform.workspace() + "/log", "--runtime", Platform::bin("voice-runtime"),
           "--control", run_folder + "/no/such/folder.sock"});

  EXPECT_EQ(ended.code, 1) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("daemon.not_serving"));
}

std::string read_proc(int pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Command line and environment of a process, as anyone may see the first and its user the second.
std::string shown_by_proc(int pid) {
  return read_proc(pid, "cmdline") + read_proc(pid, "environ");
}

TEST_F(PlatformE2e, SecretsAreInNoLogAndNoCommandLine) {
  const std::string ultravox_key = "canary-of-ultravox-0123456789";
  platform.set_ultravox_key(ultravox_key);
  platform.up();
  const std::string key_file = platform.key_file("mario-pizza", "widget");
  const std::string key = [&] {
    std::string text;
    std::getline(std::ifstream(key_file) >> std::ws, text);
    return text;
  }();
  ASSERT_GT(key.size(), 20U);
  std::ifstream kept(platform.workspace() + "/state/tenants/mario-pizza/secrets.json");
  const json made = json::parse(kept);
  const std::string token = follow_new_session(key);
  ASSERT_GT(token.size(), 20U);
  const std::vector<std::string> secrets = {key, made.at("webhook_secrets").at(0),
                                            made.at("tool_secret"), ultravox_key, token};
  platform.call("mario-pizza");

  std::size_t files = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(platform.workspace() + "/log")) {
    if (!entry.is_regular_file()) {
      continue;
    }
    ++files;
    std::ifstream file(entry.path());
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    for (const std::string& secret : secrets) {
      EXPECT_EQ(text.find(secret), std::string::npos) << entry.path();
    }
  }
  EXPECT_GT(files, 1U);
  const int edge = platform.voicectl_json({"status"})["edge"].value("pid", -1);
  for (const int pid : {platform.pid_of_daemon(), platform.pid_of_instance("shared-0"), edge}) {
    const std::string shown = shown_by_proc(pid);
    EXPECT_FALSE(shown.empty()) << pid;
    for (const std::string& secret : secrets) {
      EXPECT_EQ(shown.find(secret), std::string::npos) << pid;
    }
  }
}

TEST_F(PlatformE2e, AnInstanceHasNothingOfTheDaemonsEnvironment) {
  platform.up();

  EXPECT_EQ(read_proc(platform.pid_of_instance("shared-0"), "environ"),
            std::string("GLIBC_TUNABLES=glibc.malloc.tcache_count=200").append(1, '\0'));
}

}  // namespace
}  // namespace voicectl::e2e
