// SPDX-License-Identifier: Apache-2.0
// How much is kept of connections of instances, and for how long.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "provisioner/holder/lanes.h"
#include "runtime/parking/protocol.h"
#include "runtime/parking/slot_table.h"
#include "tests/support/lingering_connection.h"

namespace voicectl {
namespace {

/// The same object as in the program, without a daemon and a clock.
class LanesLimitTest : public ::testing::Test {
 protected:
  LanesLimitTest() { settle_closing(); }

  static std::pair<UniqueFd, UniqueFd> pair(int kind) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
  }
  void act(int times) {
    std::vector<pollfd> list;
    lanes.watch(list);
    ::poll(list.data(), list.size(), 0);
    for (int i = 0; i < times; ++i) {
      lanes.act(list);
    }
  }
  void turn() { act(2); }
  void park(const UniqueFd& lane, const std::string& tenant, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      auto connection = pair(SOCK_STREAM);
      const std::string text = "park " + tenant + " 0 " + std::to_string(i + 1) + ":1";
      EXPECT_EQ(send_fd_message(lane.get(), text, {connection.first.get()}), 0);
      peers.push_back(std::move(connection.second));
    }
  }
  /// An instance with so many connections; returns its end of the lane.
  UniqueFd start(std::size_t count) {
    auto ends = pair(SOCK_SEQPACKET);
    lanes.open("shared-0", std::move(ends.second));
    lanes.allow("shared-0", "acme");
    park(ends.first, "acme", count);
    turn();
    return std::move(ends.first);
  }
  std::size_t open_peers() const {
    settle_closing();
    return static_cast<std::size_t>(
        std::count_if(peers.begin(), peers.end(), [](const UniqueFd& peer) {
          char byte = 0;
          return ::recv(peer.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
        }));
  }

  holder::Lanes lanes{{.keep_checks = 3, .most = 5}};
  std::vector<UniqueFd> peers;
};

TEST_F(LanesLimitTest, CallersCannotTakeTheRoomThatIsForListeners) {
  const UniqueFd lane = start(9);

  EXPECT_EQ(open_peers(), 5U) << "the others have no second owner here";
}

TEST_F(LanesLimitTest, NorCanTheyWithWhatWaitsForTheDaemonsWord) {
  const UniqueFd lane = start(2);
  park(lane, "stranger", 9);

  act(1);

  EXPECT_TRUE(lanes.is_waiting());
  EXPECT_EQ(open_peers(), 5U);
  act(1);
  EXPECT_EQ(open_peers(), 2U) << "the word did not come";
}

TEST_F(LanesLimitTest, WhatNobodyAsksForIsClosed) {
  start(2).close();
  turn();
  for (int i = 0; i < 3; ++i) {
    lanes.tick();
    EXPECT_EQ(open_peers(), 2U);
  }

  lanes.tick();

  EXPECT_EQ(open_peers(), 0U);
  EXPECT_TRUE(lanes.is_empty());
}

TEST_F(LanesLimitTest, WhatWasAskedForAndNeverTakenIsClosed) {
  auto ends = pair(SOCK_SEQPACKET);
  lanes.open("shared-0", std::move(ends.second));
  lanes.allow("shared-0", "acme");
  parking::SlotTable table = *parking::SlotTable::make();
  const std::uint32_t gate = *table.take("");
  table.at(gate).mark = parking::SlotMark::kClean;
  EXPECT_EQ(send_fd_message(ends.first.get(), "hello layout-1", {table.descriptor()}), 0);
  auto connection = pair(SOCK_STREAM);
  EXPECT_EQ(send_fd_message(ends.first.get(), "park acme 0 1:1", {connection.first.get()}), 0);
  connection.first.close();
  peers.push_back(std::move(connection.second));
  turn();
  ends.first.close();
  auto gift = pair(SOCK_SEQPACKET);
  lanes.give("acme", std::move(gift.second));
  EXPECT_EQ(receive_fd_message(gift.first.get()).descriptors.size(), 1U);
  EXPECT_EQ(open_peers(), 1U);

  for (int i = 0; i < 8; ++i) {
    lanes.tick();
  }

  EXPECT_EQ(open_peers(), 0U);
  EXPECT_TRUE(lanes.is_empty());
}

}  // namespace
}  // namespace voicectl
