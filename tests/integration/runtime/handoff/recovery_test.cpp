// SPDX-License-Identifier: Apache-2.0
// A tenant whose process dies: what the next one goes on with.
#include "runtime/service/recovery.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "runtime/parking/parking_lot.h"
#include "runtime/tenant/live_api.h"
#include "tests/integration/runtime/handoff/passage.h"
#include "tests/support/matchers.h"

namespace voicectl::handoff {
namespace {

using parking::Doubt;
using parking::kSlotBytes;
using parking::ParkedConnection;
using runtime::RecoveredCount;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr const char* kOrder = R"({"customer_name":"Ann","order_type":"Takeaway",)"
                               R"("items":[{"item_name":"margherita pizza","quantity":1}]})";

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest() {
    auto ends = channels.make_pair();
    keeper = channels.adopt(std::move(ends->second));
    keeper->start({[this](const std::string& text, std::vector<UniqueFd> descriptors) {
                     take(text, std::move(descriptors));
                   },
                   [] {}});
    EXPECT_THAT(lot.use_lane(channels.adopt(std::move(ends->first))), IsOk());
    passage.world.parking = &lot;
  }
  ~RecoveryTest() override { passage.source.host.reset(); }

  void take(const std::string& text, std::vector<UniqueFd> descriptors) {
    if (text.starts_with("hello")) {
      memory = std::move(descriptors.at(0));
    }
    if (!text.starts_with("park")) {
      return;
    }
    std::size_t at = text.find(' ', text.find(' ', text.find(' ') + 1) + 1);
    for (UniqueFd& socket : descriptors) {
      const std::size_t colon = text.find(':', at);
      kept[std::stoul(text.substr(at + 1))] = {
          std::move(socket), static_cast<std::uint32_t>(std::stoul(text.substr(colon + 1)))};
      at = text.find(' ', at + 1);
    }
  }
  /// To a process that parks what it has.
  void move_tenant() {
    passage.begin();
    passage.finish();
    ASSERT_TRUE(passage.report->is_handed_over);
  }
  bool is_parked(std::size_t count) {
    return passage.world.run_until([&] { return lot.parked() == count && kept.size() >= count; });
  }
  std::string slot_bytes(std::size_t slot) const {
    std::string bytes(kSlotBytes, '\0');
    EXPECT_EQ(
        ::pread(memory.get(), bytes.data(), bytes.size(), static_cast<off_t>(slot * kSlotBytes)),
        static_cast<ssize_t>(kSlotBytes));
    return bytes;
  }
  /// The process dies; the next one is there and serves. Returns what was left.
  std::vector<ParkedConnection> die() {
    std::vector<ParkedConnection> left;
    for (auto& [slot, one] : kept) {
      left.push_back({std::move(one.first), parking::read_slot(slot_bytes(slot), one.second)});
    }
    kept.clear();
    passage.source.host->freeze();  // its sockets are closed, as death does it, and not shut down
    passage.kill_source();
    auto served = passage.world.open("acme", FencingToken{100});
    EXPECT_THAT(served, IsOk());
    passage.source = std::move(*served);
    return left;
  }
  void order(const std::string& session) {
    EXPECT_EQ(passage.world.run_tool(passage.source, session, kOrder).status, 200);
  }
  static std::size_t count(const BytePeer& peer) {
    std::size_t sum = 0;
    for (std::size_t at = 0; (at = peer.received().find("{\"seq\":", at)) != std::string::npos;
         ++at) {
      ++sum;
    }
    return sum;
  }
  /// All numbers from `first` on, each once and in their order, as one who comes new is told them.
  void expect_whole(const BytePeer& peer, const std::string& path, std::size_t first) {
    const auto fresh = passage.follower(path + "&after=" + std::to_string(first - 1));
    ASSERT_TRUE(passage.world.run_until([&] {
      return count(*fresh) > 0 && count(peer) == count(*fresh);
    })) << count(peer)
        << " of " << count(*fresh);
    std::size_t at = 0;
    for (std::size_t seq = first; seq < first + count(*fresh); ++seq) {
      const std::size_t found = peer.received().find("{\"seq\":" + std::to_string(seq) + ",", at);
      ASSERT_NE(found, std::string::npos) << seq;
      at = found + 1;
    }
  }

