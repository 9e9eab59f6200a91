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
    ASSERT_TRUE(files_.make_directory("/state/transfer", kPrivateDirectory).has_value());
    daemon_.answer("GET /v1/tenants/acme", Json{{"tenant", "acme"}});
    programs_.on_start = [this](const LaunchSpec& spec, const std::string& log) {
      runs_.push_back(spec.argv);
      logs_.push_back(log);
      ASSERT_TRUE(files_.replace_atomically(log, says_[spec.argv.at(1)], kPrivateFile).has_value());
      if (spec.argv.at(1) == "import") {
        ASSERT_TRUE(files_.make_directory(word_after("--stage"), kPrivateDirectory).has_value());
      }
      if (spec.argv.at(1) == "discard") {
        ASSERT_TRUE(files_.remove(word_after("--stage")).has_value());
      }
      if (after_run_) {
        after_run_(spec.argv.at(1));
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
  /// Of the last run.
  std::string word_after(const std::string& option) const {
    const auto& argv = runs_.back();
    const auto at = std::find(argv.begin(), argv.end(), option);
    return at == argv.end() || at + 1 == argv.end() ? "" : *(at + 1);
  }
  std::vector<std::string> stages() {
    std::vector<std::string> names = *files_.list("/state/transfer");
    std::erase_if(names, [](const std::string& name) { return !name.starts_with("import-"); });
    return names;
  }
  /// From now on the platform asks for this.
  void desire(const DesiredState& desired, std::int64_t generation = 4) {
    daemon_.answers["GET /v1/desired"] = {
        Json{{"generation", generation}, {"document", render_desired_state(desired)}}};
  }
  std::vector<TenantSpec> applied() const {
    const std::string document = daemon_.body_of("POST /v1/apply")["document"];
    return parse_desired_state({{"applied", document}}, nullptr).state.tenants;
  }

  std::map<std::string, std::string> says_;
  std::vector<std::vector<std::string>> runs_;
  std::vector<std::string> logs_;
  /// Hears of each run of the program, by its command.
  std::function<void(const std::string& command)> after_run_;
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

TEST_F(ArchiveCommandsTest, ExportWithSecretsTakesTheHashesOfKeysAlong) {
  say("export", {{"type", "done"}, {"tenant", "acme"}, {"file", "/a"}, {"api_keys", 2}});

  EXPECT_EQ(run({"tenant", "export", "acme", "--file", "a", "--with-secrets"}), ExitCode::kOk);

  EXPECT_THAT(runs_[0], Contains("/state/tenants/acme/secrets.json"));
  EXPECT_THAT(runs_[0], Contains("/state/tenants/acme/keys.json"));
  EXPECT_THAT(err(), HasSubstr("Hashes of 2 API keys are in it"));
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
  EXPECT_EQ(applied()[1].import_id, stages().at(0)) << "the daemon takes these data or none";
  EXPECT_EQ(commands(), std::vector<std::string>{"import"});
  EXPECT_EQ(stages().size(), 1U) << "it is the daemon's from here on";
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
  EXPECT_THAT(stages(), testing::IsEmpty());
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));
}

TEST_F(ArchiveCommandsTest, WhatImportsLeftThatNobodyWaitsForIsTakenBackFirst) {
  for (const char* stage : {"import-1-2", "import-3-4"}) {
    ASSERT_TRUE(files_.make_directory(std::string("/state/transfer/") + stage, kPrivateDirectory)
                    .has_value());
  }
  DesiredState desired = with_tenant("acme");
  desired.tenants[0].import_id = "import-3-4";  // it is not carried out yet
  desire(desired);
  say_imported("copy");

  EXPECT_EQ(run({"tenant", "import", "--file", "a", "--as", "copy", "--yes"}), ExitCode::kOk);

  EXPECT_EQ(commands(), (std::vector<std::string>{"discard", "import"}));
  EXPECT_THAT(runs_.front(), Contains("/state/transfer/import-1-2"));
  EXPECT_THAT(stages(), testing::SizeIs(2));
  EXPECT_THAT(stages(), Contains("import-3-4"));
}

