// SPDX-License-Identifier: Apache-2.0
// A file and the command line on one platform: what one has set the other does not overwrite
// unseen. By the built programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>

#include "tests/e2e/platform.h"

namespace voicectl::e2e {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class OwnershipE2e : public ::testing::Test {
 protected:
  /// The platform's file, with a tenant of which it says `more`.
  std::string file_with(const std::string& more) const {
    return platform.write_file(Platform::small_restaurant("soup-kitchen", more));
  }
  std::string tier() const {
    return platform.voicectl_json({"tenant", "show", "soup-kitchen"})["tier"];
  }

  Platform platform;
};

TEST_F(OwnershipE2e, AConflictIsShownRefusedAndForced) {
  platform.up();
  ASSERT_EQ(platform.voicectl({"apply", "-f", file_with(""), "--yes"}).code, 0);
  const Finished set =
      platform.voicectl({"tenant", "tier", "soup-kitchen", "pooled", "--yes", "-m", "it is quiet"});
  ASSERT_EQ(set.code, 0) << set.err;
  EXPECT_THAT(set.out, HasSubstr("tenants[soup-kitchen].tier: \"auto\" -> \"pooled\""));
  const int daemon = platform.pid_of_daemon();
  ASSERT_EQ(::kill(daemon, SIGKILL), 0);
  ASSERT_TRUE(wait_for_end(daemon));
  const Finished started =
      run({Platform::bin("voicectl"), "up", "--workspace", platform.workspace()});
  ASSERT_EQ(started.code, 0) << started.err;

  // A file that says nothing of it.
  const Finished silent = platform.voicectl({"apply", "-f", file_with(""), "--yes"});
  EXPECT_EQ(silent.code, 0) << silent.err;
  EXPECT_THAT(silent.out, HasSubstr("tenants[soup-kitchen].tier: \"pooled\""));
  EXPECT_EQ(tier(), "pooled");

  // One that says otherwise.
  const std::string other = file_with(", tier: auto");
  const Finished plan = platform.voicectl({"plan", "-f", other, "--detailed-exitcode"});
  const Finished markdown = platform.voicectl({"plan", "-f", other, "-o", "markdown"});
  const json document =
      platform.voicectl_json({"plan", "-f", other, "--out", platform.path("p.json")});
  const Finished refused = platform.voicectl({"apply", "-f", other, "--yes"});
  const Finished saved = platform.voicectl({"apply", platform.path("p.json"), "--yes"});
  EXPECT_EQ(plan.code, 2) << plan.err;
  EXPECT_THAT(plan.out, AllOf(HasSubstr("apply refuses it without --force-conflicts"),
                              HasSubstr("! tenants[soup-kitchen].tier: \"pooled\" -> \"auto\"")));
  EXPECT_THAT(markdown.out, HasSubstr("Conflict:"));
  ASSERT_EQ(document["ownership"]["conflicts"].size(), 1U) << document.dump(2);
  EXPECT_EQ(document["ownership"]["conflicts"][0]["owner"]["owner"], "command_line");
  for (const Finished& each : {refused, saved}) {
    EXPECT_EQ(each.code, 4) << each.out << each.err;
    EXPECT_THAT(
        each.err,
        AllOf(HasSubstr("tenants[soup-kitchen].tier: \"auto\" in the file, \"pooled\" by the "
                        "command line ("),
              HasSubstr("tenant tier soup-kitchen pooled: it is quiet"),
              HasSubstr("write what is there into the file, leave the field out of it, or "
                        "take the file's value with --force-conflicts")));
  }
  EXPECT_EQ(tier(), "pooled");
  EXPECT_THAT(platform.voicectl({"tenant", "show", "soup-kitchen"}).out,
              AllOf(HasSubstr("Owners     tier: command line ("), HasSubstr("all else: file")));

  const Finished forced = platform.voicectl({"apply", "-f", other, "--yes", "--force-conflicts"});
  EXPECT_EQ(forced.code, 0) << forced.err;
  EXPECT_EQ(tier(), "auto");
  EXPECT_THAT(platform.voicectl({"plan", "-f", other}).out, Not(HasSubstr("Conflict")));
}

TEST_F(OwnershipE2e, AFilePrunesOnlyWhatCameFromAFile) {
  platform.up();
  ASSERT_EQ(platform.voicectl({"tenant", "create", "corner-shop", "--yes"}).code, 0);
  ASSERT_EQ(platform.voicectl({"apply", "-f", file_with(""), "--yes"}).code, 0);

  const Finished pruned =
      platform.voicectl({"apply", "-f", platform.write_file(), "--yes", "--allow-delete=1"});

  EXPECT_EQ(pruned.code, 0) << pruned.err;
  EXPECT_THAT(pruned.out, HasSubstr("tenants[corner-shop] ("));
  EXPECT_EQ(platform.voicectl({"tenant", "show", "corner-shop"}).code, 0);
  EXPECT_EQ(platform.voicectl({"tenant", "show", "soup-kitchen"}).code, 3);
  EXPECT_EQ(platform.voicectl({"tenant", "delete", "corner-shop", "--confirm", "corner-shop"}).code,
            0);
  EXPECT_THAT(platform.voicectl({"plan", "-f", platform.write_file()}).out,
              HasSubstr("Nothing to do"));
}

TEST_F(OwnershipE2e, ARollbackIsNotUndoneByTheFileThatItWasAbout) {
  platform.up();
  const auto apply = [this](const std::string& email) {
    const std::string file = file_with(", email: " + email);
    return platform.voicectl({"apply", "-f", file, "--yes"});
  };
  ASSERT_EQ(apply("good@example.com").code, 0);
  ASSERT_EQ(apply("bad@example.com").code, 0);
  ASSERT_EQ(platform.voicectl({"rollback", "2", "--yes"}).code, 0);

  const Finished again = apply("bad@example.com");
  const Finished mended = apply("good@example.com");

  EXPECT_EQ(again.code, 4);
  EXPECT_THAT(again.err, HasSubstr("rollback to 2"));
  EXPECT_EQ(mended.code, 0) << mended.err;
  EXPECT_EQ(platform.voicectl_json({"tenant", "show", "soup-kitchen"})["spec"]["email"],
            "good@example.com");
}

TEST_F(OwnershipE2e, ATenantThatARollbackTookAwayIsNotMadeAgainByTheSameFile) {
  platform.up();
  const std::string bad = file_with("");
  ASSERT_EQ(platform.voicectl({"apply", "-f", bad, "--yes"}).code, 0);
  const Finished back = platform.voicectl({"rollback", "1", "--yes", "--allow-delete=1"});
  ASSERT_EQ(back.code, 0) << back.err;
  EXPECT_THAT(back.out, HasSubstr("tenants[soup-kitchen]: \"present\" -> \"absent\""));

  const Finished again = platform.voicectl({"apply", "-f", bad, "--yes"});
  const Finished forced = platform.voicectl({"apply", "-f", bad, "--yes", "--force-conflicts"});

  EXPECT_EQ(again.code, 4) << again.out << again.err;
  EXPECT_THAT(again.err, HasSubstr("tenants[soup-kitchen]: \"present\" in the file, \"absent\" by "
                                   "the command line ("));
  EXPECT_EQ(forced.code, 0) << forced.err;
  EXPECT_EQ(platform.voicectl({"tenant", "show", "soup-kitchen"}).code, 0);
}

TEST_F(OwnershipE2e, AFilesMarkBelowACommandsIsAConflictThatCanBeForced) {
  platform.up();
  std::ofstream(platform.path("policy.yaml"))
      << "monitor: {marks: {starter: {high_sessions: 100, low_sessions: 50}}}\n";
  ASSERT_EQ(platform.voicectl({"policy", "set", platform.path("policy.yaml"), "--yes"}).code, 0);
  platform.set_platform_line("monitor: { marks: { starter: { high_sessions: 40 } } }");

  const Finished refused = platform.voicectl({"apply", "-f", platform.write_file(), "--yes"});
  const Finished plan = platform.voicectl({"plan", "-f", platform.write_file()});
  const Finished forced =
      platform.voicectl({"apply", "-f", platform.write_file(), "--yes", "--force-conflicts"});

  EXPECT_EQ(refused.code, 4) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("low_sessions: 50 by the command line"));
  EXPECT_EQ(plan.code, 0) << plan.err;
  EXPECT_THAT(plan.out, HasSubstr("name it in the file too"));
  EXPECT_EQ(forced.code, 0) << forced.err;
}

