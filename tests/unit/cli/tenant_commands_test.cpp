// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::HasSubstr;

class TenantCommandsTest : public CliTest {
 protected:
  static DesiredState with_tenants(const std::vector<std::string>& slugs) {
    DesiredState state;
    for (const std::string& slug : slugs) {
      state.tenants.push_back(TenantSpec{.tenant = *TenantId::parse(slug), .name = slug});
    }
    return state;
  }
  static Json one_move() {
    return {{"plan", plan_json(1)},
            {"moves", {{{"tenant", "acme"}, {"from", "shared-0"}, {"to", "shared-1"}}}},
            {"note", ""}};
  }
  /// What the daemon was asked to apply.
  DesiredState applied() const {
    const std::string document = daemon_.body_of("POST /v1/apply")["document"];
    return parse_desired_state({{"applied", document}}, nullptr).state;
  }
};

TEST_F(TenantCommandsTest, CreateAddsTheTenantToTheDesiredState) {
  serve(with_tenants({"acme", "zebra"}), plan_json(1));

  EXPECT_EQ(run({"tenant", "create", "luigi", "--name", "Luigi's", "--plan", "enterprise", "--tier",
                 "dedicated", "--yes"}),
            ExitCode::kOk);

  const DesiredState state = applied();
  ASSERT_EQ(state.tenants.size(), 3U);
  EXPECT_EQ(state.tenants[1].tenant.str(), "luigi");
  EXPECT_EQ(state.tenants[1].name, "Luigi's");
  EXPECT_EQ(state.tenants[1].plan, PricePlan::kEnterprise);
  EXPECT_EQ(state.tenants[1].tier, Tier::kDedicated);
  EXPECT_THAT(err(), HasSubstr("Next: voicectl tenant key create luigi"));
}

TEST_F(TenantCommandsTest, CreateWorksOnAnEmptyPlatform) {
  serve({}, plan_json(1));
  daemon_.answers["GET /v1/desired"] = {Json{{"generation", 0}, {"document", nullptr}}};

  EXPECT_EQ(run({"tenant", "create", "acme", "--yes"}), ExitCode::kOk);

  EXPECT_EQ(applied().tenants.size(), 1U);
}

TEST_F(TenantCommandsTest, CreateRefusesWhatADocumentCouldNotSay) {
  serve({}, plan_json(1));

  EXPECT_EQ(run({"tenant", "create", "admin", "--yes"}), ExitCode::kFailure);
  EXPECT_THAT(err(), HasSubstr("reserved for the platform itself"));

  EXPECT_EQ(run({"tenant", "create", "acme", "--type", "bakery", "--yes"}), ExitCode::kFailure);
  EXPECT_THAT(err(), HasSubstr("allowed are restaurant, appointment, support, custom"));

  EXPECT_EQ(run({"tenant", "create", "acme", "--type", "restaurant", "--yes"}), ExitCode::kFailure);
  EXPECT_THAT(err(), HasSubstr("requires; add menu"));
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));
}

TEST_F(TenantCommandsTest, CreateRefusesASecondOfTheSameName) {
  serve(with_tenants({"acme"}), plan_json(1));

  EXPECT_EQ(run({"tenant", "create", "acme", "--yes"}), ExitCode::kConflict);
  EXPECT_THAT(err(), HasSubstr("cannot create tenant 'acme': it exists"));
}

TEST_F(TenantCommandsTest, DeleteRemovesOneTenant) {
  serve(with_tenants({"acme", "zebra"}), plan_json(1, 1));

  EXPECT_EQ(run({"tenant", "delete", "acme", "--confirm=acme"}), ExitCode::kOk);

  ASSERT_EQ(applied().tenants.size(), 1U);
  EXPECT_EQ(applied().tenants[0].tenant.str(), "zebra");
}

TEST_F(TenantCommandsTest, DeleteWantsTheNameTyped) {
  serve(with_tenants({"acme"}), plan_json(1, 1));

  EXPECT_EQ(run({"tenant", "delete", "acme"}), ExitCode::kUsage);
  EXPECT_THAT(err(), HasSubstr("add --confirm=acme"));
  EXPECT_EQ(run({"tenant", "delete", "acme", "--confirm=zebra"}), ExitCode::kFailure);
  answer_at_terminal("yes");
  EXPECT_EQ(run({"tenant", "delete", "acme"}), ExitCode::kFailure);
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));

  answer_at_terminal("acme");
  EXPECT_EQ(run({"tenant", "delete", "acme"}), ExitCode::kOk);
}

TEST_F(TenantCommandsTest, DeleteTakesNoOtherTenantWithIt) {
  serve(with_tenants({"acme", "zebra"}), plan_json(1, 2));

  EXPECT_EQ(run({"tenant", "delete", "acme", "--confirm=acme"}), ExitCode::kUsage);
  EXPECT_FALSE(daemon_.was_asked("POST /v1/apply"));
}

