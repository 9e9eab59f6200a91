// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>

#include "runtime/redis/redis_store.h"
#include "runtime/session/tenant_database.h"
#include "tests/support/matchers.h"
#include "tests/support/power/child.h"
#include "tests/support/power/power_loss.h"
#include "tests/support/redis/redis_server.h"

namespace voicectl::runtime {
namespace {

constexpr WallTime kNow{std::chrono::milliseconds(1'800'000'000'000)};
constexpr std::int64_t kCuts[] = {1, 7, 40, 90, 200};

/// Reads acknowledgements until one reaches `count`, or none come any more.
std::uint64_t read_turns(Child& writer, std::int64_t count) {
  std::int64_t last = 0;
  while (last < count) {
    const std::optional<std::string> line = writer.read_line();
    if (!line) {
      break;
    }
    last = std::stoll(*line);
  }
  return static_cast<std::uint64_t>(last);
}

/// Turns 1 to at least `acknowledged` are whole: each event once, each effect owed or delivered.
void expect_turns(const StoreContents& contents,
                  const std::vector<SessionEvent>& events,
                  std::uint64_t acknowledged) {
  const std::uint64_t last = contents.last_tenant_seq;
  EXPECT_GE(last, acknowledged) << "acknowledged turns were lost";
  ASSERT_EQ(events.size(), last);
  for (std::uint64_t i = 0; i < last; ++i) {
    EXPECT_EQ(events[i].tenant_seq, i + 1);
  }
  EXPECT_EQ(contents.sessions.size(), last);
  // The last turn's effect is owed, those before it were delivered, and no number comes again.
  ASSERT_EQ(contents.outbox.size(), last > 0 ? 1U : 0U);
  EXPECT_EQ(contents.outbox.front().id, last);
  EXPECT_EQ(contents.last_outbox_id, last);
}

class TenantPowerLoss : public PowerLossTest {};

TEST_F(TenantPowerLoss, TheEmbeddedStoreLosesAndDoublesNothingThatWasAcknowledged) {
  for (const std::int64_t cut_after : kCuts) {
    const std::string path = mount_point_ + "/tenant-" + std::to_string(cut_after) + ".db";
    Child writer({VOICECTL_TENANT_WRITER, path});
    ASSERT_GE(read_turns(writer, cut_after), 1U);

    writer.fall_silent();
    ASSERT_NO_FATAL_FAILURE(cut_power());
    if (IsSkipped()) {
      return;
    }
    writer.kill_now();
    const std::uint64_t more = read_turns(writer, INT64_MAX);
    ASSERT_NO_FATAL_FAILURE(restart_machine());

    Result<TenantDatabase> database = TenantDatabase::open(path, FencingToken{2});
    ASSERT_THAT(database, IsOk());
    const Result<StoreContents> contents = database->load(kNow);
    ASSERT_THAT(contents, IsOk());
    expect_turns(*contents, *database->read_tenant_events(0, 1'000'000),
                 std::max(static_cast<std::uint64_t>(cut_after), more));
  }
}

TEST_F(TenantPowerLoss, AKilledWriterLosesNothingOfTheEmbeddedStoreEither) {
  for (const std::int64_t kill_after : kCuts) {
    const std::string path = mount_point_ + "/killed-" + std::to_string(kill_after) + ".db";
    Child writer({VOICECTL_TENANT_WRITER, path});
    ASSERT_GE(read_turns(writer, kill_after), 1U);
    writer.kill_now();
    const std::uint64_t more = read_turns(writer, INT64_MAX);

    Result<TenantDatabase> database = TenantDatabase::open(path, FencingToken{2});
    ASSERT_THAT(database, IsOk());
    expect_turns(*database->load(kNow), *database->read_tenant_events(0, 1'000'000),
                 std::max(static_cast<std::uint64_t>(kill_after), more));
  }
}

TEST_F(TenantPowerLoss, TheRedisStoreLosesNothingWhenTheServerSyncsAlways) {
  for (const std::int64_t cut_after : {3, 60, 150}) {
    const std::string folder = mount_point_ + "/redis-" + std::to_string(cut_after);
    ASSERT_TRUE(succeeds({"mkdir", folder}));
    RedisServer server({"--dir", folder, "--appendonly", "yes", "--appendfsync", "always"});
    Child writer({VOICECTL_TENANT_WRITER, server.url()});
    ASSERT_GE(read_turns(writer, cut_after), 1U);

    writer.fall_silent();
    ASSERT_NO_FATAL_FAILURE(cut_power());
    if (IsSkipped()) {
      return;
    }
    server.kill();
    writer.kill_now();
    const std::uint64_t more = read_turns(writer, INT64_MAX);
    ASSERT_NO_FATAL_FAILURE(restart_machine());
    server.start();

    RealLoop loop;
    SeededRandom random{5};
    RedisStore store({loop.reactor(), random, server.client_options(),
                      RedisKeys(*TenantId::parse("acme")), FencingToken{2}, nullptr});
    std::optional<Result<StoreContents>> contents;
    store.open(kNow, [&](Result<StoreContents> got) { contents.emplace(std::move(got)); });
    ASSERT_TRUE(loop.run_until([&] { return contents.has_value(); }, std::chrono::seconds(30)));
    ASSERT_THAT(*contents, IsOk());
    std::optional<Result<std::vector<SessionEvent>>> events;
    store.read_tenant_events(0, 1'000'000, [&](Result<std::vector<SessionEvent>> got) {
      events.emplace(std::move(got));
    });
    ASSERT_TRUE(loop.run_until([&] { return events.has_value(); }, std::chrono::seconds(30)));
    ASSERT_THAT(*events, IsOk());
    expect_turns(**contents, **events, std::max(static_cast<std::uint64_t>(cut_after), more));
    server.kill();
  }
}

}  // namespace
}  // namespace voicectl::runtime
