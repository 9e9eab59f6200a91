// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crypto.h"
#include "tests/sim/provisioner/daemon/daemon_world.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ApiKeysSim : public DaemonWorld {
 protected:
  ApiKeysSim() { apply(platform_with({"alpha", "beta"})); }

  static TenantId tenant(const std::string& name) { return *TenantId::parse(name); }
  ApiKeys& keys() { return daemon().daemon->keys(); }

  Result<NewApiKey> create(const std::string& name, ApiKeyWish wish = {"staff"}) {
    return wait_for<NewApiKey>(
        [&](Completion<NewApiKey> done) { keys().create(tenant(name), wish, std::move(done)); });
  }
  Result<NewApiKey> rotate(const std::string& name,
                           const std::string& id,
                           std::chrono::seconds overlap) {
    return wait_for<NewApiKey>([&](Completion<NewApiKey> done) {
      keys().rotate(tenant(name), id, overlap, std::move(done));
    });
  }
  Status revoke(const std::string& name, const std::string& id) {
    Status outcome = Error(ErrorCode::kTimeout, "cannot see an answer");
    keys().revoke(tenant(name), id, [&](const Status& told) { outcome = told; });
    machine.sim.advance(1s);
    return outcome;
  }

  /// Within a second, or kTimeout.
  template <typename T>
  Result<T> wait_for(const std::function<void(Completion<T>)>& begin) {
    auto outcome = std::make_shared<Result<T>>(Error(ErrorCode::kTimeout, "cannot see an answer"));
    begin([outcome](Result<T> told) { *outcome = std::move(told); });
    machine.sim.advance(1s);
    return *outcome;
  }

  void refuse_reloads() {
    machine.instances.on_request =
        [](const std::string&,
           const control::Message& question) -> std::optional<Result<std::string>> {
      if (question.type == control::request::kReloadKeys) {
        return Result<std::string>(Error(ErrorCode::kInvalidArgument, "cannot do 'reload_keys'"));
      }
      return std::nullopt;
    };
  }
  std::string keys_file(const std::string& name) {
    return machine.files.content_of("/var/lib/voicectl/tenants/" + name + "/keys.json")
        .value_or("");
  }
  int reloads(const std::string& name) {
    const std::string home = machine.instances.holders(tenant(name)).front();
    return machine.instances.find(home, tenant(name))->key_reloads;
  }
  ApiKeyState state(const std::string& name, const std::string& id) {
    for (const ApiKeyRecord& key : keys().of(tenant(name))) {
      if (key.key_id == id) {
        return state_of(key, machine.wall.now());
      }
    }
    ADD_FAILURE() << "no key " << id;
    return ApiKeyState::kRevoked;
  }
};

TEST_F(ApiKeysSim, AKeyIsKnownToTheInstanceOnceItIsShown) {
  const int before = reloads("alpha");

  const Result<NewApiKey> made = create("alpha", {"widget"});

  ASSERT_THAT(made, IsOk());
  EXPECT_THAT(keys_file("alpha"), HasSubstr(sha256_hex(made->key.reveal())));
  EXPECT_THAT(keys_file("beta"), Not(HasSubstr(made->record.sha256)));
  EXPECT_EQ(reloads("alpha"), before + 1);
  EXPECT_EQ(reloads("beta"), 0);
  for (const auto& [path, entry] : machine.files.entries()) {
    EXPECT_THAT(entry.content, Not(HasSubstr(made->key.reveal()))) << path;
  }
  for (const std::string& line : machine.log_lines) {
    EXPECT_THAT(line, Not(HasSubstr(made->key.reveal())));
  }
}

TEST_F(ApiKeysSim, ARotatedKeyIsAcceptedUntilTheOverlapIsOver) {
  const Result<NewApiKey> old = create("alpha");
  const WallTime now = machine.wall.now();

  const Result<NewApiKey> made = rotate("alpha", old->record.key_id, 24h);

  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->record.scope, "staff");
  EXPECT_NE(made->key.reveal(), old->key.reveal());
  EXPECT_THAT(keys_file("alpha"), HasSubstr(made->record.sha256));
  EXPECT_THAT(keys_file("alpha"), HasSubstr(old->record.sha256));
  EXPECT_THAT(
      keys_file("alpha"),
      HasSubstr("\"expires_at_ms\":" + std::to_string((now + 24h).time_since_epoch().count())));
  EXPECT_EQ(state("alpha", old->record.key_id), ApiKeyState::kExpiring);
  machine.sim.advance(24h);
  EXPECT_EQ(state("alpha", old->record.key_id), ApiKeyState::kExpired);
  EXPECT_EQ(state("alpha", made->record.key_id), ApiKeyState::kActive);
}

