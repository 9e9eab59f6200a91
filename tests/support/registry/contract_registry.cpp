// SPDX-License-Identifier: Apache-2.0
#include "tests/support/registry/contract_registry.h"

#include <algorithm>

#include "provisioner/model/desired_state_yaml.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time

constexpr WallTime kMorning{std::chrono::milliseconds(1'795'251'600'123)};

TenantId tenant_id(std::string_view text) {
  return *TenantId::parse(text);
}
Port port(std::int64_t number) {
  return *Port::make(number);
}

RecordedChange put_tenant(const RecordedTenant& tenant) {
  RecordedChange change;
  change.put_tenants.push_back(tenant);
  return change;
}

void expect_equal(const RecordedTenant& a, const RecordedTenant& b) {
  EXPECT_EQ(a.spec, b.spec);
  EXPECT_EQ(a.phase, b.phase);
  EXPECT_EQ(a.generation, b.generation);
  EXPECT_EQ(a.port, b.port);
  EXPECT_EQ(a.has_data, b.has_data);
  EXPECT_EQ(a.has_listener, b.has_listener);
  EXPECT_EQ(a.placement, b.placement);
  EXPECT_EQ(a.token, b.token);
  EXPECT_EQ(a.routes, b.routes);
  EXPECT_EQ(a.created_at, b.created_at);
}

}  // namespace

RecordedTenant a_recorded_tenant(std::string_view slug) {
  TenantSpec spec{.tenant = tenant_id(slug)};
  spec.name = "It's \"quoted\"; DROP TABLE tenants --";
  spec.email = "owner@shop.example";
  spec.domains.push_back(*HostName::parse(std::string(slug) + ".example"));
  return RecordedTenant{.spec = std::move(spec),
                        .phase = TenantPhase::kServing,
                        .generation = Generation{7},
                        .port = port(21007),
                        .has_data = true,
                        .has_listener = true,
                        .placement = *InstanceId::parse("shared-0"),
                        .token = FencingToken{3},
                        .routes = {"a.voice.example", "a.example"},
                        .created_at = kMorning};
}

RecordedInstance a_recorded_instance(std::string_view name) {
  return RecordedInstance{*InstanceId::parse(name), InstanceKind::kDedicated, port(21001), "abc",
                          kMorning};
}

JournalEntry an_intent(std::string_view key) {
  return JournalEntry{.number = 0,
                      .plan_id = "plan-1",
                      .key = std::string(key),
                      .kind = "bind_listener",
                      .subject = "tenant/acme",
                      .action = "{\"kind\":\"bind_listener\"}",
                      .epoch = {},
                      .state = JournalState::kIntent,
                      .outcome = {},
                      .opened_at = kMorning};
}

EventRecord an_event(std::string_view name) {
  return EventRecord{0, kMorning, std::string(name), "instance/shared-0", "{\"n\":1}"};
}

Result<Generation> RegistryContract::record(RecordedChange change) {
  VC_TRY(const std::vector<std::int64_t> numbers, registry_->open_actions({an_intent("k")}));
  return registry_->close_actions(
      {ClosedAction{numbers.front(), JournalState::kDone, "", std::move(change)}});
}

TEST_P(RegistryContract, IsEmptyAtFirst) {
  const Result<Snapshot> snapshot = registry_->load();

  ASSERT_THAT(snapshot, IsOk());
  EXPECT_EQ(snapshot->generation, Generation{0});
  EXPECT_THAT(snapshot->tenants, IsEmpty());
  EXPECT_EQ(snapshot->platform, std::nullopt);
  EXPECT_THAT(registry_->load_desired(), IsOkAnd(Eq(std::nullopt)));
  EXPECT_THAT(registry_->open_intents(), IsOkAnd(IsEmpty()));
}

TEST_P(RegistryContract, BeginsAnEpochWithEveryOpening) {
  const Epoch first = registry_->epoch();

  reopen();

  EXPECT_EQ(registry_->epoch().value, first.value + 1);
  EXPECT_EQ(registry_->load()->epoch, registry_->epoch());
}

TEST_P(RegistryContract, KeepsItsIdentityForGood) {
  const std::string identity = registry_->identity();

  reopen();

  EXPECT_THAT(identity, SizeIs(32));
  EXPECT_EQ(registry_->identity(), identity);
}

