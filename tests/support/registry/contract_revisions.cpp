// SPDX-License-Identifier: Apache-2.0
// What every registry promises of revisions and of the audit log.
#include "provisioner/model/desired_state_yaml.h"
#include "tests/support/matchers.h"
#include "tests/support/registry/contract_registry.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

DesiredState state_of(const std::vector<std::string>& slugs, const std::string& email = "a@b.cc") {
  DesiredState out;
  out.platform.domain = "voice.example";
  for (const std::string& slug : slugs) {
    out.tenants.push_back(a_recorded_tenant(slug).spec);
    out.tenants.back().email = email;
  }
  return out;
}

Revision a_note(const std::string& why) {
  return Revision{.generation = Generation{7},
                  .at = WallTime{std::chrono::milliseconds(1'795'251'600'123)},
                  .who = "ann; DROP TABLE revisions --",
                  .why = why,
                  .plan_id = "plan-1",
                  .summary = "{\"tenants_created\":1}"};
}

DesiredState parsed(const std::string& document) {
  return parse_desired_state({{"kept", document}}, nullptr, kOwnDocumentBudget).state;
}

TEST_P(RegistryContract, GivesBackTheDesiredState) {
  const DesiredState desired = state_of({"acme", "beta"});
  ASSERT_THAT(registry_->accept_desired(desired, a_note("first")), IsOk());

  reopen();

  EXPECT_THAT(registry_->load_desired(), IsOkAnd(Optional(desired)));
}

TEST_P(RegistryContract, KeepsEveryRevisionWithWhoAndWhy) {
  const DesiredState first = state_of({"acme"});
  const DesiredState second = state_of({"acme", "beta"});
  const DesiredState third = state_of({"beta"}, "other@b.cc");
  ASSERT_THAT(registry_->accept_desired(first, a_note("first")), IsOk());
  ASSERT_THAT(registry_->accept_desired(second, a_note("second")), IsOk());
  const Result<Revision> newest = registry_->accept_desired(third, a_note("third"));
  ASSERT_THAT(newest, IsOk());
  EXPECT_EQ(newest->number, 3);

  reopen();

  const auto list = registry_->read_revisions(1000, 10);
  ASSERT_THAT(list, IsOkAnd(SizeIs(3)));
  EXPECT_EQ((*list)[1].number, 2);
  EXPECT_EQ((*list)[1].who, "ann; DROP TABLE revisions --");
  EXPECT_EQ((*list)[1].why, "second");
  EXPECT_EQ((*list)[1].plan_id, "plan-1");
  EXPECT_EQ((*list)[1].generation, Generation{7});
  EXPECT_EQ((*list)[1].at, a_note("").at);
  EXPECT_EQ((*list)[1].summary, "{\"tenants_created\":1}");
  EXPECT_EQ(parsed((*registry_->read_revision(1))->document), first);
  EXPECT_EQ(parsed((*registry_->read_revision(2))->document), second);
  EXPECT_EQ(parsed((*registry_->read_revision(3))->document), third);
  EXPECT_THAT(registry_->read_revision(4), IsOkAnd(Eq(std::nullopt)));
  EXPECT_THAT(registry_->load_desired(), IsOkAnd(Optional(third)));
}

TEST_P(RegistryContract, TheSameStateAgainIsNoNewRevision) {
  ASSERT_THAT(registry_->accept_desired(state_of({"acme"}), a_note("first")), IsOk());
  ASSERT_THAT(registry_->close_revision(1, RevisionOutcome::kDone), IsOk());

  const Result<Revision> again = registry_->accept_desired(state_of({"acme"}), a_note("again"));

  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->number, 1);
  EXPECT_EQ(again->why, "first");
  EXPECT_EQ(again->outcome, RevisionOutcome::kDone);
  EXPECT_THAT(registry_->read_revisions(1000, 10), IsOkAnd(SizeIs(1)));
}

TEST_P(RegistryContract, AStateThatComesBackIsANewRevision) {
  ASSERT_THAT(registry_->accept_desired(state_of({"acme"}), a_note("1")), IsOk());
  ASSERT_THAT(registry_->accept_desired(state_of({}), a_note("2")), IsOk());
  ASSERT_THAT(registry_->accept_desired(state_of({"acme"}), a_note("3")), IsOk());

  EXPECT_EQ(parsed((*registry_->read_revision(2))->document), state_of({}));
  EXPECT_EQ(parsed((*registry_->read_revision(3))->document), state_of({"acme"}));
}

