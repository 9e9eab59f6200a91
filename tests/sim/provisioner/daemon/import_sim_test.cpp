// SPDX-License-Identifier: Apache-2.0
// A tenant that is created with the data of an import, wherever the daemon dies and whatever is
// lost.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "provisioner/plan/open_imports.h"
#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

constexpr const char* kStage = "/var/lib/voicectl/transfer/import-1-2";
constexpr const char* kFolder = "/var/lib/voicectl/tenants/alpha";

class ImportSim : public DaemonWorld {
 protected:
  static DesiredState with_imported_alpha() {
    DesiredState desired = platform_with({"alpha"});
    desired.tenants[0].import_id = "import-1-2";
    return desired;
  }
  void stage() {
    machine.files.put(std::string(kStage) + "/tenant.db", "rows");
    machine.files.put(std::string(kStage) + "/secrets.json",
                      R"({"webhook_secrets":["0123456789abcdef"],"tool_secret":"of-the-archive",)"
                      R"("store_owner":"made-with-it"})");
    machine.files.put(std::string(kStage) + "/import.json",
                      R"({"import":"import-1-2","tenant":"alpha","store":"embedded"})");
    machine.files.put(std::string(kStage) + "/keys.json",
                      R"({"kind":"TenantKeys","tenant":"alpha","keys":[{"id":"k1","scope":"staff",)"
                      R"("sha256":"of-the-first","expires_at_ms":4102444800000}]})");
  }
  /// What the registry knows of alpha's keys, and what its instance reads.
  void expect_keys_of_the_archive() {
    const auto& keys = machine.registry->keys;
    ASSERT_EQ(keys.size(), 1U);
    EXPECT_EQ(keys.begin()->second.key_id, "k1");
    EXPECT_EQ(keys.begin()->second.scope, "staff");
    EXPECT_EQ(keys.begin()->second.sha256, "of-the-first");
    EXPECT_TRUE(keys.begin()->second.expires_at.has_value());
    EXPECT_THAT(machine.files.content_of(std::string(kFolder) + "/keys.json"),
                Optional(HasSubstr("of-the-first")));
  }
  std::optional<std::string> rows() const {
    return machine.files.content_of(std::string(kFolder) + "/data/tenant.db");
  }
  std::vector<std::string> holders() {
    return machine.instances.holders(*TenantId::parse("alpha"));
  }
};

TEST_F(ImportSim, ATenantWhoseDataAreGoneIsNotMadeWithoutThem) {
  const Applied applied = apply(with_imported_alpha());

  EXPECT_GT(applied.outcome.failed, 0U);
  EXPECT_THAT(applied.steps.at("prepare data of alpha").error, HasSubstr("import it again"));
  EXPECT_EQ(machine.files.find(kFolder), nullptr);
  EXPECT_THAT(holders(), IsEmpty());

  machine.sim.advance(2 * kConvergeInterval);
  EXPECT_EQ(machine.files.find(kFolder), nullptr) << "nor later";
  // A document that does not know of the import changes nothing of that.
  apply(with_open_imports(platform_with({"alpha"}), daemon().daemon->loop().desired(),
                          daemon().daemon->recorded().snapshot()));
  EXPECT_EQ(machine.files.find(kFolder), nullptr);
}

TEST_F(ImportSim, TheDaemonGoesOnWithAnImportThatWasAcceptedBeforeItDied) {
  stage();
  ASSERT_THAT(daemon().daemon->loop().apply({with_imported_alpha(), std::nullopt, "test"},
                                            {[](const Plan&) {}, [](const api::StepProgress&) {},
                                             [](const api::ApplyOutcome&) {}}),
              IsOk());
  machine.sim.settle();
  kill_daemon();

  start_daemon();

  EXPECT_THAT(rows(), Optional(std::string("rows")));
  expect_converged(with_imported_alpha());
}

TEST_F(ImportSim, WhoTakesTheNameLaterDoesNotGetWhatAnImportLeft) {
  stage();

  apply(platform_with({"alpha"}));

  EXPECT_EQ(rows(), std::nullopt);
  EXPECT_NE(machine.files.find(kStage), nullptr);
  expect_converged(platform_with({"alpha"}));
}

TEST_F(ImportSim, WhenTheDataAreThereNobodyAsksWhereTheyCameFrom) {
  stage();
  apply(with_imported_alpha());
  ASSERT_THAT(rows(), Optional(std::string("rows")));
  expect_keys_of_the_archive();

  expect_converged(platform_with({"alpha"}));
  apply(platform_with({"alpha"}));
  expect_converged(with_imported_alpha());
  kill_daemon();
  start_daemon();

  EXPECT_THAT(rows(), Optional(std::string("rows")));
}

/// What is recorded late is recorded as it is by then.
TEST_F(ImportSim, AKeyThatIsRevokedBeforeItsImportIsOnRecordStaysRevoked) {
  stage();
  bool is_lost = false;
  machine.registry->on_close = [&](const std::vector<ClosedAction>& actions) -> Status {
    const bool is_import =
        std::any_of(actions.begin(), actions.end(),
                    [](const ClosedAction& action) { return !action.change.put_api_keys.empty(); });
    return is_import && !std::exchange(is_lost, true)
               ? Status(Error(ErrorCode::kResourceExhausted, "cannot write: disk full"))
               : ok_status();
  };
  EXPECT_GT(apply(with_imported_alpha()).outcome.failed, 0U);
  ASSERT_TRUE(is_lost);
  ASSERT_THAT(machine.registry->keys, IsEmpty());

  Status revoked = Error();
  daemon().daemon->keys().revoke(*TenantId::parse("alpha"), "k1",
                                 [&revoked](const Status& done) { revoked = done; });
  machine.sim.advance(1s);
  EXPECT_THAT(revoked, IsOk());
  apply(with_imported_alpha());
  kill_daemon();
  start_daemon();

  ASSERT_EQ(machine.registry->keys.size(), 1U);
  EXPECT_TRUE(machine.registry->keys.begin()->second.revoked_at.has_value());
  EXPECT_THAT(machine.files.content_of(std::string(kFolder) + "/keys.json"),
              Optional(::testing::Not(HasSubstr("of-the-first"))));
  expect_converged(with_imported_alpha());
}

TEST_F(ImportSim, WhereverTheDaemonDiesTheTenantHasItsDataInTheEnd) {
  apply(platform_with({}));
  for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
    for (std::size_t n = 1;; ++n) {
      SCOPED_TRACE(fmt::format("killed {} call {}",
                               point == KillPoint::kBeforeEffect ? "before" : "after", n));
      apply(platform_with({}));
      ASSERT_EQ(machine.files.find(kFolder), nullptr);
      stage();
      daemon().plan.kill_at(daemon().plan.calls() + n, point);
      bool died = false;
      try {
        apply(with_imported_alpha());
      } catch (const DaemonKilled&) {
        died = true;
      }
      kill_daemon();
      start_daemon();
      apply(with_imported_alpha());

      EXPECT_THAT(rows(), Optional(std::string("rows")));
      expect_keys_of_the_archive();
      EXPECT_THAT(machine.files.content_of(std::string(kFolder) + "/secrets.json"),
                  Optional(HasSubstr("of-the-archive")));
      expect_converged(with_imported_alpha());
      if (!died || HasFailure()) {
        EXPECT_GT(n, 10U);
        break;
      }
    }
  }
}

}  // namespace
}  // namespace voicectl
