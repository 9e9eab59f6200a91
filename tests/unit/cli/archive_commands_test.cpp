// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "base/json.h"
#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

/// voicectl-archive that says what it is told to, for each of its commands.
class ArchiveCommandsTest : public CliTest {
 protected:
  void SetUp() override {
    serve(with_tenant("acme"), plan_json(1));
    daemon_.answer("GET /v1/status", Json{{"daemon", {{"state", "/state"}}}});
    daemon_.answer("GET /v1/tenants/acme", Json{{"tenant", "acme"}});
    programs_.on_start = [this](const LaunchSpec& spec, const std::string& log) {
      runs_.push_back(spec.argv);
      ASSERT_TRUE(files_.replace_atomically(log, says_[spec.argv.at(1)], kPrivateFile).has_value());
      if (spec.argv.at(1) == "import") {
        ASSERT_TRUE(
            files_.make_directory("/state/transfer/incoming", kPrivateDirectory).has_value());
      }
      programs_.programs.rbegin()->second.is_running = false;
    };
    says_["discard"] = R"({"type":"done"})"
                       "\n";
  }

  static DesiredState with_tenant(const std::string& slug) {
    DesiredState state;
    state.tenants.push_back(TenantSpec{.tenant = *TenantId::parse(slug), .name = slug});
    return state;
  }

  void say(const std::string& command, const Json& line) {
    says_[command] = R"({"type":"progress","of":"rows","done":20000})"
                     "\n" +
                     dump_json(line) + "\n";
  }
  void say_imported(const std::string& tenant) {
    const Json document = {{"slug", "acme"},
                           {"name", "Acme"},
                           {"business_type", "custom"},
                           {"domains", {"acme.example.com"}}};
    say("import", {{"type", "done"},
                   {"tenant", tenant},
                   {"exported_from", "acme"},
                   {"exported_at", "2026-11-25T10:00:00Z"},
                   {"document", document},
                   {"rows", {{"sessions", 3}}}});
  }
  /// Commands of the program that were run.
  std::vector<std::string> commands() const {
    std::vector<std::string> names;
    for (const auto& argv : runs_) {
      names.push_back(argv.at(1));
    }
    return names;
  }
  std::vector<TenantSpec> applied() const {
    const std::string document = daemon_.body_of("POST /v1/apply")["document"];
    return parse_desired_state({{"applied", document}}, nullptr).state.tenants;
  }

  std::map<std::string, std::string> says_;
  std::vector<std::vector<std::string>> runs_;
};

TEST_F(ArchiveCommandsTest, ExportTellsTheProgramWhereTheTenantIs) {
  say("export", {{"type", "done"},
                 {"tenant", "acme"},
                 {"file", "/home/ann/acme.tar.zst"},
                 {"bytes", 2048},
                 {"rows", {{"sessions", 3}, {"events", 9}}},
                 {"left_out", {"API keys"}}});

  EXPECT_EQ(run({"tenant", "export", "acme", "--file", "acme.tar.zst"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("12 rows: 9 events, 3 sessions"));
  EXPECT_THAT(err(), HasSubstr("Not in it: API keys"));
  ASSERT_EQ(runs_.size(), 1U);
  EXPECT_EQ(runs_[0][0], "/opt/voicectl/bin/voicectl-archive");
  EXPECT_THAT(runs_[0], Contains("/state/tenants/acme/config.json"));
  EXPECT_THAT(runs_[0], Contains("/home/ann/acme.tar.zst"));
  EXPECT_THAT(runs_[0], Not(Contains("--secrets")));
  EXPECT_EQ(files_.find("/state/transfer/export-acme.json"), nullptr);
}

TEST_F(ArchiveCommandsTest, ExportDoesNotReplaceAFileUnasked) {
  ASSERT_TRUE(files_.make_directory("/home/ann", kPrivateDirectory).has_value());
  ASSERT_TRUE(files_.replace_atomically("/home/ann/a", "x", kPrivateFile).has_value());

  EXPECT_NE(run({"tenant", "export", "acme", "--file", "a"}), ExitCode::kOk);
  EXPECT_THAT(err(), HasSubstr("--overwrite"));
  EXPECT_TRUE(runs_.empty());
  EXPECT_EQ(run({"tenant", "export", "nobody", "--file", "b"}), ExitCode::kNotFound);
}

TEST_F(ArchiveCommandsTest, WhatTheProgramRefusesIsTold) {
  say("export", {{"type", "error"}, {"code", "corrupt"}, {"message", "cannot export 'acme': x"}});
  EXPECT_EQ(run({"tenant", "export", "acme", "--file", "b"}), ExitCode::kFailure);
  EXPECT_THAT(err(), HasSubstr("cannot export 'acme': x"));

  says_["export"] = "";
  EXPECT_EQ(run({"tenant", "export", "acme", "--file", "b"}), ExitCode::kFailure);
  EXPECT_THAT(err(), HasSubstr("ended without a word"));
}

TEST_F(ArchiveCommandsTest, ImportAppliesTheTenantUnderItsNewName) {
  say_imported("copy");

  EXPECT_EQ(run({"tenant", "import", "--file", "a", "--as", "copy", "--yes"}), ExitCode::kOk);

  ASSERT_EQ(applied().size(), 2U);
  EXPECT_EQ(applied()[1].tenant.str(), "copy");
  EXPECT_TRUE(applied()[1].domains.empty()) << "a host leads to one tenant";
  EXPECT_EQ(commands(), std::vector<std::string>{"import"});
  EXPECT_NE(files_.find("/state/transfer/copy"), nullptr);
}

TEST_F(ArchiveCommandsTest, ImportIntoATenantThatExistsIsRefused) {
  say_imported("acme");

  // With the name given nothing is even unpacked.
  EXPECT_NE(run({"tenant", "import", "--file", "a", "--as", "acme", "--yes"}), ExitCode::kOk);
  EXPECT_TRUE(runs_.empty());
  EXPECT_NE(run({"tenant", "import", "--file", "a", "--yes"}), ExitCode::kOk);

  EXPECT_THAT(err(), HasSubstr("it exists"));
  EXPECT_EQ(commands(), (std::vector<std::string>{"import", "discard"}));
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));
}