TEST_F(ArchiveCommandsTest, AnImportThatThePlatformHasAcceptedIsNotTakenBack) {
  say_imported("copy");
  daemon_.streams.erase("POST /v1/apply");  // it dies in the middle of it
  after_run_ = [this](const std::string& command) {
    DesiredState accepted = with_tenant("acme");
    desire(accepted);
    accepted.tenants.push_back(TenantSpec{
        .tenant = *TenantId::parse("copy"), .name = "copy", .import_id = stages().at(0)});
    daemon_.answer("GET /v1/desired",
                   Json{{"generation", 5}, {"document", render_desired_state(accepted)}});
    EXPECT_EQ(command, "import");
  };

  EXPECT_NE(run({"tenant", "import", "--file", "a", "--as", "copy", "--yes"}), ExitCode::kOk);

  EXPECT_EQ(commands(), std::vector<std::string>{"import"});
  EXPECT_EQ(stages().size(), 1U);
  EXPECT_THAT(err(), HasSubstr("has accepted the tenant"));
  EXPECT_THAT(err(), HasSubstr("voicectl tenant delete copy"));
}

TEST_F(ArchiveCommandsTest, AnImportIsKeptWhileNobodyCanSayWhetherItWasAccepted) {
  say_imported("copy");
  daemon_.streams.erase("POST /v1/apply");
  after_run_ = [this](const std::string&) {
    desire(with_tenant("acme"));
    daemon_.answer("GET /v1/desired", Error(ErrorCode::kUnavailable, "cannot reach voicectld"));
  };

  EXPECT_EQ(run({"tenant", "import", "--file", "a", "--as", "copy", "--yes"}),
            ExitCode::kDaemonUnavailable);

  EXPECT_EQ(commands(), std::vector<std::string>{"import"});
  EXPECT_THAT(err(), HasSubstr("not known whether"));
}

TEST_F(ArchiveCommandsTest, WhatOthersAskForWhileAnArchiveIsUnpackedStays) {
  say_imported("copy");
  after_run_ = [this](const std::string&) {
    DesiredState meanwhile = with_tenant("acme");
    meanwhile.tenants.push_back(TenantSpec{.tenant = *TenantId::parse("bobs"), .name = "Bob's"});
    meanwhile.platform.pool_size = 3;
    desire(meanwhile, 9);
  };

  EXPECT_EQ(run({"tenant", "import", "--file", "a", "--as", "copy", "--yes"}), ExitCode::kOk);

  ASSERT_EQ(applied().size(), 3U);
  EXPECT_EQ(applied()[1].tenant.str(), "bobs");
  EXPECT_THAT(daemon_.body_of("POST /v1/apply").dump(), HasSubstr(R"(\"size\":3)"));
  EXPECT_EQ(daemon_.body_of("POST /v1/apply")["base_generation"], 9);
}

TEST_F(ArchiveCommandsTest, ANameThatIsTakenWhileAnArchiveIsUnpackedIsRefused) {
  say_imported("copy");
  after_run_ = [this](const std::string&) {
    DesiredState meanwhile = with_tenant("acme");
    meanwhile.tenants.push_back(TenantSpec{.tenant = *TenantId::parse("copy"), .name = "Copy"});
    desire(meanwhile);
  };

  EXPECT_NE(run({"tenant", "import", "--file", "a", "--as", "copy", "--yes"}), ExitCode::kOk);

  EXPECT_THAT(err(), HasSubstr("it exists"));
  EXPECT_EQ(commands(), (std::vector<std::string>{"import", "discard"}));
}

TEST_F(ArchiveCommandsTest, CredentialsOfTheArchivesHostAreNotTakenFromThisOne) {
  const Json document = {{"slug", "acme"},
                         {"name", "Acme"},
                         {"business_type", "custom"},
                         {"backend",
                          {{"kind", "erpnext"},
                           {"url", "https://evil.example"},
                           {"credentials_file", "/state/tenants/rival/erpnext.credentials"}}}};
  say("import", {{"type", "done"}, {"tenant", "copy"}, {"document", document}});

  EXPECT_NE(run({"tenant", "import", "--file", "a", "--as", "copy", "--yes"}), ExitCode::kOk);

  EXPECT_THAT(err(), HasSubstr("'https://evil.example'"));
  EXPECT_THAT(err(), HasSubstr("--credentials-file"));
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));

  EXPECT_EQ(run({"tenant", "import", "--file", "a", "--as", "copy", "--yes", "--credentials-file",
                 "copy.erp"}),
            ExitCode::kOk);
  EXPECT_EQ(applied().at(1).backend.credentials_file, "/home/ann/copy.erp");
  EXPECT_THAT(err(), HasSubstr("https://evil.example"));
}