  Passage passage;
  PosixFdChannelFactory channels{passage.world.reactor(), passage.world.reactor()};
  parking::ParkingLot lot{passage.world.reactor(), runtime::kept_follower_layout()};
  std::unique_ptr<FdChannel> keeper;
  UniqueFd memory;
  std::map<std::size_t, std::pair<UniqueFd, std::uint32_t>> kept;
};

TEST_F(RecoveryTest, FollowersGoOnBehindTheLastNumberTheyHad) {
  move_tenant();
  const std::string session = runtime::member(passage.create_session().body, "session_id");
  const std::string path = "/ws/sessions/" + session + "?x=";
  const auto staff = passage.follower("/ws/staff?x=");
  const auto caller = passage.follower(path);
  order(session);
  ASSERT_TRUE(is_parked(2));
  ASSERT_TRUE(passage.world.run_until([&] { return count(*staff) > 0 && count(*caller) > 1; }));
  const std::size_t first =
      std::stoul(staff->received().substr(staff->received().find("{\"seq\":") + 7));

  auto left = die();
  order(session);
  const RecoveredCount counted = passage.source.host->recover(std::move(left));
  EXPECT_EQ(lot.parked(), 2U) << "they outlive this one too, from the same turn on";
  order(session);

  EXPECT_EQ(counted.kept, 2U);
  EXPECT_THAT(counted.doubtful, IsEmpty());
  expect_whole(*staff, "/ws/staff?x=", first);
  expect_whole(*caller, path, 1);
  EXPECT_TRUE(is_parked(2));
}

TEST_F(RecoveryTest, ThoseThatCameFromAnotherProcessAndHeardNothingSinceGoOnToo) {
  const std::string session = runtime::member(passage.create_session().body, "session_id");
  const std::string path = "/ws/sessions/" + session + "?x=";
  const auto caller = passage.follower(path);
  const auto staff = passage.follower("/ws/staff?after=0");
  order(session);
  ASSERT_TRUE(passage.world.run_until([&] { return count(*staff) > 3 && count(*caller) > 3; }));
  move_tenant();
  ASSERT_TRUE(is_parked(2));
  // What happens to others is not theirs.
  const std::string other = runtime::member(passage.create_session().body, "session_id");

  auto left = die();
  order(other);
  order(session);
  const RecoveredCount counted = passage.source.host->recover(std::move(left));
  order(session);

  EXPECT_EQ(counted.kept, 2U);
  expect_whole(*caller, path, 1);
  expect_whole(*staff, "/ws/staff?x=", 1);
}

TEST_F(RecoveryTest, OneThatIsMovedWhileItCatchesUpMissesNothing) {
  const std::string session = runtime::member(passage.create_session().body, "session_id");
  const std::string path = "/ws/sessions/" + session + "?x=";
  const auto caller = passage.follower(path);
  ASSERT_TRUE(passage.world.run_until([&] { return count(*caller) > 0; }));
  move_tenant();
  ASSERT_TRUE(is_parked(1));
  auto left = die();
  order(session);

  // The replay has been asked for, and has not been answered.
  passage.source.host->recover(std::move(left));
  passage.begin();
  passage.finish();
  order(session);

  expect_whole(*caller, path, 1);
}

TEST_F(RecoveryTest, OneInDoubtIsClosedAndTheOthersGoOn) {
  move_tenant();
  const auto one = passage.follower();
  ASSERT_TRUE(is_parked(1));
  const auto two = passage.follower();
  ASSERT_TRUE(is_parked(2));
  auto left = die();
  left.at(0).state = Doubt::kReading;

  const RecoveredCount counted = passage.source.host->recover(std::move(left));
  passage.create_session();

  EXPECT_EQ(counted.kept, 1U);
  EXPECT_THAT(counted.doubtful, ElementsAre(Pair("reading", 1U)));
  EXPECT_TRUE(passage.world.run_until([&] { return one->has_ended() && count(*two) == 2; }));
  EXPECT_EQ(count(*one), 0U);
}

TEST_F(RecoveryTest, WhatCannotBeGoneOnWithIsClosed) {
  move_tenant();
  const auto peer = passage.follower();
  ASSERT_TRUE(is_parked(1));
  auto left = die();
  std::get<parking::ParkedState>(left.at(0).state).note = "of another version";

  const RecoveredCount counted = passage.source.host->recover(std::move(left));

  EXPECT_THAT(counted.doubtful, ElementsAre(Pair("broken", 1U)));
  EXPECT_TRUE(passage.world.run_until([&] { return peer->received().size() > 2; }));
  EXPECT_EQ(peer->received().substr(0, 1), "\x88");
}

/// The holder's side of what is given to the next instance.
class RecoveryGiftTest : public RecoveryTest {
 protected:
  RecoveryGiftTest() {
    auto ends = channels.make_pair();
    giver = channels.adopt(std::move(ends->second));
    giver->start({[this](const std::string& text, std::vector<UniqueFd>) { said.push_back(text); },
                  [this] { is_gone = true; }});
    recovery.emplace(passage.world.reactor(), channels.adopt(std::move(ends->first)),
                     runtime::kept_follower_layout());
  }
  /// A follower that outlived its process is offered.
  void offer() {
    move_tenant();
    follower = passage.follower();
    ASSERT_TRUE(is_parked(1));
    const auto& [slot, one] = *kept.begin();
    const std::string bytes = slot_bytes(slot);
    const std::uint32_t generation = one.second;
    auto left = die();
    ASSERT_THAT(giver->send(fmt::format("slots 1 {} {}\n{}", runtime::kept_follower_layout(),
                                        generation, bytes),
                            {left.at(0).socket.get()}),
                IsOk());
  }
  void serve() {
    recovery->serve(*passage.source.host,
                    [this](const RecoveredCount& counted) { recovered = counted; });
  }