TEST_P(RegistryContract, GivesBackEveryFieldOfATenantAfterAReopening) {
  const RecordedTenant tenant = a_recorded_tenant("acme");
  ASSERT_THAT(record(put_tenant(tenant)), IsOk());

  reopen();

  const Result<Snapshot> snapshot = registry_->load();
  ASSERT_THAT(snapshot, IsOk());
  ASSERT_THAT(snapshot->tenants, SizeIs(1));
  expect_equal(snapshot->tenants.at(tenant.spec.tenant), tenant);
}

TEST_P(RegistryContract, GivesBackProgramsAndWhatBecomesOfInstances) {
  RecordedChange change;
  Programs& programs = change.programs.emplace();
  programs.current = "abc";
  programs.previous = "old";
  programs.known.emplace("abc", ProgramRecord{"abc", "1.0 \"x\"", "1-f", kMorning});
  UpgradeRecord& upgrade = programs.upgrade.emplace();
  upgrade.target = "new";
  upgrade.from = "abc";
  upgrade.phase = UpgradePhase::kRolling;
  upgrade.canary_tenant = tenant_id("acme");
  upgrade.began = kMorning;
  programs.last = UpgradeOutcome{"abc", "old", "why", "ann", kMorning, kMorning, 1, 2};
  RecordedInstance instance = a_recorded_instance("shared-0");
  instance.fate = InstanceFate::kWayBack;
  change.put_instances.push_back(instance);
  ASSERT_THAT(record(change), IsOkAnd(Eq(Generation{1})));

  reopen();

  const Result<Snapshot> snapshot = registry_->load();
  ASSERT_THAT(snapshot, IsOk());
  EXPECT_EQ(snapshot->programs, programs);
  EXPECT_EQ(snapshot->instances.at(instance.instance).fate, InstanceFate::kWayBack);
}

TEST_P(RegistryContract, GivesBackWhatATenantDoesNotHaveYet) {
  RecordedTenant tenant = a_recorded_tenant("acme");
  tenant.phase = TenantPhase::kCreating;
  tenant.port = std::nullopt;
  tenant.placement = std::nullopt;
  tenant.has_data = false;
  tenant.has_listener = false;
  tenant.routes.clear();
  ASSERT_THAT(record(put_tenant(tenant)), IsOk());

  reopen();

  expect_equal(registry_->load()->tenants.at(tenant.spec.tenant), tenant);
}

TEST_P(RegistryContract, ReplacesATenantThatIsPutAgain) {
  RecordedTenant tenant = a_recorded_tenant("acme");
  ASSERT_THAT(record(put_tenant(tenant)), IsOk());
  tenant.port = std::nullopt;
  tenant.phase = TenantPhase::kDeleting;

  ASSERT_THAT(record(put_tenant(tenant)), IsOk());

  expect_equal(registry_->load()->tenants.at(tenant.spec.tenant), tenant);
}

TEST_P(RegistryContract, KeepsInstancesLeasesPlatformAndEdge) {
  RecordedChange change;
  change.put_instances.push_back(a_recorded_instance("dedicated-acme"));
  change.put_leases.push_back(PortLease{port(21001), "instance/dedicated-acme", std::nullopt});
  change.put_leases.push_back(PortLease{port(21002), "tenant/gone", kMorning});
  change.platform = PlatformSpec{.domain = "voice.example"};
  change.edge_fingerprint = "edge-1";
  ASSERT_THAT(record(change), IsOk());

  reopen();

  const Snapshot snapshot = *registry_->load();
  ASSERT_THAT(snapshot.instances, SizeIs(1));
  const RecordedInstance& instance = snapshot.instances.begin()->second;
  EXPECT_EQ(instance.kind, InstanceKind::kDedicated);
  EXPECT_EQ(instance.admin_port, port(21001));
  EXPECT_EQ(instance.fingerprint, "abc");
  EXPECT_EQ(instance.started_at, kMorning);
  ASSERT_THAT(snapshot.leases, SizeIs(2));
  EXPECT_EQ(snapshot.leases[0].released_at, std::nullopt);
  EXPECT_EQ(snapshot.leases[1].released_at, kMorning);
  EXPECT_EQ(snapshot.leases[1].holder, "tenant/gone");
  EXPECT_EQ(snapshot.platform->domain, "voice.example");
  EXPECT_EQ(snapshot.edge_fingerprint, "edge-1");
}