TEST_F(ArchiveCommandsTest, AnImportThatNobodyAgreesToIsTakenBack) {
  say_imported("copy");

  EXPECT_EQ(run({"tenant", "import", "--file", "a", "--as", "copy"}), ExitCode::kUsage);

  EXPECT_EQ(commands(), (std::vector<std::string>{"import", "discard"}));
  EXPECT_THAT(runs_.back(), Contains("/state/transfer/copy"));
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));
}

TEST_F(ArchiveCommandsTest, WhatAnImportLeftThatWasCutOffIsTakenBackFirst) {
  ASSERT_TRUE(files_.make_directory("/state/transfer/incoming", kPrivateDirectory).has_value());
  say_imported("copy");

  EXPECT_EQ(run({"tenant", "import", "--file", "a", "--as", "copy", "--yes"}), ExitCode::kOk);

  EXPECT_EQ(commands(), (std::vector<std::string>{"discard", "import"}));
}

TEST_F(ArchiveCommandsTest, CheckEndsWithAFailureWhenItFindsOne) {
  say("check", {{"type", "done"},
                {"tenant", "acme"},
                {"rows", {{"events", 2}}},
                {"problems", Json::array()}});
  EXPECT_EQ(run({"tenant", "check", "acme"}), ExitCode::kOk);
  EXPECT_THAT(out(), HasSubstr("are sound"));

  say("check", {{"type", "done"}, {"tenant", "acme"}, {"problems", {"page 4 is broken"}}});
  EXPECT_EQ(run({"tenant", "check", "acme"}), ExitCode::kFailure);
  EXPECT_THAT(out(), HasSubstr("page 4 is broken"));
  EXPECT_THAT(out(), HasSubstr("voicectl tenant import"));
}

TEST_F(ArchiveCommandsTest, PurgeErasesOnlyWhatWasConfirmedByName) {
  const Json one = {{"name", "old-1000"},    {"tenant", "old"}, {"retired_at", "1970-01-01"},
                    {"retired_at_ms", 1000}, {"bytes", 4096},   {"store", "redis"}};
  const Json two = {
      {"name", "new-9000000000000000"},         {"tenant", "new"}, {"retired_at", "later"},
      {"retired_at_ms", 9'000'000'000'000'000}, {"bytes", 1},      {"store", "embedded"}};
  say("retired", {{"type", "done"}, {"retired", {one, two}}});
  say("purge", {{"type", "done"}, {"bytes", 4096}, {"redis_keys", 7}});
  daemon_.answer("DELETE /v1/retired/old", Json{{"forgotten", true}});

  EXPECT_EQ(run({"tenant", "purge", "--list"}), ExitCode::kOk);
  EXPECT_THAT(out(), HasSubstr("4.0 KiB"));
  EXPECT_EQ(run({"tenant", "purge"}), ExitCode::kFailure);
  EXPECT_EQ(run({"tenant", "purge", "old"}), ExitCode::kUsage);
  EXPECT_EQ(run({"tenant", "purge", "old", "--confirm=new"}), ExitCode::kFailure);
  EXPECT_EQ(run({"tenant", "purge", "nobody", "--confirm=nobody"}), ExitCode::kNotFound);
  EXPECT_THAT(commands(), Not(Contains("purge")));

  EXPECT_EQ(run({"tenant", "purge", "--older-than", "30d", "--confirm=1"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("7 keys on Redis"));
  EXPECT_THAT(runs_.back(), Contains("/state/retired/old-1000"));
  EXPECT_TRUE(daemon_.was_asked("DELETE /v1/retired/old"));
}

}  // namespace
}  // namespace voicectl
