// SPDX-License-Identifier: Apache-2.0
// An apply in batches, and hooks around it: by the built programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "tests/e2e/platform.h"

namespace voicectl::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RolloutE2e : public ::testing::Test {
 protected:
  /// A program of the shell that can be a hook; its path.
  std::string script(const std::string& name, const std::string& text) {
    const std::string path = platform.path(name);
    std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
    EXPECT_EQ(::chmod(path.c_str(), 0700), 0);
    return path;
  }
  Finished apply(const std::string& tenants, std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(),
                 {"apply", "-f", platform.write_file(tenants), "--yes", "--no-input"});
    return platform.voicectl(std::move(flags));
  }
  std::string name_of(const std::string& tenant) {
    return platform.voicectl_json({"tenant", "show", tenant}).value("name", "");
  }
  static std::string read(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
  }
  static std::string shops(const std::string& more_of_canary) {
    return Platform::small_restaurant("canary-shop", more_of_canary) +
           Platform::small_restaurant("other-shop", ", email: new@example.com");
  }

  Platform platform;
};

TEST_F(RolloutE2e, ACanaryThatFailsStopsItAndTheNextApplyGoesOn) {
  platform.up();
  ASSERT_EQ(
      apply(Platform::small_restaurant("canary-shop") + Platform::small_restaurant("other-shop"))
          .code,
      0);
  // Credentials that are not there: its new settings cannot be put in place.
  const std::string bad =
      ", backend: { kind: erpnext, url: \"https://erp.example.com\", company: Shop, "
      "credentials_file: " +
      platform.path("missing.key") + " }";
  const std::vector<std::string> flags = {"--canary=canary-shop", "--batch=1", "--pause=2s"};

  const Finished unknown = apply(shops(bad), {"--canary=nobody"});
  const Finished stopped = apply(shops(bad), flags);
  const Finished status = platform.voicectl({"status"});
  const json held = platform.voicectl_json({"tenant", "show", "other-shop"});
  const Finished gone_on = apply(shops(", email: new@example.com"), flags);
  const json done = platform.voicectl_json({"tenant", "show", "other-shop"});

  EXPECT_EQ(unknown.code, 3) << unknown.out << unknown.err;
  EXPECT_THAT(unknown.err, HasSubstr("cannot take 'nobody' as a canary"));
  EXPECT_NE(stopped.code, 0) << stopped.out << stopped.err;
  EXPECT_THAT(stopped.out, HasSubstr("canary-shop (canary)"));
  EXPECT_THAT(stopped.err, HasSubstr("the rollout was stopped: 1 tenant failed"));
  EXPECT_THAT(status.out, HasSubstr("Rollout stopped:"));
  EXPECT_THAT(held.dump(), Not(HasSubstr("new@example.com")));
  EXPECT_EQ(gone_on.code, 0) << gone_on.out << gone_on.err;
  EXPECT_THAT(gone_on.out, HasSubstr("batch 2 of 2"));
  EXPECT_THAT(done.dump(), HasSubstr("new@example.com"));
  EXPECT_THAT(platform.voicectl({"status"}).out, Not(HasSubstr("Rollout")));
}

TEST_F(RolloutE2e, AHookHearsOfTheApplyAndMayRefuseIt) {
  platform.up();
  const std::string heard = platform.path("heard.json");
  const std::string check =
      script("check.sh", "cat > " + heard + "; env > " + platform.path("env") +
                             "; echo 'not today'; exit $(cat " + platform.path("code") + ")");
  const std::string tell = script("tell.sh", "cat > " + platform.path("told.json"));
  platform.set_platform_line("hooks: { before_apply: [ { command: [ " + check +
                             " ] } ], after_apply: [ { command: [ " + tell + " ] } ] }");
  std::ofstream(platform.path("code")) << "1";

  const Finished refused = apply(Platform::small_restaurant("new-shop"));
  const int found = platform.voicectl({"tenant", "show", "new-shop"}).code;
  std::ofstream(platform.path("code")) << "0";
  const Finished applied = apply(Platform::small_restaurant("new-shop"));

  EXPECT_EQ(refused.code, 1) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("not today"));
  EXPECT_EQ(found, 3);
  EXPECT_EQ(applied.code, 0) << applied.out << applied.err;
  const json facts = json::parse(read(heard), nullptr, false);
  EXPECT_EQ(facts.value("hook", ""), "before_apply");
  EXPECT_THAT(facts.dump(), HasSubstr("new-shop"));
  EXPECT_THAT(read(platform.path("told.json")), HasSubstr("\"outcome\""));
  EXPECT_THAT(read(platform.path("env")), Not(HasSubstr("HOME=")));
  EXPECT_THAT(platform.voicectl({"events"}).out, HasSubstr("hook.failed"));
}

TEST_F(RolloutE2e, AHookThatTalksTooMuchAndNeverEndsIsEnded) {
  platform.up();
  const std::string chatty =
      script("chatty.sh", "while true; do echo 0123456789012345678901234567890123456789; done");
  platform.set_platform_line("hooks: { before_apply: [ { command: [ " + chatty +
                             " ], timeout: 1s } ] }");

  const Finished refused = apply(Platform::small_restaurant("new-shop"));

  EXPECT_EQ(refused.code, 1) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("longer than 1s"));
}

}  // namespace
}  // namespace voicectl::e2e
