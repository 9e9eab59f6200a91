// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/protection.h"

#include <gmock/gmock.h>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TenantSpec a_protected(const std::string& slug, Tier tier = Tier::kAuto) {
  return TenantSpec{.tenant = *TenantId::parse(slug), .tier = tier, .protect = true};
}

DesiredState state_of(std::vector<TenantSpec> tenants) {
  return DesiredState{.platform = {}, .tenants = std::move(tenants)};
}

TEST(ProtectionTest, AProtectedTenantIsNotDeletedUntilTheFileSaysFalse) {
  const DesiredState before = state_of({a_protected("acme")});
  DesiredState released = before;
  released.tenants[0].protect = false;

  const Status deleted = check_protection(before, state_of({}));

  ASSERT_THAT(deleted, FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_THAT(deleted.error().text(), HasSubstr("cannot delete 'acme': protected; apply 'protect: "
                                                "false' for it first"));
  EXPECT_THAT(check_protection(before, released), IsOk());
  EXPECT_THAT(check_protection(released, state_of({})), IsOk());
}

TEST(ProtectionTest, AProtectedTenantKeepsAnInstanceOfItsOwn) {
  const DesiredState before = state_of({a_protected("acme", Tier::kDedicated)});
  DesiredState demoted = before;
  demoted.tenants[0].tier = Tier::kPooled;

  EXPECT_THAT(check_protection(before, demoted), FailsWith(ErrorCode::kPermissionDenied));
  // Of tier auto it would go back to the pool, too: the monitor has never promoted it.
  demoted.tenants[0].tier = Tier::kAuto;
  EXPECT_THAT(check_protection(before, demoted), FailsWith(ErrorCode::kPermissionDenied));

  demoted.tenants[0].protect = false;
  EXPECT_THAT(check_protection(before, demoted), IsOk());
  DesiredState promoted = state_of({a_protected("acme", Tier::kPooled)});
  EXPECT_THAT(check_protection(promoted, before), IsOk());
}

TEST(ProtectionTest, ManyAreNamedInAFewWords) {
  std::vector<TenantSpec> many;
  for (int i = 0; i < 8; ++i) {
    many.push_back(a_protected("t" + std::to_string(i)));
  }

  const Status deleted = check_protection(state_of(many), state_of({}));

  EXPECT_THAT(deleted.error().text(), HasSubstr("'t4' and 3 more: protected"));
}

TEST(ProtectionTest, NothingIsProtectedBeforeTheFirstApply) {
  EXPECT_THAT(check_protection(std::nullopt, state_of({})), IsOk());
}

TEST(ProtectionTest, AnotherDomainAndAnotherStoreAreSevere) {
  PlatformSpec before;
  before.domain = "old.example";
  PlatformSpec after = before;
  EXPECT_THAT(severe_acts(before, after), IsEmpty());
  EXPECT_THAT(severe_acts(std::nullopt, after), IsEmpty());

  after.domain = "new.example";
  after.store.kind = SessionStoreKind::kRedis;

  const std::vector<SevereAct> acts = severe_acts(before, after);
  ASSERT_THAT(acts, SizeIs(2));
  EXPECT_EQ(acts[0].confirmation, "old.example");
  EXPECT_THAT(acts[0].what, HasSubstr("from old.example to new.example"));
}

TEST(ProtectionTest, AnotherServerIsAnotherStoreAndAnotherPasswordIsNot) {
  PlatformSpec before;
  before.store = {SessionStoreKind::kRedis, "redis://10.0.0.1", "/etc/old"};
  PlatformSpec after = before;
  after.store.password_file = "/etc/new";
  EXPECT_THAT(severe_acts(before, after), IsEmpty());

  after.store.redis_url = "redis://10.0.0.2";

  const std::vector<SevereAct> acts = severe_acts(before, after);
  ASSERT_THAT(acts, SizeIs(1));
  EXPECT_THAT(acts[0].what, HasSubstr("redis://10.0.0.1 -> redis://10.0.0.2"));
}

Plan a_plan(std::size_t deleted) {
  Plan out;
  out.steps.resize(1);
  out.summary.tenants_deleted = deleted;
  return out;
}

TEST(ProtectionTest, NoMoreTenantsAreDeletedThanWereAgreedTo) {
  EXPECT_THAT(check_agreement(a_plan(0), {}, {}), IsOk());
  EXPECT_THAT(check_agreement(a_plan(2), {}, {.deletions = 2}), IsOk());

  const Status told = check_agreement(a_plan(2), {}, {.deletions = 1});

  ASSERT_THAT(told, FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_THAT(
      told.error().text(),
      HasSubstr("cannot delete 2 tenants without being told so: 1 may be deleted, so allow 2"));
}

TEST(ProtectionTest, WhatIsSevereNeedsEachOfItsWords) {
  const std::vector<SevereAct> acts = {{"This is one.", "one"}, {"This is two.", "two"}};

  const Status told = check_agreement(a_plan(0), acts, {.words = {"one", "three"}});

  ASSERT_THAT(told, FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_THAT(told.error().text(),
              HasSubstr("This is two. It needs the word 'two' among what is confirmed"));
  EXPECT_THAT(check_agreement(a_plan(0), acts, {.words = {"two", "one"}}), IsOk());
}

TEST(ProtectionTest, APlanWithoutAStepNeedsNoAgreement) {
  EXPECT_THAT(check_agreement(Plan{}, {{"This is one.", "one"}}, {}), IsOk());
}

}  // namespace
}  // namespace voicectl
