// SPDX-License-Identifier: Apache-2.0
#include "runtime/parking/parking_lot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/fake_fd_channel.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_reactor.h"

namespace voicectl::parking {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ParkingLotTest : public ::testing::Test {
 protected:
  /// A new lane; what comes through it is in `heard`.
  std::unique_ptr<FdChannel> make_lane() {
    FakeChannelHub::Pair pair = hub.make_pair();
    keeper = std::move(pair.second);
    FdChannel::Handlers handlers;
    handlers.on_message = [this](std::string text, const std::vector<UniqueFd>& descriptors) {
      if (text.starts_with("hello")) {
        memory = descriptors.at(0).duplicate();
      }
      heard.push_back(std::move(text));
      sockets.push_back(descriptors.size());
    };
    keeper->start(std::move(handlers));
    return std::move(pair.first);
  }
  void open() {
    ASSERT_THAT(lot.use_lane(make_lane()), IsOk());
    sim.settle();
    heard.clear();
    sockets.clear();
  }

  static std::vector<ParkingSpace> park(ParkingGate& gate, std::size_t count) {
    return gate.park(std::vector<ParkingGate::Request>(count, {STDIN_FILENO, "tag"})).spaces;
  }
  static ParkingSpace park(ParkingGate& gate) {
    return std::move(gate.park({{STDIN_FILENO, "tag"}}).spaces.front());
  }