TEST_P(RegistryContract, KeepsWhatWasWrittenAndAdoptedUntilItIsDropped) {
  const AcceptedDrift accepted{"access/run", "0755 0:0", "ann", "a reason", kMorning};
  RecordedChange change;
  change.put_written = {{"/a", "11"}, {"/b", "22"}};
  change.put_adoptions = {accepted, {"process/7", "1", "bob", "x", kMorning}};
  ASSERT_THAT(record(change), IsOk());
  reopen();
  EXPECT_THAT(registry_->load()->written, SizeIs(2));
  EXPECT_EQ(registry_->load()->adoptions.at("access/run"), accepted);

  RecordedChange second;
  second.put_written = {{"/a", "33"}, {"/b", ""}};
  second.drop_adoptions = {"process/7"};
  ASSERT_THAT(record(second), IsOk());
  reopen();

  const Snapshot snapshot = *registry_->load();
  EXPECT_EQ(snapshot.written, (std::map<std::string, std::string>{{"/a", "33"}}));
  EXPECT_THAT(snapshot.adoptions, SizeIs(1));
}

TEST_P(RegistryContract, WhatWasWrittenRaisesNoGeneration) {
  const Generation before = registry_->load()->generation;
  RecordedChange change;
  change.put_written = {{"/a", "11"}};
  ASSERT_THAT(record(change), IsOk());

  EXPECT_EQ(registry_->load()->generation, before);
}

TEST_P(RegistryContract, LeavesAloneWhatAChangeDoesNotName) {
  RecordedChange first = put_tenant(a_recorded_tenant("acme"));
  first.edge_fingerprint = "edge-1";
  first.platform = PlatformSpec{.domain = "voice.example"};
  ASSERT_THAT(record(first), IsOk());

  RecordedChange second;
  second.put_instances.push_back(a_recorded_instance("shared-0"));
  ASSERT_THAT(record(second), IsOk());

  const Snapshot snapshot = *registry_->load();
  EXPECT_THAT(snapshot.tenants, SizeIs(1));
  EXPECT_EQ(snapshot.edge_fingerprint, "edge-1");
  EXPECT_EQ(snapshot.platform->domain, "voice.example");
}

TEST_P(RegistryContract, DropsWhatAChangeDrops) {
  RecordedChange first = put_tenant(a_recorded_tenant("acme"));
  first.put_instances.push_back(a_recorded_instance("shared-0"));
  first.put_leases.push_back(PortLease{port(21001), "instance/shared-0", std::nullopt});
  ASSERT_THAT(record(first), IsOk());

  RecordedChange second;
  second.drop_tenants.push_back(tenant_id("acme"));
  second.drop_instances.push_back(*InstanceId::parse("shared-0"));
  second.drop_leases.push_back(port(21001));
  ASSERT_THAT(record(second), IsOk());

  const Snapshot snapshot = *registry_->load();
  EXPECT_THAT(snapshot.tenants, IsEmpty());
  EXPECT_THAT(snapshot.instances, IsEmpty());
  EXPECT_THAT(snapshot.leases, IsEmpty());
}

TEST_P(RegistryContract, RaisesTheGenerationByOneForAllThatIsClosedTogether) {
  const auto numbers = registry_->open_actions({an_intent("a"), an_intent("b")});
  ASSERT_THAT(numbers, IsOkAnd(SizeIs(2)));

  const Result<Generation> generation = registry_->close_actions(
      {ClosedAction{(*numbers)[0], JournalState::kDone, "", put_tenant(a_recorded_tenant("a"))},
       ClosedAction{(*numbers)[1], JournalState::kDone, "", put_tenant(a_recorded_tenant("b"))}});

  EXPECT_THAT(generation, IsOkAnd(Eq(Generation{1})));
  EXPECT_EQ(registry_->load()->generation, Generation{1});
}

TEST_P(RegistryContract, KeepsTheGenerationWhenNothingRecordedChanged) {
  EXPECT_THAT(record(RecordedChange{}), IsOkAnd(Eq(Generation{0})));
}