TEST_F(TenantCommandsTest, DeleteSaysWhenThereIsNone) {
  serve({}, plan_json(0));

  EXPECT_EQ(run({"tenant", "delete", "acme", "--confirm=acme"}), ExitCode::kNotFound);
}

TEST_F(TenantCommandsTest, PromoteAndDemoteSetTheTier) {
  serve(with_tenants({"acme"}), plan_json(1));

  EXPECT_EQ(run({"tenant", "promote", "acme", "--yes"}), ExitCode::kOk);
  EXPECT_EQ(applied().tenants[0].tier, Tier::kDedicated);

  daemon_.questions.clear();
  EXPECT_EQ(run({"tenant", "demote", "acme", "--yes"}), ExitCode::kOk);
  EXPECT_EQ(applied().tenants[0].tier, Tier::kPooled);

  EXPECT_EQ(run({"tenant", "promote", "nobody", "--yes"}), ExitCode::kNotFound);
}

TEST_F(TenantCommandsTest, ListShowsATableOrNames) {
  daemon_.answer("GET /v1/tenants", Json{{"tenants",
                                          {{{"tenant", "acme"},
                                            {"name", "Acme"},
                                            {"business_type", "custom"},
                                            {"plan", "starter"},
                                            {"tier", "auto"},
                                            {"phase", "serving"},
                                            {"instance", "shared-0"},
                                            {"port", 21000},
                                            {"socket", "/run/acme.sock"},
                                            {"hosts", {"acme.example.com"}},
                                            {"sessions", 3}}}}});

  run({"tenant", "list"});
  EXPECT_EQ(out(),
            "TENANT  TYPE    PLAN     TIER  PHASE    INSTANCE  SESSIONS  HOSTS\n"
            "acme    custom  starter  auto  serving  shared-0         3  acme.example.com\n");

  run({"tenant", "list", "-o", "name"});
  EXPECT_EQ(out(), "tenant/acme\n");

  run({"tenant", "list", "-o", "json"});
  EXPECT_EQ(Json::parse(out())["tenants"][0]["port"], 21000);
}

TEST_F(TenantCommandsTest, AnEmptyListSaysWhatToDoNext) {
  daemon_.answer("GET /v1/tenants", Json{{"tenants", Json::array()}});

  EXPECT_EQ(run({"tenant", "list"}), ExitCode::kOk);

  EXPECT_EQ(out(), "");
  EXPECT_THAT(err(), HasSubstr("voicectl tenant create"));
}

TEST_F(TenantCommandsTest, ANewKeyAloneGoesToStandardOutput) {
  daemon_.answer("POST /v1/tenants/acme/keys",
                 Json{{"id", "k1"}, {"scope", "admin"}, {"key", "vck_secret"}});

  EXPECT_EQ(run({"tenant", "key", "create", "acme"}), ExitCode::kOk);

  EXPECT_EQ(out(), "vck_secret\n");
  EXPECT_THAT(err(), HasSubstr("shown this once"));
  EXPECT_EQ(daemon_.body_of("POST /v1/tenants/acme/keys")["scope"], "admin");
}

TEST_F(TenantCommandsTest, ARotatedKeyAloneGoesToStandardOutput) {
  daemon_.answer("POST /v1/tenants/acme/keys/k1/rotate",
                 Json{{"id", "k2"}, {"scope", "admin"}, {"key", "vck_new"}});

  EXPECT_EQ(run({"tenant", "key", "rotate", "acme", "k1", "--overlap", "2h"}), ExitCode::kOk);

  EXPECT_EQ(out(), "vck_new\n");
  EXPECT_THAT(err(), HasSubstr("Key k1 is accepted for another 2h."));
  EXPECT_EQ(daemon_.body_of("POST /v1/tenants/acme/keys/k1/rotate")["overlap"], 7200);
}

TEST_F(TenantCommandsTest, AnOverlapThatIsNoLengthIsRefused) {
  EXPECT_EQ(run({"tenant", "key", "rotate", "acme", "k1", "--overlap", "soon"}), ExitCode::kUsage);
  EXPECT_EQ(run({"tenant", "key", "create", "acme", "--expires", "-1"}), ExitCode::kUsage);
}

