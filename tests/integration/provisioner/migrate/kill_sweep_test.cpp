// SPDX-License-Identifier: Apache-2.0
// Source, target or both are killed at each message of a hand-over between real processes.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "tests/integration/provisioner/migrate/two_instances.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;

enum class Victim { kSource, kTarget, kBoth };

class KillSweep : public ::testing::TestWithParam<Victim> {
 protected:
  /// Kills whom the test is about at message `number`; false if there were fewer.
  static bool move_and_kill(TwoInstances& pair, std::size_t number, MoveOutcome& outcome) {
    const InstanceId source = pair.home();
    const InstanceId target = pair.other();
    bool was_killed = false;
    pair.on_message() = [&](std::size_t message) {
      if (message != number) {
        return;
      }
      was_killed = true;
      if (GetParam() != Victim::kTarget) {
        pair.signal(source, SIGKILL);
      }
      if (GetParam() != Victim::kSource) {
        pair.signal(target, SIGKILL);
      }
    };
    outcome = pair.move();
    pair.on_message() = nullptr;
    return was_killed;
  }
  static int holders(TwoInstances& pair) {
    int out = 0;
    for (const InstanceId& instance : {TwoInstances::one(), TwoInstances::two()}) {
      out += pair.metrics(instance).find("tenant=\"acme\"") != std::string::npos ? 1 : 0;
    }
    return out;
  }
  /// What the daemon does when it has heard: the tenant is where the verdict says, and lent anew
  /// to it if it has started anew.
  static void serve_again(TwoInstances& pair, const MoveOutcome& outcome) {
    const InstanceId home = pair.home();
    const InstanceId other = pair.other();
    pair.await_ready(home);
    pair.await_ready(other);
    if (outcome.verdict == Verdict::kUndecided) {
      EXPECT_THAT(pair.reclaim(home), IsOk());
      EXPECT_THAT(pair.lend(other), IsOk());
    } else if (holders(pair) == 0) {
      EXPECT_THAT(pair.lend(home), IsOk());
    }
  }
  static std::string create_session(TwoInstances& pair) {
    const HttpResponse made =
        pair.world.send(pair.port, "POST", "/api/sessions", R"({"customer_name":"Ann"})",
                        {{"X-API-Key", "acme-widget"}});
    EXPECT_EQ(made.status, 201) << made.body;
    const Result<Json> body = parse_json(made.body);
    return body.has_value() ? string_or(*body, "session_id", "") : "";
  }
};

TEST_P(KillSweep, LeavesOneOwnerAndEverythingThatWasAcknowledged) {
  std::size_t number = 1;
  for (;; ++number) {
    SCOPED_TRACE(fmt::format("killed at message {}", number));
    TwoInstances pair;
    const std::string session = create_session(pair);
    BytePeer follower(pair.world.reactor(), pair.port);
    follower.upgrade("acme-staff");
    ASSERT_TRUE(pair.run_until([&] { return follower.has_head(); }));

    MoveOutcome outcome;
    const bool was_killed = move_and_kill(pair, number, outcome);
    EXPECT_LE(holders(pair), 1);
    serve_again(pair, outcome);

    EXPECT_EQ(holders(pair), 1);
    const HttpResponse found = pair.world.send(pair.port, "GET", "/api/sessions/" + session, "",
                                               {{"X-API-Key", "acme-staff"}});
    EXPECT_EQ(found.status, 200) << found.body;
    EXPECT_THAT(found.body, HasSubstr("Ann"));
    if (!was_killed || HasFailure()) {
      break;
    }
  }
  RecordProperty("messages", static_cast<int>(number) - 1);
  EXPECT_GT(number, 6U);
}

INSTANTIATE_TEST_SUITE_P(Of,
                         KillSweep,
                         ::testing::Values(Victim::kSource, Victim::kTarget, Victim::kBoth),
                         [](const ::testing::TestParamInfo<Victim>& victim) {
                           return victim.param == Victim::kSource   ? "TheSource"
                                  : victim.param == Victim::kTarget ? "TheTarget"
                                                                    : "Both";
                         });

}  // namespace
}  // namespace voicectl