TEST_P(RegistryContract, ShowsIntentsThatWereNeverClosed) {
  const Epoch opened_in = registry_->epoch();
  const auto numbers = registry_->open_actions({an_intent("a"), an_intent("b"), an_intent("c")});
  ASSERT_THAT(numbers, IsOk());
  ASSERT_THAT(
      registry_->close_actions({ClosedAction{(*numbers)[1], JournalState::kFailed, "no", {}}}),
      IsOk());

  reopen();

  const Result<std::vector<JournalEntry>> open = registry_->open_intents();
  ASSERT_THAT(open, IsOkAnd(SizeIs(2)));
  EXPECT_EQ((*open)[0].number, (*numbers)[0]);
  EXPECT_EQ((*open)[0].key, "a");
  EXPECT_EQ((*open)[0].kind, "bind_listener");
  EXPECT_EQ((*open)[0].subject, "tenant/acme");
  EXPECT_EQ((*open)[0].plan_id, "plan-1");
  EXPECT_EQ((*open)[0].action, an_intent("a").action);
  EXPECT_EQ((*open)[0].epoch, opened_in);
  EXPECT_EQ((*open)[0].opened_at, kMorning);
  EXPECT_EQ((*open)[1].key, "c");
}

TEST_P(RegistryContract, NumbersIntentsUpwardsAndNeverTwice) {
  const auto first = *registry_->open_actions({an_intent("a"), an_intent("b")});
  reopen();
  const auto second = *registry_->open_actions({an_intent("c")});

  EXPECT_LT(first[0], first[1]);
  EXPECT_LT(first[1], second[0]);
}