TEST_P(RegistryContract, RecordsWhatCameOfARevision) {
  const Result<Revision> revision = registry_->accept_desired(state_of({"acme"}), a_note("1"));
  ASSERT_THAT(revision, IsOk());
  EXPECT_EQ(revision->outcome, RevisionOutcome::kOpen);

  ASSERT_THAT(registry_->close_revision(1, RevisionOutcome::kPartial), IsOk());
  EXPECT_THAT(registry_->close_revision(99, RevisionOutcome::kDone), IsOk());

  reopen();
  EXPECT_EQ(registry_->read_revisions(2, 1)->front().outcome, RevisionOutcome::kPartial);
}

TEST_P(RegistryContract, APurgedTenantIsErasedFromEarlierRevisions) {
  ASSERT_THAT(registry_->accept_desired(state_of({"acme", "beta"}), a_note("1")), IsOk());
  const FieldOwnersChange stays_away{.claimed = {{"acme", {""}}, {"beta", {"tier"}}}};
  ASSERT_THAT(registry_->accept_desired(state_of({"beta"}), a_note("2"), stays_away), IsOk());

  ASSERT_THAT(registry_->forget_tenant(*TenantId::parse("acme")), IsOk());

  const auto kept = registry_->read_revision(1);
  ASSERT_TRUE(kept.has_value() && kept->has_value());
  EXPECT_THAT((*kept)->purged, ElementsAre(*TenantId::parse("acme")));
  EXPECT_EQ(parsed((*kept)->document), state_of({"beta"}));
  EXPECT_THAT((*registry_->read_revision(2))->purged, IsEmpty());
  reopen();
  EXPECT_THAT(registry_->load_owners(), IsOkAnd(SizeIs(1))) << "its name is nowhere any more";
}

TEST_P(RegistryContract, APurgeLeavesWhatANewTenantOfThatNameOwns) {
  ASSERT_THAT(registry_->accept_desired(state_of({"acme"}), a_note("1")), IsOk());
  ASSERT_THAT(registry_->accept_desired(state_of({}), a_note("2")), IsOk());
  // Asked for again, and not there yet: a rollout holds it back, or a step of it has failed.
  ASSERT_THAT(
      registry_->accept_desired(state_of({"acme"}), a_note("3"), {.claimed = {{"acme", {""}}}}),
      IsOk());

  ASSERT_THAT(registry_->forget_tenant(*TenantId::parse("acme")), IsOk());

  reopen();
  const Result<FieldOwners> owners = registry_->load_owners();
  ASSERT_THAT(owners, IsOkAnd(SizeIs(1)));
  EXPECT_TRUE(owners->contains("acme")) << "the next file that does not name it would delete it";
}

TEST_P(RegistryContract, KeepsWhoOwnsWhichField) {
  const FieldOwnersChange claims{
      .claimed = {{"acme", {"tier", "limits.webhooks"}}, {"", {"monitor.mode"}}, {"beta", {""}}}};
  ASSERT_THAT(registry_->accept_desired(state_of({"acme"}), a_note("1"), claims), IsOk());
  ASSERT_THAT(registry_->accept_desired(state_of({"acme", "beta"}), a_note("2"),
                                        {.claimed = {{"acme", {"tier"}}},
                                         .dropped = {{"", {"monitor.mode"}}, {"acme", {"tier"}}}}),
              IsOk());

  reopen();

  const Result<FieldOwners> owners = registry_->load_owners();
  ASSERT_THAT(owners, IsOkAnd(SizeIs(2)));
  ASSERT_THAT(owners->at("acme"), SizeIs(2));
  const FieldClaim tier = owners->at("acme").at("tier");
  EXPECT_EQ(tier.revision, 2);
  EXPECT_EQ(tier.at, a_note("").at);
  EXPECT_EQ(tier.who, "ann; DROP TABLE revisions --");
  EXPECT_EQ(tier.why, "2");
  EXPECT_EQ(owners->at("acme").at("limits.webhooks").revision, 1);
  EXPECT_EQ(owners->at("beta").at("").revision, 1) << "the tenant itself";
}