TEST_F(ApiKeysSim, ARotatedKeyWithALifetimeGetsASuccessorWithTheSame) {
  const Result<NewApiKey> old = create("alpha", {"widget", 9h});
  machine.sim.advance(8h);

  const Result<NewApiKey> made = rotate("alpha", old->record.key_id, 24h);

  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->record.expires_at, made->record.created_at + 9h);
  // The overlap does not lengthen the old one's life.
  EXPECT_EQ(keys().of(tenant("alpha")).front().expires_at, old->record.expires_at);
}

TEST_F(ApiKeysSim, AKeyIsRotatedOnceAndNotAfterItsEnd) {
  const std::string id = create("alpha")->record.key_id;
  const std::string gone = create("alpha")->record.key_id;
  ASSERT_THAT(rotate("alpha", id, 1h), IsOk());
  ASSERT_THAT(revoke("alpha", gone), IsOk());

  EXPECT_THAT(rotate("alpha", id, 1h), FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(rotate("alpha", gone, 1h), FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(rotate("alpha", "nothing", 1h), FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(rotate("beta", id, 1h), FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(rotate("alpha", id, -1s), FailsWith(ErrorCode::kInvalidArgument));
}

TEST_F(ApiKeysSim, ARevokedKeyIsOutOfTheFileAndTheInstanceToldWithinASecond) {
  const Result<NewApiKey> made = create("alpha");
  const int before = reloads("alpha");

  ASSERT_THAT(revoke("alpha", made->record.key_id), IsOk());

  EXPECT_THAT(keys_file("alpha"), Not(HasSubstr(made->record.sha256)));
  EXPECT_EQ(reloads("alpha"), before + 1);
  EXPECT_EQ(state("alpha", made->record.key_id), ApiKeyState::kRevoked);
  EXPECT_THAT(revoke("alpha", made->record.key_id), IsOk());
  EXPECT_THAT(revoke("beta", made->record.key_id), FailsWith(ErrorCode::kNotFound));
}

TEST_F(ApiKeysSim, RevokingDoesNotWaitForAnApply) {
  const Result<NewApiKey> made = create("alpha");
  InstanceScript slow;
  slow.ready_after = 10s;
  machine.instances.script("dedicated-beta", slow);
  DesiredState desired = platform_with({"alpha", "beta"});
  desired.tenants[1].tier = Tier::kDedicated;
  ASSERT_THAT(daemon().daemon->loop().apply({desired, std::nullopt, "test"},
                                            {[](const Plan&) {}, [](const api::StepProgress&) {},
                                             [](const api::ApplyOutcome&) {}}),
              IsOk());
  machine.sim.advance(1s);
  ASSERT_TRUE(daemon().daemon->loop().is_busy());

  EXPECT_THAT(revoke("alpha", made->record.key_id), IsOk());
  EXPECT_TRUE(daemon().daemon->loop().is_busy());
  EXPECT_THAT(keys_file("alpha"), Not(HasSubstr(made->record.sha256)));
  EXPECT_THAT(create("alpha"), FailsWith(ErrorCode::kConflict));

  machine.sim.advance(60s);
  expect_converged(desired);
  EXPECT_THAT(keys_file("alpha"), Not(HasSubstr(made->record.sha256)));
}

TEST_F(ApiKeysSim, AnInstanceThatIsReconnectingIsToldAgain) {
  const Result<NewApiKey> made = create("alpha");
  const int before = reloads("alpha");
  machine.instances.drop_channel(machine.instances.holders(tenant("alpha")).front());

  ASSERT_THAT(revoke("alpha", made->record.key_id), IsOk());

  EXPECT_EQ(reloads("alpha"), before + 1);
}

TEST_F(ApiKeysSim, AKeyThatItsInstanceCannotLearnIsNotMade) {
  const Result<NewApiKey> old = create("alpha");
  refuse_reloads();

  EXPECT_THAT(create("alpha"), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(rotate("alpha", old->record.key_id, 1h), FailsWith(ErrorCode::kInvalidArgument));

  ASSERT_THAT(keys().of(tenant("alpha")), SizeIs(1));
  EXPECT_EQ(keys().of(tenant("alpha")).front(), old->record);
  EXPECT_THAT(machine.registry->keys, SizeIs(1));
  EXPECT_EQ(state("alpha", old->record.key_id), ApiKeyState::kActive);
}

TEST_F(ApiKeysSim, AnInstanceThatCannotObeyIsNamed) {
  const Result<NewApiKey> made = create("alpha");
  refuse_reloads();

  const Status revoked = revoke("alpha", made->record.key_id);

  ASSERT_THAT(revoked, FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(revoked.error().text(), HasSubstr("is revoked, but not everywhere yet"));
  EXPECT_EQ(state("alpha", made->record.key_id), ApiKeyState::kRevoked);
}

TEST_F(ApiKeysSim, WhatAKilledDaemonHadRevokedIsToldByTheNextOne) {
  const Result<NewApiKey> made = create("alpha");
  const int before = reloads("alpha");
  // Killed between the registry's write and the file's.
  keys().revoke(tenant("alpha"), made->record.key_id, [](const Status&) {});
  daemon().plan.kill_at(daemon().plan.calls() + 1, KillPoint::kBeforeEffect);
  try {
    machine.sim.advance(1s);
  } catch (const DaemonKilled&) {
  }
  ASSERT_THAT(keys_file("alpha"), HasSubstr(made->record.sha256));
  kill_daemon();

  start_daemon();
  machine.sim.advance(1s);

  EXPECT_THAT(keys_file("alpha"), Not(HasSubstr(made->record.sha256)));
  EXPECT_EQ(reloads("alpha"), before + 1);
}

TEST_F(ApiKeysSim, AFullDiskLeavesTheKeyInForce) {
  const Result<NewApiKey> made = create("alpha");
  machine.registry->failure = Error(ErrorCode::kResourceExhausted, "cannot write: disk full");

  EXPECT_THAT(revoke("alpha", made->record.key_id), FailsWith(ErrorCode::kResourceExhausted));
  machine.registry->failure.reset();

  EXPECT_EQ(state("alpha", made->record.key_id), ApiKeyState::kActive);
  EXPECT_THAT(revoke("alpha", made->record.key_id), IsOk());
}

TEST_F(ApiKeysSim, EndedKeysAreListedForAMonth) {
  const std::string id = create("alpha")->record.key_id;
  ASSERT_THAT(revoke("alpha", id), IsOk());
  EXPECT_THAT(keys().of(tenant("alpha")), SizeIs(1));

  kill_daemon();
  machine.registry->keys.at({tenant("alpha"), id}).revoked_at = machine.wall.now() - 30 * 24h;
  start_daemon();

  EXPECT_THAT(keys().of(tenant("alpha")), IsEmpty());
  ASSERT_THAT(create("alpha"), IsOk());
  EXPECT_THAT(machine.registry->keys, SizeIs(1));
}

TEST_F(ApiKeysSim, ATenantHasABoundedNumberOfKeys) {
  for (std::size_t i = 0; i < kMostApiKeys; ++i) {
    ASSERT_THAT(create("alpha"), IsOk());
  }

  EXPECT_THAT(create("alpha"), FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_THAT(create("beta"), IsOk());
}

TEST_F(ApiKeysSim, RefusesWhatIsNoKey) {
  EXPECT_THAT(create("nobody"), FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(create("alpha", {"root"}), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(create("alpha", {"staff", 0s}), FailsWith(ErrorCode::kInvalidArgument));
}

TEST_F(ApiKeysSim, DeletingATenantErasesItsKeysForWhoeverTakesTheNameNext) {
  const Result<NewApiKey> doomed = create("beta");
  const Result<NewApiKey> kept = create("alpha");

  apply(platform_with({"alpha"}));
  EXPECT_THAT(keys().of(tenant("beta")), IsEmpty());
  EXPECT_THAT(machine.registry->keys, SizeIs(1));
  for (const auto& [path, entry] : machine.files.entries()) {
    EXPECT_THAT(entry.content, Not(HasSubstr(doomed->record.sha256))) << path;
  }
  apply(platform_with({"alpha", "beta"}));

  EXPECT_THAT(keys().of(tenant("beta")), IsEmpty());
  EXPECT_THAT(keys_file("beta"), Not(HasSubstr(doomed->record.sha256)));
  EXPECT_THAT(keys_file("alpha"), HasSubstr(kept->record.sha256));
  kill_daemon();
  start_daemon();
  EXPECT_THAT(keys().of(tenant("beta")), IsEmpty());
  EXPECT_THAT(keys_file("beta"), Not(HasSubstr(doomed->record.sha256)));
}

}  // namespace
}  // namespace voicectl