TEST_P(RegistryContract, ClosesAllOrNone) {
  const auto numbers = registry_->open_actions({an_intent("a")});
  ASSERT_THAT(numbers, IsOk());

  const Result<Generation> closed = registry_->close_actions(
      {ClosedAction{numbers->front(), JournalState::kDone, "", put_tenant(a_recorded_tenant("a"))},
       ClosedAction{numbers->front() + 100, JournalState::kDone, "", {}}});

  EXPECT_THAT(closed, FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(registry_->open_intents(), IsOkAnd(SizeIs(1)));
  EXPECT_THAT(registry_->load()->tenants, IsEmpty());
}

TEST_P(RegistryContract, RefusesToCloseTwice) {
  const auto numbers = registry_->open_actions({an_intent("a")});
  const ClosedAction closed{numbers->front(), JournalState::kDone, "", {}};
  ASSERT_THAT(registry_->close_actions({closed}), IsOk());

  EXPECT_THAT(registry_->close_actions({closed}), FailsWith(ErrorCode::kNotFound));
}

TEST_P(RegistryContract, RefusesEveryCallOfAnOlderEpoch) {
  const std::unique_ptr<Registry> old = std::move(registry_);
  const auto numbers = old->open_actions({an_intent("a")});
  registry_ = host_->open();

  EXPECT_THAT(old->load(), FailsWith(ErrorCode::kFenced));
  EXPECT_THAT(old->accept_desired(DesiredState{}, {}), FailsWith(ErrorCode::kFenced));
  EXPECT_THAT(old->close_revision(1, RevisionOutcome::kDone), FailsWith(ErrorCode::kFenced));
  EXPECT_THAT(old->open_actions({an_intent("b")}), FailsWith(ErrorCode::kFenced));
  EXPECT_THAT(old->close_actions({ClosedAction{numbers->front(), JournalState::kDone, "", {}}}),
              FailsWith(ErrorCode::kFenced));
  EXPECT_THAT(old->append_events({an_event("x")}), FailsWith(ErrorCode::kFenced));
  EXPECT_THAT(old->put_note("a", "b"), FailsWith(ErrorCode::kFenced));
  EXPECT_THAT(registry_->open_intents(), IsOkAnd(SizeIs(1)));
  EXPECT_THAT(registry_->find_note("a"), IsOkAnd(Eq(std::nullopt)));
}

TEST_P(RegistryContract, NumbersEventsWithoutGaps) {
  EXPECT_THAT(registry_->append_events({an_event("a"), an_event("b")}), IsOkAnd(Eq(2)));
  reopen();
  EXPECT_THAT(registry_->append_events({an_event("c")}), IsOkAnd(Eq(3)));
  EXPECT_THAT(registry_->append_events({}), IsOkAnd(Eq(3)));

  const auto events = registry_->read_events(1, 10);
  ASSERT_THAT(events, IsOk());
  EXPECT_THAT(*events, ElementsAre(Field(&EventRecord::number, 2), Field(&EventRecord::number, 3)));
  EXPECT_EQ(events->back().name, "c");
  EXPECT_EQ(events->back().at, kMorning);
  EXPECT_EQ(events->back().subject, "instance/shared-0");
  EXPECT_EQ(events->back().detail, "{\"n\":1}");
}

TEST_P(RegistryContract, ReadsNoMoreEventsThanAskedFor) {
  ASSERT_THAT(registry_->append_events({an_event("a"), an_event("b"), an_event("c")}), IsOk());

  EXPECT_THAT(*registry_->read_events(0, 2),
              ElementsAre(Field(&EventRecord::name, "a"), Field(&EventRecord::name, "b")));
}

TEST_P(RegistryContract, FindsTheLatestEventsOfASubject) {
  EventRecord other = an_event("monitor.promotes");
  other.subject = "instance/shared-01";
  ASSERT_THAT(registry_->append_events({an_event("monitor.a"), other, an_event("edge.died"),
                                        an_event("monitor.b"), an_event("monitor.c")}),
              IsOk());

  EXPECT_THAT(
      *registry_->latest_events("instance/shared-0", "monitor.", 2),
      ElementsAre(Field(&EventRecord::name, "monitor.c"), Field(&EventRecord::name, "monitor.b")));
  EXPECT_THAT(*registry_->latest_events("instance/shared-0", "%", 10), IsEmpty());
}

TEST_P(RegistryContract, FindsTheLatestEventsOfAName) {
  EventRecord other = an_event("monitor.demotes");
  other.subject = "tenant/other";
  ASSERT_THAT(registry_->append_events({an_event("monitor.demotes"), an_event("monitor.demotes"),
                                        other, an_event("monitor.demotes_not")}),
              IsOk());

  EXPECT_THAT(*registry_->latest_events_named("monitor.demotes", 2),
              ElementsAre(Field(&EventRecord::subject, "tenant/other"),
                          Field(&EventRecord::subject, "instance/shared-0")));
  EXPECT_THAT(*registry_->latest_events_named("monitor.", 10), IsEmpty());
}

TEST_P(RegistryContract, KeepsTheNewestEvents) {
  const std::vector<EventRecord> many(static_cast<std::size_t>(kKeptEvents), an_event("old"));
  ASSERT_THAT(registry_->append_events(many), IsOk());

  ASSERT_THAT(registry_->append_events({an_event("new"), an_event("newest")}), IsOk());

  EXPECT_EQ(registry_->read_events(0, 1)->front().number, 3);
  EXPECT_EQ(registry_->read_events(kKeptEvents + 1, 10)->front().name, "newest");
}

TEST_P(RegistryContract, KeepsApiKeysUntilTheyAreDropped) {
  const ApiKeyRecord key{"k1", tenant_id("acme"), "5f4d", "admin", kMorning};
  ASSERT_THAT(registry_->put_api_keys({key}), IsOk());
  ASSERT_THAT(registry_->put_api_keys({{"k2", tenant_id("acme"), "77aa", "staff", kMorning}}),
              IsOk());
  reopen();
  ASSERT_THAT(registry_->drop_api_key(tenant_id("acme"), "k2"), IsOk());

  const auto keys = registry_->load_api_keys();
  ASSERT_THAT(keys, IsOkAnd(SizeIs(1)));
  EXPECT_EQ(keys->front().key_id, "k1");
  EXPECT_EQ(keys->front().tenant, tenant_id("acme"));
  EXPECT_EQ(keys->front().sha256, "5f4d");
  EXPECT_EQ(keys->front().scope, "admin");
  EXPECT_EQ(keys->front().created_at, kMorning);
  EXPECT_THAT(registry_->drop_api_key(tenant_id("acme"), "k2"), IsOk());
}

TEST_P(RegistryContract, KeepsTheEndsOfApiKeys) {
  const ApiKeyRecord replaced{"k1",     tenant_id("acme"), "5f4d",       "admin",
                              kMorning, kMorning + 1h,     std::nullopt, "k2"};
  ASSERT_THAT(
      registry_->put_api_keys({replaced, {"k2", tenant_id("acme"), "77aa", "admin", kMorning}}),
      IsOk());

  ASSERT_THAT(registry_->revoke_api_key(tenant_id("acme"), "k2", kMorning + 2h), IsOk());
  EXPECT_THAT(registry_->revoke_api_key(tenant_id("acme"), "k9", kMorning),
              FailsWith(ErrorCode::kNotFound));

  const auto keys = registry_->load_api_keys();
  ASSERT_THAT(keys, IsOkAnd(SizeIs(2)));
  EXPECT_EQ(keys->front(), replaced);
  EXPECT_EQ(keys->back().revoked_at, kMorning + 2h);
  EXPECT_EQ(keys->back().expires_at, std::nullopt);
}

TEST_P(RegistryContract, TakesTheKeysAlongWithTheirTenant) {
  ASSERT_THAT(record(put_tenant(a_recorded_tenant("acme"))), IsOk());
  ASSERT_THAT(registry_->put_api_keys({{"k1", tenant_id("acme"), "5f4d", "admin", kMorning},
                                       {"k1", tenant_id("other"), "77", "admin", kMorning}}),
              IsOk());

  RecordedChange change;
  change.drop_tenants.push_back(tenant_id("acme"));
  ASSERT_THAT(record(change), IsOk());

  const auto keys = registry_->load_api_keys();
  ASSERT_THAT(keys, IsOkAnd(SizeIs(1)));
  EXPECT_EQ(keys->front().tenant, tenant_id("other"));
}

TEST_P(RegistryContract, ForgetsADeletedTenantAndNoOther) {
  const auto of = [](const std::string& subject, const std::string& action) {
    JournalEntry entry = an_intent(subject);
    entry.subject = subject;
    entry.action = action;
    return entry;
  };
  // The last two of each kind are of others, whatever they have in common with the first.
  const auto numbers = registry_->open_actions({
      of("tenant/pizza", R"({"kind":"create_tenant","spec":{"slug":"pizza","phone":"555-1234"}})"),
      of("instance/dedicated-pizza", R"({"kind":"start_instance","instance":"dedicated-pizza"})"),
      of("platform", R"({"kind":"set_platform"})"),
      of("tenant/mario-pizza", R"({"kind":"create_tenant","spec":{"slug":"mario-pizza"}})"),
      of("tenant/other", R"({"kind":"create_tenant","spec":{"business_type":"pizza"}})"),
      of("instance/dedicated-mario-pizza", R"({"instance":"dedicated-mario-pizza"})"),
      of("edge", R"({"kind":"publish_edge"})"),
      of("tenant/pizza", R"({"kind":"delete_tenant","tenant":"pizza"})"),
  });
  ASSERT_THAT(numbers, IsOkAnd(SizeIs(8)));
  std::vector<ClosedAction> closed;
  for (std::size_t i = 0; i + 1 < numbers->size(); ++i) {
    closed.push_back({(*numbers)[i], JournalState::kDone, "", {}});
  }
  closed[2].outcome = "writing the configuration of 'pizza': cannot write it";
  closed[6].outcome = "cannot read '/var/lib/voicectl/tenants/pizza-2/config.json'";
  ASSERT_THAT(registry_->close_actions(closed), IsOk());
  ASSERT_THAT(registry_->put_api_keys({{"k1", tenant_id("pizza"), "5f4d", "admin", kMorning},
                                       {"k1", tenant_id("pizza-2"), "77", "admin", kMorning}}),
              IsOk());

  ASSERT_THAT(registry_->forget_tenant(tenant_id("pizza")), IsOk());
  EXPECT_THAT(registry_->forget_tenant(tenant_id("nobody")), IsOk());

  EXPECT_THAT(host_->closed_subjects(),
              ::testing::ElementsAre("tenant/mario-pizza", "tenant/other",
                                     "instance/dedicated-mario-pizza", "edge"));
  EXPECT_THAT(registry_->load_api_keys(), IsOkAnd(SizeIs(1)));
  // What is under way is nobody's past.
  EXPECT_THAT(registry_->open_intents(), IsOkAnd(SizeIs(1)));
}

TEST_P(RegistryContract, FindsNotesAgain) {
  ASSERT_THAT(registry_->put_note("edge", "first"), IsOk());
  ASSERT_THAT(registry_->put_note("edge", "second"), IsOk());
  reopen();

  EXPECT_THAT(registry_->find_note("edge"), IsOkAnd(Optional(std::string("second"))));
  EXPECT_THAT(registry_->find_note("other"), IsOkAnd(Eq(std::nullopt)));
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RegistryContract);

}  // namespace voicectl
