// SPDX-License-Identifier: Apache-2.0
#include "base/os/fd_channel.h"

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/os/posix_listener_factory.h"
#include "tests/support/contract_fd_channel.h"
#include "tests/support/lingering_connection.h"
#include "tests/support/real_loop.h"
#include "tests/support/temp_dir.h"
#include "tests/support/without_descriptors.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;

class RealChannelWorld final : public ChannelWorld {
 public:
  Pair connect() override {
    const auto listener = PosixListenerFactory().bind_unix_packets(folder_.path("socket"), {});
    Pair pair;
    pair.client = factory_.connect(folder_.path("socket")).value();
    pair.server = factory_.adopt(
        UniqueFd(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)));
    return pair;
  }
  Result<std::unique_ptr<FdChannel>> connect_to_nobody() override {
    return factory_.connect(folder_.path("nobody"));
  }
  std::uint32_t client_uid() const override { return ::geteuid(); }
  void run_until(const std::function<bool()>& condition) override { loop_.run_until(condition); }
  void settle() override { loop_.run_for(5ms); }

 private:
  TempDir folder_;
  RealLoop loop_;
  PosixFdChannelFactory factory_{loop_.reactor(), loop_.reactor()};
};

std::unique_ptr<ChannelWorld> make_real() {
  return std::make_unique<RealChannelWorld>();
}

INSTANTIATE_TEST_SUITE_P(Posix, FdChannelContract, ::testing::Values(&make_real));

TEST(FdChannelCloseTest, WhatItsOtherEndHasSentAndNobodyReadHoldsUpNobody) {
  RealLoop loop;
  PosixFdChannelFactory factory(loop.reactor(), loop.reactor());
  auto ends = factory.make_pair();
  ASSERT_TRUE(ends.has_value());
  std::unique_ptr<FdChannel> channel = factory.adopt(std::move(ends->first));
  LingeringConnection connection = LingeringConnection::make();
  ASSERT_EQ(send_fd_message(ends->second.get(), "x", {connection.mine.get()}), 0);
  connection.mine.close();

  channel.reset();

  EXPECT_EQ(connection.drain(), connection.sent);
}

std::size_t count_open_descriptors() {
  const auto all = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class PosixFdChannelTest : public ::testing::Test {
 protected:
  PosixFdChannelTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    channel_ = factory_.adopt(UniqueFd(ends[0]));
    raw_ = UniqueFd(ends[1]);
  }
  void start() {
    channel_->start({[this](std::string message, std::vector<UniqueFd> descriptors) {
                       messages_.push_back(std::move(message));
                       received_ += descriptors.size();
                     },
                     [this] { ++closes_; }});
  }

  RealLoop loop_;
  PosixFdChannelFactory factory_{loop_.reactor(), loop_.reactor()};
  std::unique_ptr<FdChannel> channel_;
  UniqueFd raw_;
  std::vector<std::string> messages_;
  std::size_t received_ = 0;
  int closes_ = 0;
};

TEST_F(PosixFdChannelTest, ClosesWhenAMessageIsTooLongToBeWhole) {
  start();
  const std::string message(kMaxChannelMessage + 1, 'x');
  ASSERT_EQ(::send(raw_.get(), message.data(), message.size(), 0),
            static_cast<ssize_t>(message.size()));

  EXPECT_TRUE(loop_.run_until([this] { return closes_ > 0; }));

  EXPECT_THAT(messages_, ::testing::IsEmpty());
}

TEST_F(PosixFdChannelTest, APairIsTwoEndsOfOneConnection) {
  Result<std::pair<UniqueFd, UniqueFd>> pair = factory_.make_pair();
  ASSERT_THAT(pair, IsOk());
  const auto first = factory_.adopt(std::move(pair->first));
  const auto second = factory_.adopt(std::move(pair->second));
  std::string got;
  second->start({[&](std::string message, const std::vector<UniqueFd>&) { got = message; }, {}});

  ASSERT_THAT(first->send("over there", {}), IsOk());

  EXPECT_TRUE(loop_.run_until([&] { return got == "over there"; }));
}

TEST_F(PosixFdChannelTest, ClosesWhenDescriptorsFoundNoRoomAndKeepsNoneOfThem) {
  VC_NEEDS_NO_DESCRIPTORS();
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  const auto sender = factory_.adopt(UniqueFd(ends[0]));
  auto receiver = factory_.adopt(UniqueFd(ends[1]));
  int closes = 0;
  int messages = 0;
  receiver->start({[&](std::string, std::vector<UniqueFd>) { ++messages; }, [&] { ++closes; }});
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_THAT(sender->send("many", std::vector<int>(100, null.get())), IsOk());
  const std::size_t before = count_open_descriptors();
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);

  rlimit tight = usual;
  tight.rlim_cur = before + 10;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  const bool is_closed = loop_.run_until([&] { return closes > 0; });
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);

  EXPECT_TRUE(is_closed);
  EXPECT_EQ(messages, 0);
  EXPECT_EQ(count_open_descriptors(), before - 1) << "the receiver's socket, and nothing more";
}

TEST_F(PosixFdChannelTest, SendsTheRestWhenTheOtherEndReadsAgain) {
  constexpr int kCount = 500;
  for (int i = 0; i < kCount; ++i) {
    ASSERT_THAT(channel_->send(std::to_string(i), {}), IsOk());
  }
  int next = 0;
  std::array<char, 64> buffer{};

  const bool all = loop_.run_until([&] {
    ssize_t count = 0;
    while ((count = ::recv(raw_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
      EXPECT_EQ(std::string(buffer.data(), static_cast<std::size_t>(count)), std::to_string(next));
      ++next;
    }
    return next == kCount;
  });

  EXPECT_TRUE(all);
}

TEST_F(PosixFdChannelTest, KeepsQueuedDescriptorsAliveUntilTheyAreSent) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const UniqueFd reading(pipe[0]);
  UniqueFd writing(pipe[1]);
  constexpr int kCount = 100;
  for (int i = 0; i < kCount; ++i) {
    ASSERT_THAT(channel_->send("fill", {}), IsOk());
  }
  ASSERT_THAT(channel_->send("with", {writing.get()}), IsOk());
  writing.close();

  const auto reader = factory_.adopt(std::move(raw_));
  std::vector<UniqueFd> received;
  reader->start({[&](std::string, std::vector<UniqueFd> descriptors) {
                   for (UniqueFd& descriptor : descriptors) {
                     received.push_back(std::move(descriptor));
                   }
                 },
                 {}});
  ASSERT_TRUE(loop_.run_until([&] { return !received.empty(); }));

  EXPECT_EQ(::write(received[0].get(), "x", 1), 1);
}

TEST_F(PosixFdChannelTest, TellsThatAPathIsTooLongOrOfAnotherKind) {
  TempDir folder;
  const auto stream = PosixListenerFactory().bind_unix(folder.path("stream"), {});

  EXPECT_THAT(factory_.connect(folder.path("stream")), FailsWith(ErrorCode::kInternal));
  EXPECT_THAT(factory_.connect(folder.path(std::string(200, 'x'))),
              FailsWith(ErrorCode::kInvalidArgument));
}

TEST_F(PosixFdChannelTest, KnowsItsOwnUserAtTheOtherEndOfAPair) {
  EXPECT_EQ(channel_->peer_uid(), ::geteuid());
}

}  // namespace
}  // namespace voicectl