TEST_F(ArchiveCommandsTest, CredentialsForATenantThatNeedsNoneAreRefused) {
  say_imported("copy");

  EXPECT_NE(
      run({"tenant", "import", "--file", "a", "--as", "copy", "--yes", "--credentials-file", "x"}),
      ExitCode::kOk);

  EXPECT_THAT(err(), HasSubstr("needs no credentials"));
}

TEST_F(ArchiveCommandsTest, TheStoresPasswordIsTakenFromWhereThePlatformHasIt) {
  DesiredState desired = with_tenant("acme");
  desired.platform.store = {SessionStoreKind::kRedis, "redis://127.0.0.1:6379", ""};
  desire(desired);
  say_imported("copy");
  EXPECT_EQ(run({"tenant", "import", "--file", "a", "--as", "copy", "--yes"}), ExitCode::kOk);
  EXPECT_EQ(word_after("--redis-url"), "redis://127.0.0.1:6379");
  EXPECT_EQ(word_after("--redis-password-file"), "");

  files_.put("/state/keys/redis.password", "usual");
  EXPECT_EQ(run({"tenant", "import", "--file", "a", "--as", "copy", "--yes"}), ExitCode::kOk);
  EXPECT_EQ(word_after("--redis-password-file"), "/state/keys/redis.password");

  desired.platform.store.password_file = "/etc/voicectl/redis.password";
  desire(desired);
  EXPECT_EQ(run({"tenant", "import", "--file", "a", "--as", "copy", "--yes"}), ExitCode::kOk);
  EXPECT_EQ(word_after("--redis-password-file"), "/etc/voicectl/redis.password");
}

TEST_F(ArchiveCommandsTest, RunsOfOneNameKeepApartAndLeaveNothingForGood) {
  files_.put("/state/transfer/export-acme.77.log", "of one who was interrupted");
  files_.put("/state/transfer/export-acme.77.json", "its document");
  files_.put("/state/transfer/export-acme.88.log", "of one who is at it");
  programs_.programs[88];
  say("export", {{"type", "done"}, {"tenant", "acme"}, {"file", "/home/ann/b"}});

  EXPECT_EQ(run({"tenant", "export", "acme", "--file", "b"}), ExitCode::kOk);

  EXPECT_EQ(logs_.at(0), "/state/transfer/export-acme.50.log");
  EXPECT_THAT(*files_.list("/state/transfer"), testing::ElementsAre("export-acme.88.log"));
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

TEST_F(ArchiveCommandsTest, APurgeThatIsCutOffIsFoundAgain) {
  const Json one = {{"name", "old-1000"},    {"tenant", "old"}, {"retired_at", "1970-01-01"},
                    {"retired_at_ms", 1000}, {"bytes", 4096},   {"store", "redis"}};
  say("retired", {{"type", "done"}, {"retired", {one}}});
  daemon_.answer("DELETE /v1/retired/old", Error(ErrorCode::kUnavailable, "cannot reach it"));

  EXPECT_EQ(run({"tenant", "purge", "old", "--confirm=old"}), ExitCode::kDaemonUnavailable);

  EXPECT_THAT(commands(), Not(Contains("purge"))) << "its folder still names it";
}

TEST_F(ArchiveCommandsTest, APurgeOfSeveralGoesOnAfterOneThatFails) {
  const auto left = [](const std::string& tenant) {
    return Json{{"name", tenant + "-1000"}, {"tenant", tenant}, {"retired_at", "1970-01-01"},
                {"retired_at_ms", 1000},    {"bytes", 4096},    {"store", "embedded"}};
  };
  say("retired", {{"type", "done"}, {"retired", {left("one"), left("two")}}});
  say("purge", {{"type", "done"}, {"redis_keys", 0}});
  daemon_.answer("DELETE /v1/retired/one", Error(ErrorCode::kInternal, "cannot forget it"));
  daemon_.answer("DELETE /v1/retired/two", Json{{"forgotten", true}});

  EXPECT_EQ(run({"tenant", "purge", "--older-than", "1s", "--confirm=2", "-o", "json"}),
            ExitCode::kPartial);

  EXPECT_THAT(err(), HasSubstr("cannot forget it"));
  const Json told = Json::parse(out());
  ASSERT_EQ(told["retired"].size(), 1U);
  EXPECT_EQ(told["retired"][0]["tenant"], "two");
  EXPECT_EQ(told["problems"].size(), 1U);
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