TEST_F(TenantCommandsTest, ARotatedSecretIsNotShownButWhenTheFormerOnesEnd) {
  daemon_.answer("POST /v1/tenants/acme/secrets/rotate",
                 Json{{"tenant", "acme"}, {"accepted_until", "2026-11-22T09:30:00.000Z"}});

  EXPECT_EQ(run({"tenant", "secret", "rotate", "acme", "--overlap", "2h"}), ExitCode::kOk);

  EXPECT_EQ(out(),
            "New calls of acme have another webhook secret. What was signed with the former one is "
            "accepted until 2026-11-22T09:30:00.000Z.\n");
  EXPECT_EQ(daemon_.body_of("POST /v1/tenants/acme/secrets/rotate")["overlap"], 7200);
  EXPECT_EQ(run({"tenant", "secret", "rotate", "acme", "-o", "json"}), ExitCode::kOk);
  EXPECT_EQ(daemon_.last_body_of("POST /v1/tenants/acme/secrets/rotate")["overlap"], 24 * 3600);
  EXPECT_THAT(out(), HasSubstr(R"("accepted_until": "2026-11-22T09:30:00.000Z")"));
  EXPECT_EQ(run({"tenant", "secret", "rotate", "acme", "--overlap", "soon"}), ExitCode::kUsage);
}

TEST_F(TenantCommandsTest, AKeyIsMadeWithAnEnd) {
  daemon_.answer("POST /v1/tenants/acme/keys",
                 Json{{"id", "k1"}, {"scope", "widget"}, {"key", "vck_x"}, {"expires_at", "2027"}});

  EXPECT_EQ(run({"tenant", "key", "create", "acme", "--expires", "90d"}), ExitCode::kOk);

  EXPECT_EQ(daemon_.body_of("POST /v1/tenants/acme/keys")["expires_in"], 90 * 24 * 3600);
  EXPECT_THAT(err(), HasSubstr("until 2027"));
}

TEST_F(TenantCommandsTest, KeysAreListedAndRevoked) {
  daemon_.answer("GET /v1/tenants/acme/keys", Json{{"keys",
                                                    {{{"id", "k1"},
                                                      {"scope", "staff"},
                                                      {"state", "expiring"},
                                                      {"created_at", "2026"},
                                                      {"expires_at", "2027"}}}}});
  daemon_.answer("DELETE /v1/tenants/acme/keys/k%2F1", Json{{"id", "k/1"}});

  run({"tenant", "key", "list", "acme"});
  EXPECT_EQ(out(),
            "KEY  SCOPE  STATE     CREATED  EXPIRES\n"
            "k1   staff  expiring  2026     2027\n");

  EXPECT_EQ(run({"tenant", "key", "revoke", "acme", "k/1"}), ExitCode::kOk);
  EXPECT_EQ(out(), "Revoked key k/1.\n");
}

TEST_F(TenantCommandsTest, MoveShowsThePlanAndHasExactlyThatDone) {
  daemon_.answer("POST /v1/tenants/acme/move", one_move());
  daemon_.streams["POST /v1/tenants/acme/move"] = {
      R"({"type":"started","steps":1})",
      R"({"type":"step","number":0,"state":"done","kind":"lend_listener","subject":"tenant/acme",)"
      R"("text":"move acme from shared-0 to shared-1","took_ms":12})",
      R"({"type":"finished","done":1,"failed":0,"skipped":0,"undone":0,"remedy":""})"};

  EXPECT_EQ(run({"tenant", "move", "acme", "--to", "shared-1", "--yes"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("move acme from shared-0 to shared-1"));
  ASSERT_EQ(daemon_.questions.size(), 3U);
  EXPECT_EQ(daemon_.questions[0].target, "/v1/lock");
  const Json asked = Json::parse(daemon_.questions[1].body);
  EXPECT_EQ(asked["to"], "shared-1");
  EXPECT_EQ(asked["dry_run"], true);
  const Json done = Json::parse(daemon_.questions[2].body);
  EXPECT_EQ(done["lock"], 7);
  EXPECT_EQ(done["moves"], one_move()["moves"]);
  EXPECT_TRUE(done.contains("base_generation"));
}

TEST_F(TenantCommandsTest, MoveOfATenantThatIsThereAlreadySaysSo) {
  daemon_.answer("POST /v1/tenants/acme/move", Json{{"plan", plan_json(0)},
                                                    {"moves", Json::array()},
                                                    {"note", "Tenant 'acme' is there already."}});

  EXPECT_EQ(run({"tenant", "move", "acme", "--to", "shared-1", "--yes"}), ExitCode::kOk);

  EXPECT_EQ(out(), "Tenant 'acme' is there already.\n");
}

TEST_F(TenantCommandsTest, RebalanceWithDryRunDoesNothing) {
  daemon_.answer("POST /v1/pool/rebalance", one_move());

  EXPECT_EQ(run({"pool", "rebalance", "--dry-run", "--max-moves", "3"}), ExitCode::kOk);

  ASSERT_EQ(daemon_.questions.size(), 1U);
  EXPECT_EQ(Json::parse(daemon_.questions[0].body)["max_moves"], 3);
  EXPECT_EQ(run({"pool", "rebalance", "--max-moves", "0"}), ExitCode::kUsage);
}

}  // namespace
}  // namespace voicectl