TEST_F(OwnershipE2e, ACanaryThatIsDeletedKeepsNobodyFromAnything) {
  platform.up();
  platform.set_platform_line("rollout: { canary: [soup-kitchen], pause: 1s }");
  const std::string file = file_with("");
  ASSERT_EQ(platform.voicectl({"apply", "-f", file, "--yes"}).code, 0);

  const Finished gone =
      platform.voicectl({"tenant", "delete", "soup-kitchen", "--confirm", "soup-kitchen"});
  const Finished tier = platform.voicectl({"tenant", "tier", "dr-smith", "pooled", "--yes"});
  const Finished made = platform.voicectl({"tenant", "create", "corner-shop", "--yes"});
  const Finished policy = platform.voicectl({"policy", "set", "--mode", "observe", "--yes"});
  // To the revision that the deletion has made.
  const Finished back = platform.voicectl({"rollback", "3", "--yes", "--allow-delete=1"});

  for (const Finished& each : {gone, tier, made, policy, back}) {
    EXPECT_EQ(each.code, 0) << each.out << each.err;
  }
  const Finished unmended = platform.voicectl({"apply", "-f", platform.write_file(), "--yes"});
  EXPECT_NE(unmended.code, 0);
  EXPECT_THAT(unmended.err, HasSubstr("found the canary 'soup-kitchen'"));
}

