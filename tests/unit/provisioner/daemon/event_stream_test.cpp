// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/event_stream.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "tests/support/keeping_sink.h"
#include "tests/support/registry/memory_registry.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;

/// A reader that is never slow.
class Reader final : public ResponseStream {
 public:
  void write(std::string_view piece) override { lines.push_back(Json::parse(piece)); }
  void end() override { has_ended = true; }
  bool is_open() const override { return !has_ended; }
  std::size_t unsent() const override { return 0; }
  void on_drained(std::function<void()> task) override { task(); }
  void on_gone(std::function<void()>) override {}

  std::vector<Json> lines;
  bool has_ended = false;
};

class EventStreamTest : public ::testing::Test {
 protected:
  /// The registry keeps events from number `first` on, `count` of them.
  void keep(std::int64_t first, std::size_t count) {
    store_->last_event = first - 1;
    std::vector<EventRecord> events(count, EventRecord{0, WallTime{}, "a.b", "daemon", "{}"});
    ASSERT_TRUE(registry_->append_events(std::move(events)).has_value());
  }
  /// Numbers of what was shown after `after`, with how many were missed before each.
  std::vector<std::pair<int, int>> shown_after(std::int64_t after) {
    const auto reader = std::make_shared<Reader>();
    EventStream::show(queue_, reader, after);
    sim_.settle();
    EXPECT_TRUE(reader->has_ended);
    std::vector<std::pair<int, int>> out;
    for (const Json& line : reader->lines) {
      out.emplace_back(line.at("number"), line.value("missed", 0));
    }
    return out;
  }

  SimReactor sim_;
  SimOffload offload_{sim_};
  std::shared_ptr<RegistryStore> store_ = std::make_shared<RegistryStore>();
  std::unique_ptr<Registry> registry_ = open_memory_registry(store_);
  RegistryQueue queue_{*registry_, offload_};
  KeepingSink sink_;
  SimWallClock wall_{sim_};
  Log log_{sink_, wall_};
};

TEST_F(EventStreamTest, WhoComesTooLateIsToldHowManyAreNotKeptAnyMore) {
  keep(100, 3);

  EXPECT_THAT(shown_after(90),
              ElementsAre(std::pair(100, 9), std::pair(101, 0), std::pair(102, 0)));
}

TEST_F(EventStreamTest, OneThatCannotBeReadOnIsToldOfNothingMore) {
  const auto reader = std::make_shared<Reader>();
  EventLog events(sim_, queue_, wall_, log_);
  store_->epoch = Epoch{99};  // nothing can be read any more
  EventStream::follow(queue_, events, reader, 0);
  sim_.settle();

  EXPECT_TRUE(reader->has_ended);
  EXPECT_EQ(reader.use_count(), 1) << "it stays among those who follow for ever";
}

TEST_F(EventStreamTest, WhoMissesNothingIsToldNothing) {
  keep(100, 3);

  EXPECT_THAT(shown_after(99),
              ElementsAre(std::pair(100, 0), std::pair(101, 0), std::pair(102, 0)));
  EXPECT_THAT(shown_after(101), ElementsAre(std::pair(102, 0)));
  // Whoever asks for all that there is.
  EXPECT_EQ(shown_after(0).front(), std::pair(100, 0));
}

}  // namespace
}  // namespace voicectl
