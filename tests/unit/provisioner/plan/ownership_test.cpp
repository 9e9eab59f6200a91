// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/ownership.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "provisioner/model/desired_state_yaml.h"
#include "tests/support/matchers.h"
#include "tests/support/plan/plan_builders.h"

namespace voicectl {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A platform that files and commands change one after the other, as the daemon has it.
class OwnershipTest : public ::testing::Test {
 protected:
  static ParsedState parsed(const std::string& text) {
    ParsedState out =
        parse_desired_state({{"platform.yaml", "apiVersion: voicectl/v1\n" + text}}, nullptr);
    EXPECT_TRUE(out.ok()) << (out.ok() ? "" : out.problems.front().str());
    return out;
  }
  Result<OwnedState> file(const std::string& text) {
    ParsedState document = parsed(text);
    return join_file(std::move(document.state), document.named, desired_, owners_);
  }
  void accept(const OwnedState& wanted, const std::string& why) {
    ++revision_;
    desired_ = wanted.desired;
    record_owners(owners_, wanted.change, {revision_, kNoon, "ann", why});
  }
  /// A file that is applied, whatever the conflicts.
  void apply(const std::string& text) {
    const Result<OwnedState> wanted = file(text);
    ASSERT_THAT(wanted, IsOk());
    accept(*wanted, "apply");
  }
  template <typename Edit>
  OwnedState command(Edit edit,
                     const std::string& why = "a command",
                     Removed removed = Removed::kMadeAgain) {
    DesiredState edited = desired_.value_or(DesiredState{});
    edit(edited);
    OwnedState out = take_command(std::move(edited), desired_, owners_, removed);
    accept(out, why);
    return out;
  }
  OwnedState roll_back_to(const DesiredState& earlier) {
    return command([&](DesiredState& state) { state = earlier; }, "rollback to 1",
                   Removed::kStaysAway);
  }
  OwnedState set_tier(Tier tier) {
    return command([tier](DesiredState& state) { state.tenants.front().tier = tier; },
                   "tenant tier acme");
  }
  static std::vector<std::string> paths(const FieldNotes& notes) {
    std::vector<std::string> out;
    for (const FieldNote& note : notes.named()) {
      out.push_back(note.path);
    }
    return out;
  }
  const TenantSpec& tenant(std::size_t number = 0) { return desired_->tenants.at(number); }

  static constexpr const char* kAcme = "tenants: [{slug: acme, name: A, business_type: custom}]\n";
  static constexpr const char* kPooled =
      "tenants: [{slug: acme, name: A, business_type: custom, tier: pooled}]\n";
  static constexpr const char* kDedicated =
      "tenants: [{slug: acme, name: A, business_type: custom, tier: dedicated}]\n";

