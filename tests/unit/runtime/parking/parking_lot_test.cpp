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

  static ParkingSpace park(ParkingGate& gate) {
    return std::move(gate.park({{STDIN_FILENO, "tag"}}).front());
  }

  SimReactor sim;
  FakeChannelHub hub{sim};
  ParkingLot lot{sim, "layout-1"};
  ParkingGate acme{lot, "acme"};
  std::unique_ptr<FdChannel> keeper;
  std::vector<std::string> heard;
  std::vector<std::size_t> sockets;
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

TEST_F(ParkingLotTest, ANewLaneIsToldEverythingThatIsParked) {
  open();
  ParkingGate beta(lot, "beta");
  std::vector<ParkingSpace> spaces;
  for (int i = 0; i < 300; ++i) {
    spaces.push_back(park(acme));
  }
  const ParkingSpace other = park(beta);
  spaces[7].leave();
  keeper.reset();
  sim.settle();
  EXPECT_FALSE(lot.has_lane());
  EXPECT_FALSE(park(acme).is_taken());
  heard.clear();
  sockets.clear();

  ASSERT_THAT(lot.use_lane(make_lane()), IsOk());
  sim.settle();

  EXPECT_THAT(sockets, ElementsAre(1U, 253U, 46U, 1U));
  EXPECT_THAT(heard.back(), "park beta 301 302:1");
  EXPECT_TRUE(heard.at(1).starts_with("park acme 0 1:1 2:1 3:1"));
  EXPECT_EQ(heard.at(1).find(" 8:1"), std::string::npos);
}

TEST_F(ParkingLotTest, ManyAreToldAtOnce) {
  open();

  const std::vector<ParkingSpace> spaces =
      acme.park(std::vector<ParkingGate::Request>(254, {STDIN_FILENO, "tag"}));
  sim.settle();

  EXPECT_THAT(sockets, ElementsAre(253U, 1U));
  EXPECT_TRUE(spaces.back().is_taken());
}

TEST_F(ParkingLotTest, ManyThatLeaveAreToldTogether) {
  open();
  std::vector<ParkingSpace> spaces =
      acme.park(std::vector<ParkingGate::Request>(3, {STDIN_FILENO, "tag"}));
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
      acme.park({{STDIN_FILENO, "tag"}, {STDIN_FILENO, long_tag}, {STDIN_FILENO, "tag"}});
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
  space.settle({"note", "", "", 0, 0, false});
  space.leave();

  EXPECT_EQ(lot.parked(), 0U);
}

}  // namespace
}  // namespace voicectl::parking