  std::unique_ptr<FdChannel> giver;
  std::vector<std::string> said;
  bool is_gone = false;
  std::optional<runtime::Recovery> recovery;
  std::unique_ptr<BytePeer> follower;
  std::optional<RecoveredCount> recovered;
};

TEST_F(RecoveryGiftTest, ThoseThatComeBeforeTheTenantIsOpenWaitForIt) {
  offer();
  EXPECT_THAT(giver->send("end", {}), IsOk());
  ASSERT_TRUE(passage.world.run_until([&] { return !said.empty() || follower != nullptr; }));
  EXPECT_THAT(said, IsEmpty());

  serve();

  ASSERT_TRUE(passage.world.run_until([&] { return recovered && !said.empty(); }));
  EXPECT_EQ(recovered->kept, 1U);
  EXPECT_THAT(said, ElementsAre("took 1"));
  EXPECT_TRUE(passage.world.run_until([&] { return is_gone; })) << "one more socket per tenant";
  passage.create_session();
  EXPECT_TRUE(passage.world.run_until([&] { return count(*follower) == 2; }));
}

TEST_F(RecoveryGiftTest, WhereNothingWasLeftNobodyIsListenedToAnyMore) {
  EXPECT_THAT(giver->send("end", {}), IsOk());

  EXPECT_TRUE(passage.world.run_until([&] { return is_gone; }));

  serve();
  ASSERT_TRUE(recovered);
  EXPECT_EQ(recovered->kept, 0U);
}

TEST_F(RecoveryGiftTest, WhatIsSomebodyElsesByNowIsNotTouched) {
  offer();
  giver.reset();

  serve();

  ASSERT_TRUE(passage.world.run_until([&] { return recovered.has_value(); }));
  EXPECT_EQ(recovered->kept, 0U);
  passage.create_session();
  EXPECT_EQ(count(*follower), 0U);
}

TEST_F(RecoveryGiftTest, WhatWasNotTakenInTimeIsLeftToTheNext) {
  offer();

  recovery->stop();

  ASSERT_TRUE(passage.world.run_until([&] { return is_gone; }));
  EXPECT_THAT(said, IsEmpty());
  serve();
  EXPECT_EQ(recovered->kept, 0U);
}

}  // namespace
}  // namespace voicectl::handoff