TEST_P(RegistryContract, OwnersChangeThoughTheStateDoesNot) {
  ASSERT_THAT(
      registry_->accept_desired(state_of({"acme"}), a_note("1"), {.claimed = {{"acme", {"tier"}}}}),
      IsOk());

  const Result<Revision> again =
      registry_->accept_desired(state_of({"acme"}), a_note("2"), {.dropped = {{"acme", {"tier"}}}});

  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->number, 1);
  EXPECT_THAT(registry_->load_owners(), IsOkAnd(IsEmpty()));
}

AuditRecord an_audit_record(const std::string& subject, int minute) {
  return AuditRecord{.at = WallTime{std::chrono::minutes(29'920'000 + minute)},
                     .uid = 1000,
                     .pid = 4711,
                     .from = "ann@build-3:4711",
                     .who = "ann'; DROP TABLE audit --",
                     .what = "apply",
                     .subject = subject,
                     .detail = "{\"why\":\"x\"}"};
}

TEST_P(RegistryContract, RecordsWhoAskedForWhatAndWhatCameOfIt) {
  ASSERT_THAT(registry_->append_audit(an_audit_record("platform", 0)), IsOkAnd(Eq(1)));
  ASSERT_THAT(registry_->append_audit(an_audit_record("tenant/acme", 1)), IsOkAnd(Eq(2)));
  ASSERT_THAT(registry_->close_audit(1, "refused", "cannot: no"), IsOk());

  reopen();

  const auto records = registry_->read_audit({});
  ASSERT_THAT(records, IsOkAnd(SizeIs(2)));
  EXPECT_EQ((*records)[0].subject, "tenant/acme");
  EXPECT_EQ((*records)[0].result, "");
  EXPECT_EQ((*records)[1].number, 1);
  EXPECT_EQ((*records)[1].at, an_audit_record("", 0).at);
  EXPECT_EQ((*records)[1].uid, 1000U);
  EXPECT_EQ((*records)[1].pid, 4711);
  EXPECT_EQ((*records)[1].from, "ann@build-3:4711");
  EXPECT_EQ((*records)[1].who, "ann'; DROP TABLE audit --");
  EXPECT_EQ((*records)[1].what, "apply");
  EXPECT_EQ((*records)[1].detail, "{\"why\":\"x\"}");
  EXPECT_EQ((*records)[1].result, "refused");
  EXPECT_EQ((*records)[1].message, "cannot: no");
}

TEST_P(RegistryContract, FindsAuditRecordsByTimeAndSubject) {
  for (int minute = 0; minute < 6; ++minute) {
    const std::string subject = minute % 2 == 0 ? "tenant/acme" : "platform";
    ASSERT_THAT(registry_->append_audit(an_audit_record(subject, minute)), IsOk());
  }
  const auto numbers = [&](const AuditFilter& filter) {
    std::vector<std::int64_t> out;
    for (const AuditRecord& record : *registry_->read_audit(filter)) {
      out.push_back(record.number);
    }
    return out;
  };
  const WallTime second = an_audit_record("", 1).at;
  const WallTime fourth = an_audit_record("", 3).at;

  EXPECT_THAT(numbers({.since = second, .until = fourth}), ElementsAre(4, 3, 2));
  EXPECT_THAT(numbers({.subject = "tenant/acme"}), ElementsAre(5, 3, 1));
  EXPECT_THAT(numbers({.before = 4, .limit = 2}), ElementsAre(3, 2));
}

TEST_P(RegistryContract, SaysOnceWhatCameOfACall) {
  ASSERT_THAT(registry_->append_audit(an_audit_record("platform", 0)), IsOk());
  ASSERT_THAT(registry_->close_audit(1, "done", ""), IsOk());

  EXPECT_THAT(registry_->close_audit(1, "refused", "x"), FailsWith(ErrorCode::kAlreadyExists));
  EXPECT_EQ(registry_->read_audit({})->front().result, "done");
}

}  // namespace
}  // namespace voicectl