  std::optional<DesiredState> desired_;
  FieldOwners owners_;
  std::int64_t revision_ = 0;
};

TEST_F(OwnershipTest, AFileAloneHasNothingToTell) {
  apply(kAcme);

  const Result<OwnedState> wanted = file(kPooled);

  ASSERT_THAT(wanted, IsOk());
  EXPECT_TRUE(wanted->report.empty());
  EXPECT_TRUE(wanted->change.empty());
  EXPECT_EQ(wanted->desired, parsed(kPooled).state);
}

TEST_F(OwnershipTest, ACommandTakesWhatItChangesAndNothingElse) {
  apply(kAcme);

  const OwnedState taken = set_tier(Tier::kDedicated);

  EXPECT_THAT(paths(taken.report.taken), ElementsAre("tenants[acme].tier"));
  EXPECT_EQ(taken.report.taken.named().front().now, "\"auto\"");
  EXPECT_EQ(taken.report.taken.named().front().wanted, "\"dedicated\"");
  EXPECT_THAT(owners_.at("acme"), SizeIs(1));
  EXPECT_EQ(owners_.at("acme").at("tier"), (FieldClaim{2, kNoon, "ann", "tenant tier acme"}));
}

TEST_F(OwnershipTest, ACommandThatChangesNothingTakesNothing) {
  apply(kDedicated);

  EXPECT_TRUE(set_tier(Tier::kDedicated).change.empty());
}

TEST_F(OwnershipTest, WhatIsItsOwnAlreadyIsNotTakenOnceMore) {
  apply(kAcme);
  set_tier(Tier::kDedicated);

  const OwnedState again = set_tier(Tier::kPooled);

  EXPECT_TRUE(again.report.taken.empty());
  EXPECT_EQ(owners_.at("acme").at("tier").revision, 3);
}

TEST_F(OwnershipTest, AFileThatSaysNothingOfItLeavesItAlone) {
  apply(kAcme);
  set_tier(Tier::kDedicated);

  const Result<OwnedState> wanted = file(kAcme);

  ASSERT_THAT(wanted, IsOk());
  EXPECT_EQ(wanted->desired.tenants.front().tier, Tier::kDedicated);
  EXPECT_THAT(paths(wanted->report.kept), ElementsAre("tenants[acme].tier"));
  EXPECT_THAT(check_conflicts(wanted->report), IsOk());
  accept(*wanted, "apply");
  EXPECT_THAT(owners_.at("acme"), SizeIs(1)) << "it stays the command line's";
}

TEST_F(OwnershipTest, AFileThatSaysTheSameOwnsItAgain) {
  apply(kAcme);
  set_tier(Tier::kDedicated);

  const Result<OwnedState> wanted = file(kDedicated);

  ASSERT_THAT(wanted, IsOk());
  EXPECT_TRUE(wanted->report.empty());
  accept(*wanted, "apply");
  EXPECT_THAT(owners_, IsEmpty());
  EXPECT_TRUE(file(kPooled)->report.empty());
}

TEST_F(OwnershipTest, AFileThatSaysOtherwiseIsAConflict) {
  apply(kAcme);
  set_tier(Tier::kDedicated);

  const Result<OwnedState> wanted = file(kPooled);

  ASSERT_THAT(wanted, IsOk());
  EXPECT_EQ(wanted->desired.tenants.front().tier, Tier::kPooled) << "what forcing it would do";
  const Status refused = check_conflicts(wanted->report);
  ASSERT_THAT(refused, FailsWith(ErrorCode::kConflict));
  EXPECT_EQ(refused.error().text(),
            "cannot apply this: the file and the command line differ about 1 field: "
            "tenants[acme].tier: \"pooled\" in the file, \"dedicated\" by the command line (ann, "
            "revision 2: tenant tier acme); write what is there into the file, leave the field out "
            "of it, or take the file's value with --force-conflicts");
  accept(*wanted, "apply --force-conflicts");
  EXPECT_THAT(owners_, IsEmpty());
}

TEST_F(OwnershipTest, ManyConflictsAreCounted) {
  apply(kAcme);
  command([](DesiredState& state) {
    TenantSpec& acme = state.tenants.front();
    acme.tier = Tier::kDedicated;
    acme.email = "a@b.cc";
    acme.phone = "1";
    acme.limits.webhooks = 7;
    acme.voice.instructions = std::string(5000, 'x');
  });

  const Result<OwnedState> wanted = file(
      "tenants: [{slug: acme, name: A, business_type: custom, tier: auto, email: c@d.ee, phone: "
      "\"2\", limits: {webhooks: null}, voice: {instructions: y}}]\n");

  ASSERT_THAT(wanted, IsOk());
  const std::string text = check_conflicts(wanted->report).error().text();
  EXPECT_THAT(text, AllOf(HasSubstr("differ about 5 fields"), HasSubstr("; and 2 more; write")));
  EXPECT_LT(text.size(), 1500U);
}

TEST_F(OwnershipTest, AFilePrunesOnlyWhatCameFromAFile) {
  apply(
      "tenants:\n  - {slug: acme, name: A, business_type: custom}\n"
      "  - {slug: beta, name: B, business_type: custom}\n");
  command([](DesiredState& state) {
    state.tenants.push_back(a_tenant("zeta"));
    state.tenants.front().tier = Tier::kDedicated;
  });

  const Result<OwnedState> wanted = file("tenants: [{slug: beta, name: B, business_type: custom}]");

  ASSERT_THAT(wanted, IsOk());
  ASSERT_THAT(wanted->desired.tenants, SizeIs(2));
  EXPECT_EQ(wanted->desired.tenants[0].tenant, tenant_id("beta"));
  EXPECT_EQ(wanted->desired.tenants[1], a_tenant("zeta"));
  EXPECT_THAT(paths(wanted->report.kept), ElementsAre("tenants[zeta]"));
  accept(*wanted, "apply");
  EXPECT_FALSE(owners_.contains("acme")) << "it is gone, whoever had set its tier";
  EXPECT_TRUE(owners_.contains("zeta"));
}

TEST_F(OwnershipTest, ATenantThatAFileNamesIsTheFilesToPrune) {
  command([](DesiredState& state) {
    state.tenants.push_back(a_tenant("acme"));
    state.tenants.front().email = "a@b.cc";
  });
  const std::string same =
      "tenants: [{slug: acme, name: " + tenant().name + ", business_type: custom}]\n";

  const Result<OwnedState> wanted = file(same);

  ASSERT_THAT(wanted, IsOk());
  EXPECT_EQ(wanted->desired.tenants.front().email, "a@b.cc");
  EXPECT_THAT(paths(wanted->report.kept), ElementsAre("tenants[acme].email"));
  accept(*wanted, "apply");
  apply("platform: {pool: {size: 1}}\n");
  EXPECT_THAT(desired_->tenants, IsEmpty());
  EXPECT_THAT(owners_, IsEmpty());
}

TEST_F(OwnershipTest, ATenantOfACommandThatAFileWantsOtherwiseIsAConflictPerField) {
  command([](DesiredState& state) {
    state.tenants.push_back(a_tenant("acme"));
    state.tenants.front().tier = Tier::kPooled;
  });

  const Result<OwnedState> wanted = file(kDedicated);

  ASSERT_THAT(wanted, IsOk());
  EXPECT_THAT(paths(wanted->report.conflicts),
              ElementsAre("tenants[acme].name", "tenants[acme].tier"));
}

TEST_F(OwnershipTest, ACommandThatDeletesATenantLeavesNoOwner) {
  apply(kAcme);
  set_tier(Tier::kDedicated);

  command([](DesiredState& state) { state.tenants.clear(); });

  EXPECT_THAT(owners_, IsEmpty());
  const Result<OwnedState> again = file(kAcme);
  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(again->desired.tenants, SizeIs(1)) << "the file makes it again";
  EXPECT_TRUE(again->report.empty());
}

TEST_F(OwnershipTest, ThePlatformHasFieldsToo) {
  apply(kAcme);
  const OwnedState taken = command([](DesiredState& state) {
    state.platform.monitor.mode = PromotionMode::kObserve;
    state.platform.monitor.starter.p99_ms = ExtraMarks{200, 50};
  });
  EXPECT_THAT(paths(taken.report.taken),
              ElementsAre("platform.monitor.marks.starter.high_p99_ms",
                          "platform.monitor.marks.starter.low_p99_ms", "platform.monitor.mode"));

  const Result<OwnedState> other =
      file(std::string("platform: {monitor: {max_promoted: 3}}\n") + kAcme);
  ASSERT_THAT(other, IsOk());
  EXPECT_EQ(other->desired.platform.monitor.mode, PromotionMode::kObserve);
  EXPECT_EQ(other->desired.platform.monitor.starter.p99_ms->high, 200U);
  EXPECT_EQ(other->desired.platform.monitor.max_promoted, 3U);
  EXPECT_EQ(other->report.kept.count(), 3U);

  const Result<OwnedState> against = file(std::string("platform: {monitor: {mode: on}}\n") + kAcme);
  EXPECT_THAT(paths(against->report.conflicts), ElementsAre("platform.monitor.mode"));
}

TEST_F(OwnershipTest, WhatACommandTookOutStaysOut) {
  apply("platform: {monitor: {marks: {starter: {high_p99_ms: 200}}}}\n");
  command([](DesiredState& state) { state.platform.monitor.starter.p99_ms.reset(); });

  EXPECT_THAT(check_conflicts(
                  file("platform: {monitor: {marks: {starter: {high_p99_ms: 200}}}}\n")->report),
              FailsWith(ErrorCode::kConflict));
  EXPECT_FALSE(file("platform: {}\n")->desired.platform.monitor.starter.p99_ms);
}

TEST_F(OwnershipTest, ARollbackIsNotUndoneByTheFileThatItWasAbout) {
  const std::string good = "tenants: [{slug: acme, name: Good, business_type: custom}]\n";
  const std::string bad = "tenants: [{slug: acme, name: Bad, business_type: custom}]\n";
  apply(good);
  const DesiredState earlier = *desired_;
  apply(bad);

  roll_back_to(earlier);

  EXPECT_THAT(check_conflicts(file(bad)->report), FailsWith(ErrorCode::kConflict));
  apply(good);
  EXPECT_THAT(owners_, IsEmpty()) << "once the file is mended it owns the field again";
}

TEST_F(OwnershipTest, ARollbackThatBringsATenantBackKeepsIt) {
  apply(kAcme);
  const DesiredState earlier = *desired_;
  apply("platform: {}\n");

  roll_back_to(earlier);

  EXPECT_THAT(file("platform: {}\n")->desired.tenants, SizeIs(1));
}

TEST_F(OwnershipTest, ATenantThatARollbackTookAwayIsNotMadeAgainByTheSameFile) {
  apply("platform: {}\n");
  const DesiredState earlier = *desired_;
  apply(kAcme);
  const OwnedState back = roll_back_to(earlier);
  EXPECT_THAT(paths(back.report.taken), ElementsAre("tenants[acme]"));

  const Result<OwnedState> again = file(kAcme);

  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(again->desired.tenants, SizeIs(1)) << "what forcing it would do";
  const Status refused = check_conflicts(again->report);
  ASSERT_THAT(refused, FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(refused.error().text(),
              HasSubstr("tenants[acme]: \"present\" in the file, \"absent\" by the command line "
                        "(ann, revision 3: rollback to 1)"));
  command([](DesiredState& state) { state.platform.pool_size = 3; }, "something else");
  EXPECT_THAT(check_conflicts(file(kAcme)->report), FailsWith(ErrorCode::kConflict))
      << "another command does not change that";

  accept(*file(kAcme), "apply --force-conflicts");
  EXPECT_FALSE(owners_.contains("acme"));
  EXPECT_THAT(check_conflicts(file(kAcme)->report), IsOk());
}

TEST_F(OwnershipTest, AFileThatIsMendedOwnsAgainThatATenantIsAway) {
  apply("platform: {}\n");
  const DesiredState earlier = *desired_;
  apply(kAcme);
  roll_back_to(earlier);

  apply("platform: {}\n");

  EXPECT_THAT(owners_, IsEmpty());
  EXPECT_TRUE(file(kAcme)->report.empty());
}

TEST_F(OwnershipTest, ACommandMakesATenantThatARollbackTookAway) {
  apply("platform: {}\n");
  const DesiredState earlier = *desired_;
  command([](DesiredState& state) { state.tenants.push_back(a_tenant("acme")); });
  EXPECT_TRUE(roll_back_to(earlier).report.taken.empty()) << "no file had it";

  command([](DesiredState& state) { state.tenants.push_back(a_tenant("acme")); });

  EXPECT_THAT(paths(file("platform: {}\n")->report.kept), ElementsAre("tenants[acme]"));
}

TEST_F(OwnershipTest, AMarkThatHasNoRoomBelowTheFilesIsAConflict) {
  apply(kAcme);
  command([](DesiredState& state) {
    state.platform.monitor.mode = PromotionMode::kObserve;
    state.platform.monitor.starter.high_sessions = 100;
    state.platform.monitor.starter.low_sessions = 50;
    state.platform.monitor.starter.high_cpu = MilliCpu{700};
  });

  const Result<OwnedState> wanted =
      file(std::string("platform: {monitor: {marks: {starter: {high_sessions: 40}}}}\n") + kAcme);

  ASSERT_THAT(wanted, IsOk());
  EXPECT_THAT(paths(wanted->report.conflicts),
              ElementsAre("platform.monitor.marks.starter.high_sessions",
                          "platform.monitor.marks.starter.low_sessions"));
  const Status refused = check_conflicts(wanted->report);
  ASSERT_THAT(refused, FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(refused.error().text(),
              AllOf(HasSubstr("high_sessions: 40 in the file, 100 by the command line"),
                    HasSubstr("low_sessions: 50 by the command line (ann, revision 2: a command), "
                              "which cannot stay beside what the file says (name it in the file "
                              "too): "),
                    HasSubstr("not below high_sessions")));
  const PromotionPolicy& forced = wanted->desired.platform.monitor;
  EXPECT_EQ(forced.starter.high_sessions, 40U);
  EXPECT_EQ(forced.starter.low_sessions, PromotionPolicy{}.starter.low_sessions);
  EXPECT_EQ(forced.starter.high_cpu, MilliCpu{700}) << "as little as can be is given up";
  EXPECT_EQ(forced.mode, PromotionMode::kObserve);
  accept(*wanted, "apply --force-conflicts");
  EXPECT_THAT(owners_.at(std::string(kPlatformPart)), SizeIs(2));
}

TEST_F(OwnershipTest, AFigureThatThePlanOfTheFileDoesNotIncludeIsAConflict) {
  apply(kAcme);
  command([](DesiredState& state) {
    state.tenants.front().plan = PricePlan::kEnterprise;
    state.tenants.front().limits.sessions_per_month = 5000;
    state.tenants.front().email = "a@b.cc";
  });

  const Result<OwnedState> wanted =
      file("tenants: [{slug: acme, name: A, business_type: custom, plan: starter}]\n");

  ASSERT_THAT(wanted, IsOk());
  const Status refused = check_conflicts(wanted->report);
  ASSERT_THAT(refused, FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(refused.error().text(), HasSubstr("the plan 'starter' includes 100"));
  EXPECT_EQ(wanted->desired.tenants.front().plan, PricePlan::kStarter);
  EXPECT_FALSE(wanted->desired.tenants.front().limits.sessions_per_month);
  EXPECT_EQ(wanted->desired.tenants.front().email, "a@b.cc");
  accept(*wanted, "apply --force-conflicts");
  EXPECT_THAT(owners_.at("acme"), SizeIs(1));
}

TEST_F(OwnershipTest, ABackendThatTheFileReplacesGoesAsAWhole) {
  apply(kAcme);
  command([](DesiredState& state) {
    TenantSpec& acme = state.tenants.front();
    acme.email = "a@b.cc";
    acme.backend = Backend{.kind = BackendKind::kErpnext,
                           .url = "https://erp.example.com",
                           .company = "Shop",
                           .credentials_file = "/etc/key",
                           .mode = BackendMode::kDirect,
                           .site = "shop"};
  });

  const Result<OwnedState> wanted =
      file("tenants: [{slug: acme, name: A, business_type: custom, backend: {kind: builtin}}]\n");

  ASSERT_THAT(wanted, IsOk());
  EXPECT_THAT(check_conflicts(wanted->report), FailsWith(ErrorCode::kConflict));
  EXPECT_EQ(wanted->desired.tenants.front().backend, Backend{});
  EXPECT_EQ(wanted->desired.tenants.front().email, "a@b.cc");
  accept(*wanted, "apply --force-conflicts");
  EXPECT_THAT(owners_.at("acme"), SizeIs(1));
}

TEST_F(OwnershipTest, WhatHasNoRoomIsAConflictAlsoBesideWhatNobodyElseHasSet) {
  apply("tenants: [{slug: acme, name: A, business_type: custom, plan: enterprise}]\n");
  command([](DesiredState& state) { state.tenants.front().limits.sessions_per_month = 5000; });

  const Result<OwnedState> wanted =
      file("tenants: [{slug: acme, name: A, business_type: custom, plan: starter}]\n");

  ASSERT_THAT(wanted, IsOk());
  EXPECT_THAT(paths(wanted->report.conflicts),
              ElementsAre("tenants[acme].limits.sessions_per_month"));
}

TEST_F(OwnershipTest, ManyPartsThatDoNotFitAreGivenUpAsAWhole) {
  std::string text = "tenants:\n";
  for (int i = 0; i < 150; ++i) {
    text += "  - {slug: t" + std::to_string(1000 + i) + ", name: A, business_type: custom}\n";
  }
  apply(text);
  command([](DesiredState& state) {
    for (TenantSpec& tenant : state.tenants) {
      tenant.email = "a@b.cc";
      tenant.plan = PricePlan::kEnterprise;
      tenant.limits.sessions_per_month = 5000;
    }
  });
  for (std::size_t at = 0; (at = text.find("custom}", at)) != std::string::npos;) {
    text.replace(at, 7, "custom, plan: starter}");
  }

  const Result<OwnedState> wanted = file(text);

  ASSERT_THAT(wanted, IsOk());
  EXPECT_EQ(wanted->desired.tenants.front().email, "a@b.cc");
  EXPECT_EQ(wanted->desired.tenants.back().email, "") << "there were too many to look closely";
  EXPECT_GE(wanted->report.conflicts.count(), 300U);
  EXPECT_THAT(wanted->report.conflicts.named(), SizeIs(FieldNotes::kMostNamed));
}

TEST_F(OwnershipTest, WhatDoesNotFitTogetherIsRefusedAndSaysWhy) {
  apply(kAcme);
  command([](DesiredState& state) {
    state.tenants.push_back(a_tenant_with_domains("zeta", {"shop.example.com"}));
  });

  const Result<OwnedState> twice = file(
      "tenants: [{slug: acme, name: A, business_type: custom, domains: [shop.example.com]}]\n");
  ASSERT_THAT(twice, FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(twice.error().text(),
              AllOf(HasSubstr("joining the file with what the command line has set"),
                    HasSubstr("name it in the file too"),
                    HasSubstr("tenants[zeta].domains[shop.example.com]: found the domain")));
}

TEST_F(OwnershipTest, AnOwnerOfATenantThatIsNoMoreIsForgotten) {
  apply("platform: {}\n");
  owners_["gone"]["tier"] = FieldClaim{1, kNoon, "ann", "x"};

  apply(kAcme);

  EXPECT_THAT(owners_, IsEmpty());
}

TEST_F(OwnershipTest, OfManyThatStayTheFirstAreNamed) {
  command([](DesiredState& state) {
    for (int i = 0; i < 150; ++i) {
      state.tenants.push_back(a_tenant("t" + std::to_string(1000 + i)));
    }
  });

  const Result<OwnedState> wanted = file("platform: {}\n");

  ASSERT_THAT(wanted, IsOk());
  EXPECT_THAT(wanted->desired.tenants, SizeIs(150));
  EXPECT_EQ(wanted->report.kept.count(), 150U);
  EXPECT_THAT(wanted->report.kept.named(), SizeIs(FieldNotes::kMostNamed));
}

TEST_F(OwnershipTest, ThePlanTellsOfThem) {
  apply(kAcme);
  set_tier(Tier::kDedicated);

  const Json plan = Json::parse(with_ownership(R"({"steps":[]})", file(kPooled)->report));

  EXPECT_EQ(plan["steps"], Json::array());
  EXPECT_EQ(plan["ownership"]["conflicts"],
            Json::parse(R"([{"path":"tenants[acme].tier","now":"dedicated","wanted":"pooled",
                             "owner":{"owner":"command_line","who":"ann","revision":2,
                                      "why":"tenant tier acme","at":"2026-11-21T09:00:00.000Z"}}])"));
  EXPECT_EQ(with_ownership(R"({"steps":[]})", OwnershipReport{}), R"({"steps":[]})");
}

TEST_F(OwnershipTest, WhatIsToldHasABound) {
  std::string text = "tenants:\n";
  for (int i = 0; i < 1000; ++i) {
    text += "  - {slug: t" + std::to_string(1000 + i) +
            ", name: A, business_type: restaurant, menu: [{name: Tea, price: 1}]}\n";
  }
  apply(text);
  const DesiredState earlier = *desired_;
  const std::string long_text(3000, 'x');
  for (TenantSpec& tenant : desired_->tenants) {
    tenant.menu.front().description = "\xc3\xa9" + long_text;
  }

  const OwnedState back = roll_back_to(earlier);
  const std::string taken = with_ownership(R"({"steps":[]})", back.report);
  for (TenantSpec& tenant : desired_->tenants) {
    tenant.menu.front().description = long_text;
  }
  const Result<OwnedState> bad = file(text);
  ASSERT_THAT(bad, IsOk());
  const std::string conflicts = with_ownership(R"({"steps":[]})", bad->report);

  const Json told = Json::parse(taken)["ownership"];
  EXPECT_EQ(told["taken_count"], 1000);
  EXPECT_EQ(told["taken"].size(), FieldNotes::kMostNamed);
  EXPECT_EQ(told["taken"][0]["cut"], true);
  EXPECT_LE(told["taken"][0]["now"].get<std::string>().size(), 2000U);
  EXPECT_EQ(Json::parse(conflicts)["ownership"]["conflict_count"], 1000);
  EXPECT_LT(taken.size(), 400'000U);
  EXPECT_LT(conflicts.size(), 400'000U);
  EXPECT_LT(check_conflicts(bad->report).error().text().size(), 2000U);
}

}  // namespace
}  // namespace voicectl
