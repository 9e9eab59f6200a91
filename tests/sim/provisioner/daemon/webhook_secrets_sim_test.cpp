// SPDX-License-Identifier: Apache-2.0
// A tenant's webhook secret is rotated while calls are made and webhooks come.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/crypto.h"
#include "base/json.h"
#include "runtime/tenant/config.h"
#include "runtime/webhook/signature.h"
#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSecrets = "/var/lib/voicectl/tenants/alpha/secrets.json";
constexpr const char* kConfig = "/var/lib/voicectl/tenants/alpha/config.json";
constexpr std::chrono::hours kOverlap{1};

class WebhookSecretsSim : public DaemonWorld {
 protected:
  WebhookSecretsSim() {
    obey();
    apply(platform_with({"alpha", "beta"}));
  }

  static const TenantId& alpha() {
    static const TenantId kAlpha = *TenantId::parse("alpha");
    return kAlpha;
  }

  /// Instances read the configuration that they are pointed at, as voice-runtime does.
  void obey() {
    machine.instances.on_request =
        [this](const std::string&,
               const control::Message& question) -> std::optional<Result<std::string>> {
      if (question.type == control::request::kReconfigure && refuses_) {
        return Result<std::string>(Error(ErrorCode::kCorrupt, "cannot read it"));
      }
      if (question.type == control::request::kReconfigure ||
          question.type == control::request::kLend) {
        take(string_or(*parse_json(question.body), "config", ""));
      }
      return std::nullopt;
    };
  }
  void take(const std::string& path) {
    const Result<runtime::TenantConfig> config =
        runtime::parse_tenant_config(machine.files.content_of(path).value_or(""));
    EXPECT_THAT(config, IsOk());
    if (config.has_value() && config->tenant == alpha()) {
      taken_ = config->webhook_secrets;
    }
  }

  void begin_to_rotate(std::chrono::seconds overlap = kOverlap) {
    outcome_ = Error(ErrorCode::kTimeout, "cannot see an answer");
    daemon().daemon->secrets().rotate(alpha(), overlap,
                                      [this](const Result<WallTime>& ends) { outcome_ = ends; });
  }
  Result<WallTime> rotate(std::chrono::seconds overlap = kOverlap) {
    begin_to_rotate(overlap);
    pass(2s);
    return outcome_;
  }

  /// Lets time pass, with a call and webhooks of all that were made lately ten times a second.
  void pass(Duration length) {
    for (Duration done{}; done < length; done += 100ms) {
      machine.sim.advance(100ms);
      make_call();
      send_webhooks();
    }
  }
  void make_call() { calls_[taken_.newest().reveal()] = machine.wall.now(); }
  bool is_accepted(const std::string& secret) {
    const WallTime now = machine.wall.now();
    const std::string timestamp = format_wall_time(now);
    const std::string signature = hmac_sha256_hex(secret, "{}" + timestamp);
    return runtime::verify_signature(taken_.at(now), {"{}", timestamp, signature}, now).has_value();
  }
  /// A call that was made less than the overlap ago is heard.
  void send_webhooks() {
    for (const auto& [secret, made_last] : calls_) {
      if (machine.wall.now() < made_last + kOverlap - 1min) {
        EXPECT_TRUE(is_accepted(secret)) << format_wall_time(machine.wall.now());
      }
    }
  }

  std::string newest_in(const char* path) {
    const Json document = *parse_json(machine.files.content_of(path).value_or("{}"));
    const Json& secrets = document.contains("secrets") ? document["secrets"] : document;
    return secrets["webhook_secrets"][0].get<std::string>();
  }
  /// Files, record and instance say the same.
  void expect_settled() {
    EXPECT_EQ(newest_in(kSecrets), newest_in(kConfig));
    EXPECT_EQ(newest_in(kSecrets), taken_.newest().reveal());
    const std::string home = machine.instances.holders(alpha()).front();
    const RecordedTenant* const recorded = daemon().daemon->recorded().find_tenant(alpha());
    EXPECT_EQ(machine.instances.find(home, alpha())->generation, recorded->generation);
    EXPECT_EQ(
        integer_or(*parse_json(machine.files.content_of(kConfig).value_or("{}")), "generation", 0),
        std::int64_t(recorded->generation.value));
    expect_all_recorded();
  }

