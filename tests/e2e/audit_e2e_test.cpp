// SPDX-License-Identifier: Apache-2.0
// What was asked of the platform is recorded; what is protected stays: by the built programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/e2e/platform.h"

namespace voicectl::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class AuditE2e : public ::testing::Test {
 protected:
  json newest(const std::string& what) const {
    const json answer = platform.voicectl_json({"audit"});
    for (const json& record : answer.value("records", json::array())) {
      if (record["what"] == what) {
        return record;
      }
    }
    ADD_FAILURE() << "no record of " << what;
    return {};
  }

  Platform platform;
};

TEST_F(AuditE2e, EveryChangeIsRecordedWithWhoFromWhereAndWhatCameOfIt) {
  platform.up();
  const std::string key = platform.voicectl_json({"tenant", "key", "create", "mario-pizza"})["key"];
  platform.voicectl({"tenant", "key", "revoke", "mario-pizza", "no-such-key"});
  platform.voicectl({"instance", "restart", "shared-0", "--yes"});

  const json applied = newest("apply");
  EXPECT_EQ(applied["uid"], ::getuid());
  EXPECT_THAT(applied["from"].get<std::string>(), HasSubstr("voicectl/"));
  EXPECT_EQ(applied["subject"], "platform");
  EXPECT_EQ(applied["result"], "done");
  EXPECT_EQ(applied["detail"]["why"], "up");
  const json created = newest("key.create");
  EXPECT_EQ(created["subject"], "tenant/mario-pizza");
  EXPECT_EQ(created["result"], "done");
  EXPECT_EQ(newest("key.revoke")["result"], "refused");
  EXPECT_EQ(newest("instance.restart")["subject"], "instance/shared-0");
  EXPECT_THAT(platform.voicectl({"audit", "-o", "json"}).out, Not(HasSubstr(key)));
  const json of_tenant =
      platform.voicectl_json({"audit", "--subject", "tenant/mario-pizza", "--since", "1h"});
  EXPECT_EQ(of_tenant["records"].size(), 2U) << of_tenant.dump(2);
}

TEST_F(AuditE2e, NothingThatChangesPassesForARehearsal) {
  platform.up();

  const std::string made =
      platform.post("/v1/tenants/mario-pizza/keys", json{{"dry_run", true}, {"scope", "admin"}});
  const std::string shown =
      platform.post("/v1/pool/rebalance", json{{"dry_run", true}, {"who", "tester"}});

  EXPECT_THAT(made, HasSubstr("\"key\""));
  const json created = newest("key.create");
  EXPECT_EQ(created["subject"], "tenant/mario-pizza");
  EXPECT_EQ(created["pid"], ::getpid());
  EXPECT_THAT(shown, HasSubstr("\"plan\""));
  EXPECT_THAT(platform.voicectl({"audit", "-o", "json"}).out, Not(HasSubstr("pool.rebalance")));
}

TEST_F(AuditE2e, AProtectedTenantStaysUntilTheFileSaysOtherwise) {
  platform.up();
  const std::string kept = Platform::small_restaurant("keep-me", ", protect: true");
  ASSERT_EQ(platform.voicectl({"apply", "-f", platform.write_file(kept), "--yes"}).code, 0);

  const std::vector<std::string> without = {"apply", "-f", platform.write_file(), "--yes",
                                            "--allow-delete=1"};
  const Finished refused = platform.voicectl(without);
  const Finished deleted = platform.voicectl({"tenant", "delete", "keep-me", "--confirm=keep-me"});

  EXPECT_EQ(refused.code, 1) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("cannot delete 'keep-me': protected"));
  EXPECT_EQ(deleted.code, 1) << deleted.out << deleted.err;
  EXPECT_EQ(platform.voicectl({"wait", "tenant/keep-me", "--for=ready"}).code, 0);

  const std::string released = Platform::small_restaurant("keep-me", ", protect: false");
  ASSERT_EQ(platform.voicectl({"apply", "-f", platform.write_file(released), "--yes"}).code, 0);
  platform.write_file();
  EXPECT_EQ(platform.voicectl(without).code, 0);
  EXPECT_EQ(platform.voicectl({"wait", "tenant/keep-me", "--for=deleted"}).code, 0);
}

}  // namespace
}  // namespace voicectl::e2e
