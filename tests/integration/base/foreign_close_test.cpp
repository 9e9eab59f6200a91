// SPDX-License-Identifier: Apache-2.0
#include "base/os/foreign_close.h"

#include <gmock/gmock.h>

#include <array>
#include <future>
#include <memory>
#include <semaphore>
#include <utility>

#include "base/os/fd_message.h"
#include "tests/support/lingering_connection.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time

/// Far more than anything takes here, also on a machine that is busy.
constexpr Duration kPlenty = 30s;

UniqueFd any() {
  return UniqueFd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
}

std::pair<UniqueFd, UniqueFd> packets() {
  std::array<int, 2> ends{-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()),
            0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// A socket that has a connection that lingers in its queue: nobody can turn that off any more.
struct Trap {
  UniqueFd socket;
  UniqueFd peer;

  static Trap make() {
    LingeringConnection inner = LingeringConnection::make();
    auto ends = packets();
    EXPECT_EQ(send_fd_message(ends.first.get(), "x", {inner.mine.get()}), 0);
    inner.mine.close();  // not the last one
    return {std::move(ends.second), std::move(inner.peer)};
  }
};

TEST(ForeignCloseTest, AConnectionThatLingersHoldsUpNobodyAndLosesNothing) {
  LingeringConnection connection = LingeringConnection::make();
  UniqueFd foreign = UniqueFd::foreign(connection.mine.release());

  foreign.close();

  // The peer has read nothing yet: whoever is here was not held up by it.
  EXPECT_EQ(connection.drain(), connection.sent);
}

TEST(ForeignCloseTest, ADestructorAndAnAssignmentDoTheSame) {
  LingeringConnection one = LingeringConnection::make();
  LingeringConnection two = LingeringConnection::make();
  UniqueFd replaced = UniqueFd::foreign(one.mine.release());
  {
    const UniqueFd dies = UniqueFd::foreign(two.mine.release());
    replaced = UniqueFd();
  }

  EXPECT_EQ(one.drain(), one.sent);
  EXPECT_EQ(two.drain(), two.sent);
}

TEST(ForeignCloseTest, WhatIsForeignStaysSo) {
  UniqueFd first = UniqueFd::foreign(any().release());
  EXPECT_TRUE(first.is_foreign());
  EXPECT_TRUE(first.duplicate().is_foreign());

  UniqueFd second = std::move(first);
  EXPECT_TRUE(second.is_foreign());
  EXPECT_FALSE(first.is_foreign());  // NOLINT(bugprone-use-after-move): that is what is asked
  first = std::move(second);
  EXPECT_TRUE(first.is_foreign());

  const UniqueFd own(first.release());
  EXPECT_FALSE(own.is_foreign());
  EXPECT_FALSE(own.duplicate().is_foreign());
  EXPECT_FALSE(UniqueFd::foreign(-1).is_open());
  settle_closing();
}

TEST(ForeignCloseTest, LeavesErrnoAlone) {
  errno = EXDEV;

  UniqueFd::foreign(any().release()).close();

  EXPECT_EQ(errno, EXDEV);
  settle_closing();
}

TEST(ForeignCloseTest, WhoeverWaitsForItKnowsThatItIsClosed) {
  auto ends = packets();

  EXPECT_TRUE(close_within(std::move(ends.first), kPlenty));

  char byte = 0;
  EXPECT_EQ(::recv(ends.second.get(), &byte, 1, 0), 0);
  EXPECT_TRUE(close_within(UniqueFd(), 1ms)) << "there is nothing to wait for";
}

TEST(ForeignCloseTest, WhatIsStuckHoldsUpWhoeverWaitsOnlySoLongAndNobodyBehindIt) {
  Trap trap = Trap::make();
  std::promise<void> back;
  ForeignCloser closer({.close = [stuck = trap.socket.get(), &back](int fd) {
    ::close(fd);
    if (fd == stuck) {
      back.set_value();
    }
  }});

  // Nobody is behind it yet, who could notice that it is late.
  EXPECT_FALSE(closer.close_within(std::move(trap.socket), 1ms));
  EXPECT_EQ(closer.open_count(), 1U);
  auto [other, its_peer] = packets();
  EXPECT_TRUE(closer.close_within(std::move(other), kPlenty));

  // Also that one was called out of it, while its peer still reads nothing.
  EXPECT_EQ(back.get_future().wait_for(kPlenty), std::future_status::ready);
}

TEST(ForeignCloseTest, NotEvenWhenNothingCanCallItOut) {
  struct Gates {
    std::binary_semaphore opened{0};
    std::binary_semaphore passed{0};
  };
  const auto gates = std::make_shared<Gates>();
  UniqueFd stuck = any();
  {
    ForeignCloser closer({.patience = 1ms, .close = [gates, number = stuck.get()](int fd) {
                            if (fd == number) {
                              gates->opened.acquire();
                            }
                            ::close(fd);
                            if (fd == number) {
                              gates->passed.release();
                            }
                          }});
    EXPECT_FALSE(closer.close_within(std::move(stuck), 1ms));

    EXPECT_TRUE(closer.close_within(any(), kPlenty));
    EXPECT_TRUE(closer.close_within(any(), kPlenty));
    EXPECT_EQ(closer.open_count(), 1U);
  }
  // It is gone, and has waited for nobody.
  gates->opened.release();
  gates->passed.acquire();
}

TEST(ForeignCloseTest, ThereAreNoMoreThreadsThanMayBeAndWhatWaitsIsClosedInTheEnd) {
  std::counting_semaphore<> gate(0);
  ForeignCloser closer({.patience = 1ms, .most_threads = 2, .close = [&gate](int fd) {
                          gate.acquire();
                          ::close(fd);
                        }});

  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(closer.close_within(any(), 1ms));
  }
  EXPECT_EQ(closer.open_count(), 5U);
  gate.release(6);

  EXPECT_TRUE(closer.close_within(any(), kPlenty));
  while (closer.open_count() > 0) {
    std::this_thread::yield();
  }
}

TEST(ForeignCloseTest, WhatComesInAMessageIsForeign) {
  auto ends = packets();
  LingeringConnection connection = LingeringConnection::make();
  ASSERT_EQ(send_fd_message(ends.first.get(), "x", {connection.mine.get()}), 0);
  connection.mine.close();

  ReceivedFdMessage received = receive_fd_message(ends.second.get());
  ASSERT_EQ(received.descriptors.size(), 1U);
  received.descriptors.clear();

  EXPECT_EQ(connection.drain(), connection.sent);
}

}  // namespace
}  // namespace voicectl