  runtime::WebhookSecrets taken_;
  /// When the last call was made with a secret.
  std::map<std::string, WallTime> calls_;
  Result<WallTime> outcome_ = Error(ErrorCode::kTimeout, "cannot see an answer");
  bool refuses_ = false;
};

TEST_F(WebhookSecretsSim, NothingValidIsRefusedAndTheFormerOneIsDeadAfterTheOverlap) {
  pass(1s);
  const std::string former = taken_.newest().reveal();

  const Result<WallTime> ends = rotate();

  ASSERT_THAT(ends, IsOk());
  EXPECT_NE(taken_.newest().reveal(), former);
  expect_settled();
  pass(10s);
  machine.sim.advance(*ends - machine.wall.now() - 1ms);
  EXPECT_TRUE(is_accepted(former));
  machine.sim.advance(1ms);
  EXPECT_FALSE(is_accepted(former));
  EXPECT_TRUE(is_accepted(taken_.newest().reveal()));
  for (const std::string& line : machine.log_lines) {
    EXPECT_THAT(line, Not(HasSubstr(taken_.newest().reveal())));
  }
  EXPECT_THAT(machine.log_lines, Contains(HasSubstr("secret.rotated")));
  EXPECT_EQ(newest_in("/var/lib/voicectl/tenants/beta/secrets.json"),
            newest_in("/var/lib/voicectl/tenants/beta/config.json"));
}

TEST_F(WebhookSecretsSim, ADaemonThatIsKilledAtAnyStepIsFollowedByOneThatDoesTheRest) {
  machine.has_registry_faults = true;
  std::size_t points = 0;
  std::size_t finished_later = 0;
  for (const KillPoint point : {KillPoint::kBeforeEffect, KillPoint::kAfterEffect}) {
    for (std::size_t n = 1;; ++n) {
      SCOPED_TRACE(fmt::format("killed {} call {}",
                               point == KillPoint::kBeforeEffect ? "before" : "after", n));
      kill_daemon();
      start_daemon();
      // Else each daemon would make the same secret again.
      daemon().random = SeededRandom(1000 * (static_cast<std::uint64_t>(point) + 1) + n);
      pass(1s);
      const std::string former = taken_.newest().reveal();
      daemon().plan.kill_at(daemon().plan.calls() + n, point);
      bool died = false;
      try {
        begin_to_rotate();
        pass(2s);
      } catch (const DaemonKilled&) {
        died = true;
      }
      const bool was_decided = newest_in(kSecrets) != former;
      const bool was_taken = taken_.newest().reveal() != former;
      const bool was_told = outcome_.has_value();
      kill_daemon();
      pass(1s);
      start_daemon();
      pass(1s);

      expect_settled();
      EXPECT_EQ(taken_.newest().reveal() != former, was_decided);
      EXPECT_FALSE(was_told && !was_taken) << "told before it was done";
      finished_later += was_decided && !was_taken ? 1 : 0;
      machine.sim.advance(2 * kOverlap);
      EXPECT_EQ(is_accepted(former), !was_decided);
      if (!died || HasFailure()) {
        break;
      }
      ++points;
    }
  }
  EXPECT_GT(points, 10U);
  EXPECT_GT(finished_later, 2U);
}

TEST_F(WebhookSecretsSim, AnInstanceThatDoesNotObeyGetsItLaterAndSoIsTold) {
  pass(1s);
  const std::string former = taken_.newest().reveal();
  refuses_ = true;

  const Result<WallTime> refused = rotate();

  EXPECT_THAT(refused, FailsWith(ErrorCode::kUnavailable));
  EXPECT_THAT(refused.error().text(),
              HasSubstr("cannot use the new webhook secret of 'alpha' yet"));
  EXPECT_EQ(taken_.newest().reveal(), former);
  pass(5s);
  refuses_ = false;
  pass(2min);
  EXPECT_NE(taken_.newest().reveal(), former);
  expect_settled();
}

