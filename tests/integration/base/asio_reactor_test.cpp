// SPDX-License-Identifier: Apache-2.0
#include "base/os/asio_reactor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "base/os/unique_fd.h"
#include "tests/support/contract_reactor.h"
#include "tests/support/real_loop.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;

class RealReactorWorld final : public ReactorWorld {
 public:
  Reactor& reactor() override { return loop_.reactor(); }
  void run_for(Duration length) override { loop_.run_for(length); }

 private:
  RealLoop loop_;
};

std::unique_ptr<ReactorWorld> make_real() {
  return std::make_unique<RealReactorWorld>();
}

INSTANTIATE_TEST_SUITE_P(Asio, ReactorContract, ::testing::Values(&make_real));

class AsioReactorTest : public ::testing::Test {
 protected:
  AsioReactorTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    reading_ = UniqueFd(ends[0]);
    writing_ = UniqueFd(ends[1]);
  }
  void write_byte() { EXPECT_EQ(::write(writing_.get(), "x", 1), 1); }
  void read_byte() {
    char byte = 0;
    EXPECT_EQ(::read(reading_.get(), &byte, 1), 1);
  }

  RealLoop loop_;
  AsioReactor& reactor_ = loop_.reactor();
  UniqueFd reading_;
  UniqueFd writing_;
};

TEST_F(AsioReactorTest, TakesTasksFromOtherThreadsEachInItsOrder) {
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  std::array<std::vector<int>, kThreads> seen;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        reactor_.post([&seen, t, i] { seen.at(static_cast<std::size_t>(t)).push_back(i); });
      }
    });
  }

  loop_.run_until([&] {
    return std::all_of(seen.begin(), seen.end(), [](const auto& s) { return s.size() == kEach; });
  });
  for (std::thread& thread : threads) {
    thread.join();
  }

  std::vector<int> expected(kEach);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_THAT(seen, ::testing::Each(expected));
}

TEST_F(AsioReactorTest, KnowsThatAnotherThreadIsNotTheLoop) {
  bool in_loop = true;
  std::thread([&] { in_loop = reactor_.in_loop(); }).join();

  EXPECT_FALSE(in_loop);
}

TEST_F(AsioReactorTest, ReturnsAtOnceWhenItWasStoppedBefore) {
  reactor_.stop();

  reactor_.run();

  SUCCEED();
}

TEST_F(AsioReactorTest, GivesCodeThatSpeaksAsioTheTimeOfItsOwnTurn) {
  std::vector<MonoTime> times;
  reactor_.call_after(5ms, [&] {
    boost::asio::post(reactor_.context(), [&] { times.push_back(reactor_.now()); });
    times.push_back(reactor_.now());
    const MonoTime start = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() < start + 1ms) {
    }
  });

  loop_.run_until([&] { return times.size() == 2; });

  EXPECT_GE(times.at(1) - times.at(0), 1ms);
}

TEST_F(AsioReactorTest, CallsAgainWhileADescriptorIsNotRead) {
  int calls = 0;
  const WatchId watch = reactor_.watch_readable(reading_.get(), [&] {
    if (++calls == 3) {
      read_byte();
    }
  });
  write_byte();

  loop_.run_until([&] { return calls >= 3; });
  loop_.run_for(2ms);

  EXPECT_EQ(calls, 3);
  reactor_.unwatch(watch);
}

TEST_F(AsioReactorTest, TellsThatTheOtherEndHungUp) {
  bool called = false;
  const WatchId watch = reactor_.watch_readable(reading_.get(), [&] { called = true; });

  writing_.close();

  EXPECT_TRUE(loop_.run_until([&] { return called; }));
  reactor_.unwatch(watch);
}

TEST_F(AsioReactorTest, CallsNobodyAfterUnwatchAndLeavesTheDescriptorOpen) {
  int calls = 0;
  int calls_before = -1;
  const WatchId watch = reactor_.watch_readable(reading_.get(), [&] { ++calls; });
  write_byte();
  reactor_.post([&] {
    reactor_.unwatch(watch);
    calls_before = calls;
  });

  loop_.run_until([&] { return calls_before >= 0; });
  loop_.run_for(2ms);

  EXPECT_EQ(calls, calls_before);
  read_byte();
}

TEST_F(AsioReactorTest, LetsATaskUnwatchItself) {
  int calls = 0;
  WatchId watch{};
  watch = reactor_.watch_readable(reading_.get(), [&] {
    ++calls;
    reactor_.unwatch(watch);
  });
  write_byte();

  loop_.run_for(5ms);

  EXPECT_EQ(calls, 1);
}

TEST_F(AsioReactorTest, WatchesTheSameDescriptorAgainAfterUnwatch) {
  int calls = 0;
  for (int i = 0; i < 3; ++i) {
    reactor_.unwatch(reactor_.watch_readable(reading_.get(), [&] { calls += 100; }));
  }
  const WatchId watch = reactor_.watch_readable(reading_.get(), [&] {
    read_byte();
    ++calls;
  });
  write_byte();

  loop_.run_until([&] { return calls > 0; });

  EXPECT_EQ(calls, 1);
  reactor_.unwatch(watch);
}

TEST_F(AsioReactorTest, TellsWhenADescriptorCanBeWrittenAgain) {
  const std::string block(4096, 'x');
  while (::write(writing_.get(), block.data(), block.size()) > 0) {
  }
  bool can_write = false;
  const WatchId watch = reactor_.watch_writable(writing_.get(), [&] { can_write = true; });
  EXPECT_FALSE(loop_.run_until([&] { return can_write; }, 3ms));

  std::string drain(1 << 20, ' ');
  EXPECT_GT(::read(reading_.get(), drain.data(), drain.size()), 0);

  EXPECT_TRUE(loop_.run_until([&] { return can_write; }));
  reactor_.unwatch(watch);
}

TEST(ThreadOffloadTest, WorksOffTheLoopInOrderAndReportsOnIt) {
  RealLoop loop;
  ThreadOffload offload(loop.reactor());
  std::vector<int> worked;
  std::vector<int> done;
  bool was_on_loop = true;
  for (int i = 0; i < 100; ++i) {
    offload.run(
        [&, i] {
          was_on_loop = loop.reactor().in_loop();
          worked.push_back(i);
        },
        [&, i] {
          EXPECT_TRUE(loop.reactor().in_loop());
          done.push_back(i);
        });
  }

  loop.run_until([&] { return done.size() == 100; });

  EXPECT_EQ(worked, done);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_FALSE(was_on_loop);
}

TEST(ThreadOffloadTest, FinishesItsQueueBeforeItEnds) {
  RealLoop loop;
  std::atomic<int> worked = 0;
  {
    ThreadOffload offload(loop.reactor());
    for (int i = 0; i < 50; ++i) {
      offload.run([&] { ++worked; }, [] {});
    }
  }

  EXPECT_EQ(worked, 50);
}

}  // namespace
}  // namespace voicectl
