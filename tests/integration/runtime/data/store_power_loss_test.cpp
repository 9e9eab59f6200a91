// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "runtime/redis/redis_store.h"
#include "runtime/session/tenant_database.h"
#include "tests/integration/runtime/data/tenant_turns.h"
#include "tests/support/matchers.h"
#include "tests/support/power/child.h"
#include "tests/support/power/power_loss.h"
#include "tests/support/redis/redis_server.h"

namespace voicectl::runtime {
namespace {

/// Far enough for the log of the database to have been begun anew, and for Redis to have rewritten
/// nothing.
constexpr std::uint64_t kMostTurns = 250;

/// In which turns power is lost: other ones in every run.
struct Cuts {
  std::size_t count;
  /// No cut begins later; what a test of the gate may take.
  std::chrono::seconds within;
};
constexpr Cuts kGate{30, std::chrono::seconds(60)};
constexpr Cuts kMany{300, std::chrono::hours(1)};

/// VOICECTL_POWER_SEED repeats what another run drew. When exactly the disk is cut off in a turn
/// nobody can repeat.
std::uint64_t choose_seed() {
  const char* const given = std::getenv("VOICECTL_POWER_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

/// Reads acknowledgements until one reaches `count`, or none come any more.
std::uint64_t read_turns(Child& writer, std::uint64_t count) {
  std::uint64_t last = 0;
  while (last < count) {
    const std::optional<std::string> line = writer.read_line();
    if (!line) {
      break;
    }
    last = std::stoull(*line);
  }
  return last;
}

/// What a store holds after a loss of power.
struct Found {
  StoreContents contents;
  std::vector<SessionEvent> events;
  UsageTotal usage;
};

/// Turns 1 to at least `acknowledged` are whole: each event once, each effect owed or delivered,
/// each session's usage counted once.
void expect_turns(const Found& found, std::uint64_t acknowledged) {
  const StoreContents& contents = found.contents;
  const std::uint64_t last = contents.last_tenant_seq;
  EXPECT_GE(last, acknowledged) << "acknowledged turns were lost";
  ASSERT_EQ(found.events.size(), last);
  for (std::uint64_t i = 0; i < last; ++i) {
    EXPECT_EQ(found.events[i].tenant_seq, i + 1);
  }
  EXPECT_EQ(contents.sessions.size(), last);
  // The last turn's effect is owed, those before it were delivered, and no number comes again.
  ASSERT_EQ(contents.outbox.size(), last > 0 ? 1U : 0U);
  EXPECT_EQ(contents.outbox.front().id, last);
  EXPECT_EQ(contents.last_outbox_id, last);
  const UsageTotal expected = turns::usage_after(last);
  EXPECT_EQ(contents.sessions_this_month, last);
  EXPECT_EQ(found.usage.sessions, expected.sessions);
  EXPECT_EQ(found.usage.duration, expected.duration);
  EXPECT_EQ(found.usage.billed_duration, expected.billed_duration);
  EXPECT_EQ(found.usage.tool_calls, expected.tool_calls);
}

void expect_embedded(const std::string& path, std::uint64_t acknowledged) {
  Result<TenantDatabase> database = TenantDatabase::open(path, FencingToken{2});
  ASSERT_THAT(database, IsOk());
  const Result<StoreContents> contents = database->load(turns::kBegin);
  ASSERT_THAT(contents, IsOk());
  expect_turns({*contents, *database->read_tenant_events(0, 1'000'000),
                *database->read_usage(turns::kBegin)},
               acknowledged);
}

/// Waits for what `ask` brings.
template <typename T>
Result<T> wait_for(RealLoop& loop, const std::function<void(Completion<T>)>& ask) {
  std::optional<Result<T>> answer;
  ask([&](Result<T> got) { answer.emplace(std::move(got)); });
  EXPECT_TRUE(loop.run_until([&] { return answer.has_value(); }, std::chrono::seconds(30)));
  return answer ? *answer : Error(ErrorCode::kTimeout, "cannot see an answer");
}

void expect_redis(const RedisServer& server, std::uint64_t acknowledged) {
  RealLoop loop;
  SeededRandom random{5};
  RedisStore store({loop.reactor(), random, server.client_options(),
                    RedisKeys(*TenantId::parse("acme")), FencingToken{2}, nullptr});
  const Result<StoreContents> contents =
      wait_for<StoreContents>(loop, [&](auto done) { store.open(turns::kBegin, std::move(done)); });
  ASSERT_THAT(contents, IsOk());
  const auto events = wait_for<std::vector<SessionEvent>>(
      loop, [&](auto done) { store.read_tenant_events(0, 1'000'000, std::move(done)); });
  ASSERT_THAT(events, IsOk());
  const Result<UsageTotal> usage = wait_for<UsageTotal>(
      loop, [&](auto done) { store.read_usage(turns::kBegin, std::move(done)); });
  ASSERT_THAT(usage, IsOk());
  expect_turns({*contents, *events, *usage}, acknowledged);
}

class TenantPowerLoss : public PowerLossTest {
 protected:
  /// Runs `test` with another turn each time.
  void at_each(const Cuts& cuts, const std::function<void(std::uint64_t turn)>& test) {
    const std::uint64_t seed = choose_seed();
    std::mt19937_64 random(seed);
    const auto begin = std::chrono::steady_clock::now();
    std::size_t done = 0;
    while (done < cuts.count && std::chrono::steady_clock::now() - begin < cuts.within) {
      const std::uint64_t turn = 1 + random() % kMostTurns;
      SCOPED_TRACE(fmt::format("VOICECTL_POWER_SEED={}, cut {} after turn {}", seed, done, turn));
      test(turn);
      if (HasFailure() || IsSkipped()) {
        break;
      }
      ++done;
    }
    fmt::print("VOICECTL_POWER_SEED={}: {} cuts\n", seed, done);
    RecordProperty("seed", std::to_string(seed));
    RecordProperty("cuts", std::to_string(done));
  }

  void cut_embedded(std::uint64_t turn) {
    const std::string path = mount_point_ + "/tenant.db";
    Child writer({VOICECTL_TENANT_WRITER, path});
    ASSERT_GE(read_turns(writer, turn), 1U);

    writer.fall_silent();
    ASSERT_NO_FATAL_FAILURE(cut_power());
    if (IsSkipped()) {
      return;
    }
    writer.kill_now();
    const std::uint64_t more = read_turns(writer, UINT64_MAX);
    ASSERT_NO_FATAL_FAILURE(restart_machine());

    ASSERT_NO_FATAL_FAILURE(expect_embedded(path, std::max(turn, more)));
    empty_the_disk();
  }

  void kill_embedded(std::uint64_t turn) {
    const std::string path = mount_point_ + "/killed.db";
    Child writer({VOICECTL_TENANT_WRITER, path});
    ASSERT_GE(read_turns(writer, turn), 1U);
    writer.kill_now();
    const std::uint64_t more = read_turns(writer, UINT64_MAX);

    ASSERT_NO_FATAL_FAILURE(expect_embedded(path, std::max(turn, more)));
    empty_the_disk();
  }

  void cut_redis(std::uint64_t turn) {
    const std::string folder = mount_point_ + "/redis";
    ASSERT_TRUE(succeeds({"mkdir", folder}));
    RedisServer server({"--dir", folder, "--appendonly", "yes", "--appendfsync", "always"});
    Child writer({VOICECTL_TENANT_WRITER, server.url()});
    ASSERT_GE(read_turns(writer, turn), 1U);

    writer.fall_silent();
    ASSERT_NO_FATAL_FAILURE(cut_power());
    if (IsSkipped()) {
      return;
    }
    server.kill();
    writer.kill_now();
    const std::uint64_t more = read_turns(writer, UINT64_MAX);
    ASSERT_NO_FATAL_FAILURE(restart_machine());
    server.start();

    ASSERT_NO_FATAL_FAILURE(expect_redis(server, std::max(turn, more)));
    server.kill();
    empty_the_disk();
  }

 private:
  void empty_the_disk() {
    for (const auto& entry : std::filesystem::directory_iterator(mount_point_)) {
      if (entry.path().filename() != "lost+found") {
        std::filesystem::remove_all(entry.path());
      }
    }
  }
};

TEST_F(TenantPowerLoss, TheEmbeddedStoreLosesAndDoublesNothingThatWasAcknowledged) {
  at_each(kGate, [this](std::uint64_t turn) { cut_embedded(turn); });
}

TEST_F(TenantPowerLoss, AKilledWriterLosesNothingOfTheEmbeddedStoreEither) {
  at_each(kGate, [this](std::uint64_t turn) { kill_embedded(turn); });
}

TEST_F(TenantPowerLoss, TheRedisStoreLosesNothingWhenTheServerSyncsAlways) {
  at_each(kGate, [this](std::uint64_t turn) { cut_redis(turn); });
}

// data_integration_test --gtest_also_run_disabled_tests --gtest_filter='*AtManyPoints'
TEST_F(TenantPowerLoss, DISABLED_TheEmbeddedStoreAtManyPoints) {
  at_each(kMany, [this](std::uint64_t turn) { cut_embedded(turn); });
}

TEST_F(TenantPowerLoss, DISABLED_TheRedisStoreAtManyPoints) {
  at_each(kMany, [this](std::uint64_t turn) { cut_redis(turn); });
}

}  // namespace
}  // namespace voicectl::runtime