TEST_F(WebhookSecretsSim, HoweverOftenItIsRotatedOneTryIsOnItsWayAndLaterEachTime) {
  machine.has_registry_faults = true;
  kill_daemon();
  start_daemon();
  const auto calls_of_an_hour = [this] {
    const std::size_t before = daemon().plan.calls();
    machine.sim.advance(1h);
    return daemon().plan.calls() - before;
  };
  machine.registry->failure = Error(ErrorCode::kResourceExhausted, "cannot write: disk full");
  EXPECT_THAT(rotate(), FailsWith(ErrorCode::kUnavailable));
  const std::size_t first_hour = calls_of_an_hour();
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(rotate(), FailsWith(ErrorCode::kUnavailable));
  }

  EXPECT_LT(calls_of_an_hour(), first_hour);
}

TEST_F(WebhookSecretsSim, WhatCouldNotBeJournaledIsTriedAgain) {
  pass(1s);
  const std::string former = newest_in(kSecrets);
  machine.registry->failure = Error(ErrorCode::kResourceExhausted, "cannot write: disk full");

  EXPECT_THAT(rotate(), FailsWith(ErrorCode::kUnavailable));
  EXPECT_EQ(taken_.newest().reveal(), former) << "it was begun without an intent";
  machine.registry->failure.reset();
  pass(1min);

  EXPECT_NE(taken_.newest().reveal(), former);
  expect_settled();
}

TEST_F(WebhookSecretsSim, ASecondRotationLeavesBothFormerOnesTheirTime) {
  pass(1s);
  const std::string first = taken_.newest().reveal();
  ASSERT_THAT(rotate(), IsOk());
  machine.sim.advance(30min);
  make_call();
  const std::string second = taken_.newest().reveal();

  ASSERT_THAT(rotate(), IsOk());

  EXPECT_TRUE(is_accepted(first));
  EXPECT_TRUE(is_accepted(second));
  machine.sim.advance(31min);
  EXPECT_FALSE(is_accepted(first));
  EXPECT_TRUE(is_accepted(second));
}

TEST_F(WebhookSecretsSim, NoOverlapEndsTheFormerOneAtOnce) {
  const std::string former = taken_.newest().reveal();

  ASSERT_THAT(rotate(0s), IsOk());

  EXPECT_FALSE(is_accepted(former));
  expect_settled();
}

TEST_F(WebhookSecretsSim, RefusesWhatCannotBeRotated) {
  EXPECT_THAT(rotate(-1s), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(rotate(91 * 24h), FailsWith(ErrorCode::kInvalidArgument));
  Status unknown = ok_status();
  daemon().daemon->secrets().rotate(*TenantId::parse("nobody"), 1h,
                                    [&](const Result<WallTime>& ends) {
                                      unknown = ends.has_error() ? Status(ends.error()) : unknown;
                                    });
  EXPECT_THAT(unknown, FailsWith(ErrorCode::kNotFound));
  DesiredState desired = platform_with({"alpha", "beta"});
  desired.tenants[1].tier = Tier::kDedicated;
  InstanceScript slow;
  slow.ready_after = 10s;
  machine.instances.script("dedicated-beta", slow);
  ASSERT_THAT(daemon().daemon->loop().apply({desired, std::nullopt, "test"},
                                            {[](const Plan&) {}, [](const api::StepProgress&) {},
                                             [](const api::ApplyOutcome&) {}}),
              IsOk());
  machine.sim.advance(1s);
  const std::string before = newest_in(kSecrets);

  EXPECT_THAT(rotate(), FailsWith(ErrorCode::kConflict));

  EXPECT_EQ(newest_in(kSecrets), before);
}

}  // namespace
}  // namespace voicectl