  SimReactor sim;
  FakeChannelHub hub{sim};
  ParkingLot lot{sim, "layout-1"};
  ParkingGate acme{lot, "acme"};
  std::unique_ptr<FdChannel> keeper;
  std::vector<std::string> heard;
  std::vector<std::size_t> sockets;
  UniqueFd memory;
};

TEST_F(ParkingLotTest, ParksNothingWithoutALane) {
  EXPECT_FALSE(park(acme).is_taken());
  EXPECT_EQ(lot.parked(), 0U);
}

TEST_F(ParkingLotTest, BeginsALaneWithItsMemory) {
  ASSERT_THAT(lot.use_lane(make_lane()), IsOk());
  sim.settle();

  EXPECT_THAT(heard, ElementsAre("hello layout-1"));
  EXPECT_THAT(sockets, ElementsAre(1U));
}

TEST_F(ParkingLotTest, TellsOfEachConnectionOnceAndOfItsEnd) {
  open();

  ParkingSpace space = park(acme);
  ASSERT_TRUE(space.is_taken());
  space.settle({"note", "", "", 0, 0, false});
  space.doubt(SlotMark::kReading);
  EXPECT_EQ(lot.parked(), 1U);
  space.leave();
  sim.settle();

  EXPECT_THAT(heard, ElementsAre("park acme 0 1:1", "leave 1:1"));
  EXPECT_THAT(sockets, ElementsAre(1U, 0U));
  EXPECT_EQ(lot.parked(), 0U);
}

TEST_F(ParkingLotTest, ASpaceThatDiesIsLeft) {
  open();
  {
    const ParkingSpace one = park(acme);
    ParkingSpace two;
    two = park(acme);
    EXPECT_EQ(lot.parked(), 2U);
  }
  EXPECT_EQ(lot.parked(), 0U);
}

TEST_F(ParkingLotTest, NothingIsParkedOnceTheLaneIsGoneAndGatesAreToldOfTheNextOne) {
  open();
  int lanes = 0;
  acme.when_lane_comes([&] { ++lanes; });
  ParkingSpace space = park(acme);
  keeper.reset();
  sim.settle();
  EXPECT_FALSE(lot.has_lane());
  EXPECT_FALSE(space.is_taken());
  EXPECT_FALSE(park(acme).is_taken());
  EXPECT_EQ(lot.parked(), 0U);
  EXPECT_EQ(lanes, 0);
  heard.clear();

  ASSERT_THAT(lot.use_lane(make_lane()), IsOk());
  EXPECT_EQ(lanes, 1);
  EXPECT_FALSE(space.is_taken()) << "of another lane's memory";
  space.doubt(SlotMark::kReading);
  space = park(acme);
  sim.settle();

  EXPECT_THAT(heard, ElementsAre("hello layout-1", "park acme 0 1:1"));
  EXPECT_EQ(lot.parked(), 1U);
}

TEST_F(ParkingLotTest, ALaneThatIsGivenUpLeavesNothingBehind) {
  open();
  ParkingSpace space = park(acme);
  space.settle({"note", "", "", 0, 0, false});
  sim.settle();
  const auto first_byte = [this] {
    char byte = 77;
    EXPECT_EQ(::pread(memory.get(), &byte, 1, 0), 1);
    return byte;
  };
  EXPECT_EQ(first_byte(), kOpenGate);

  lot.drop_lane();

  EXPECT_NE(first_byte(), kOpenGate) << "we live: whoever kept it must not give it away";
}

TEST_F(ParkingLotTest, FindsOutThatALaneHasEndedBeforeItIsTold) {
  open();
  EXPECT_TRUE(lot.has_lane());

  keeper.reset();
  hub.hold();

  EXPECT_FALSE(lot.has_lane());
}

TEST_F(ParkingLotTest, AFullLaneTakesThemLater) {
  open();
  hub.hold();

  const ParkingGate::Parked none = acme.park({{STDIN_FILENO, "tag"}, {STDIN_FILENO, "tag"}});
  EXPECT_TRUE(none.is_full);
  EXPECT_FALSE(none.spaces[0].is_taken());
  EXPECT_EQ(lot.parked(), 0U);

  hub.release();
  EXPECT_TRUE(park(acme).is_taken());
}

TEST_F(ParkingLotTest, WhatIsLeftWhileTheLaneIsFullIsToldLater) {
  open();
  {
    const std::vector<ParkingSpace> spaces = park(acme, 3);
    sim.settle();
    hub.hold();
  }
  sim.advance(std::chrono::seconds(1));
  EXPECT_THAT(heard, ElementsAre("park acme 0 1:1 2:1 3:1"));

  hub.release();
  sim.advance(std::chrono::seconds(1));

  EXPECT_THAT(heard, ElementsAre("park acme 0 1:1 2:1 3:1", "leave 1:1 2:1 3:1"));
}

TEST_F(ParkingLotTest, ManyAreToldAtOnce) {
  open();

  const std::vector<ParkingSpace> spaces = park(acme, 254);
  sim.settle();

  EXPECT_THAT(sockets, ElementsAre(253U, 1U));
  EXPECT_TRUE(spaces.back().is_taken());
}

TEST_F(ParkingLotTest, ManyThatLeaveAreToldTogether) {
  open();
  std::vector<ParkingSpace> spaces = park(acme, 3);
  sim.settle();
  heard.clear();

  spaces.clear();
  const ParkingSpace next = park(acme);
  sim.settle();

  EXPECT_THAT(heard, ElementsAre("park acme 0 3:2", "leave 1:1 2:1 3:1"));
}

TEST_F(ParkingLotTest, ATagThatIsTooLongIsNotKeptAndTheOthersAre) {
  open();
  const std::string long_tag(kTagRoom + 1, 'x');

  const std::vector<ParkingSpace> spaces =
      acme.park({{STDIN_FILENO, "tag"}, {STDIN_FILENO, long_tag}, {STDIN_FILENO, "tag"}}).spaces;
  sim.settle();

  EXPECT_TRUE(spaces[0].is_taken());
  EXPECT_FALSE(spaces[1].is_taken());
  EXPECT_TRUE(spaces[2].is_taken());
  EXPECT_THAT(heard, ElementsAre("park acme 0 1:1 2:1"));
}

TEST_F(ParkingLotTest, ASpaceOutlivesItsLane) {
  open();
  ParkingSpace space = park(acme);
  keeper.reset();
  sim.settle();

  space.doubt(SlotMark::kWriting);
  space.leave();

  EXPECT_EQ(lot.parked(), 0U);
}

}  // namespace
}  // namespace voicectl::parking