TEST_F(OwnershipE2e, TheDaemonItselfDeletesNoMoreThanItWasTold) {
  platform.up();
  ASSERT_EQ(platform.voicectl({"apply", "-f", file_with(""), "--yes"}).code, 0);
  const std::string saved = platform.path("p.json");
  ASSERT_EQ(platform.voicectl({"plan", "-f", platform.write_file(), "--out", saved}).code, 0);
  // As a program asks that is not voicectl, or one of an older version.
  std::ifstream file(saved);
  json request = {{"document", json::parse(file)["document"]}, {"who", "a job"}};

  const std::string untold = platform.post("/v1/apply", request);
  request["allow_delete"] = -1;
  const std::string nonsense = platform.post("/v1/apply", request);
  request.erase("allow_delete");
  request["confirm"] = "yes";
  const std::string no_list = platform.post("/v1/apply", request);
  const std::string no_object = platform.post("/v1/apply", json::array());
  const std::string restart = platform.post("/v1/instances/shared-0/restart", json::array());
  request.erase("confirm");
  EXPECT_EQ(platform.voicectl({"tenant", "show", "soup-kitchen"}).code, 0);
  request["allow_delete"] = 1;
  const std::string told = platform.post("/v1/apply", request);

  EXPECT_THAT(untold, AllOf(HasSubstr("HTTP/1.1 403"),
                            HasSubstr("cannot delete 1 tenant without being told so")));
  for (const std::string& each : {nonsense, no_list, no_object, restart}) {
    EXPECT_THAT(each, HasSubstr("HTTP/1.1 400"));
  }
  EXPECT_THAT(told, HasSubstr("HTTP/1.1 200"));
  EXPECT_EQ(platform.voicectl({"tenant", "show", "soup-kitchen"}).code, 3);
  EXPECT_TRUE(platform.voicectl_json({"lock", "show"})["lock"].is_null());
}

TEST_F(OwnershipE2e, TheDaemonItselfAsksForTheWordOfASevereAct) {
  platform.up();
  const std::string saved = platform.path("p.json");
  ASSERT_EQ(platform.voicectl({"plan", "-f", file_with(""), "--out", saved}).code, 0);
  std::ifstream file(saved);
  json document = json::parse(json::parse(file)["document"].get<std::string>());
  document["platform"]["domain"] = "other.test";
  json request = {{"document", document.dump()}, {"who", "a job"}, {"confirm", {"other.test"}}};

  const std::string untold = platform.post("/v1/apply", request);

  EXPECT_THAT(untold, AllOf(HasSubstr("HTTP/1.1 403"), HasSubstr("It needs the word '")));
  EXPECT_NE(platform.voicectl_json({"status"})["platform"]["domain"], "other.test");
}

}  // namespace
}  // namespace voicectl::e2e
