// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/os/fd_channel.h"
#include "tests/support/matchers.h"

namespace voicectl {

/// A place where channels can be made, and a loop that brings their messages.
class ChannelWorld {
 public:
  struct Pair {
    std::unique_ptr<FdChannel> client;
    std::unique_ptr<FdChannel> server;
  };
  virtual ~ChannelWorld() = default;
  /// Two ends of one connection, made through a path.
  virtual Pair connect() = 0;
  virtual Result<std::unique_ptr<FdChannel>> connect_to_nobody() = 0;
  virtual std::uint32_t client_uid() const = 0;
  /// Lets the loop run until `condition` holds or nothing more happens.
  virtual void run_until(const std::function<bool()>& condition) = 0;
  /// Lets the loop run through all that is due now.
  virtual void settle() = 0;
};

/// What every FdChannel promises. Include in one source per program and instantiate.
class FdChannelContract : public ::testing::TestWithParam<std::unique_ptr<ChannelWorld> (*)()> {
 protected:
  struct Seen {
    std::vector<std::string> messages;
    std::vector<UniqueFd> descriptors;
    int closes = 0;
  };

  static FdChannel::Handlers recorder(Seen& seen) {
    return {[&seen](std::string message, std::vector<UniqueFd> descriptors) {
              seen.messages.push_back(std::move(message));
              for (UniqueFd& descriptor : descriptors) {
                seen.descriptors.push_back(std::move(descriptor));
              }
            },
            [&seen] { ++seen.closes; }};
  }
  void run_until_messages(const Seen& seen, std::size_t count) {
    world_->run_until([&] { return seen.messages.size() >= count; });
  }
  static ino_t inode_of(int descriptor) {
    struct stat about {};
    return ::fstat(descriptor, &about) == 0 ? about.st_ino : 0;
  }

  std::unique_ptr<ChannelWorld> world_ = GetParam()();
  Seen client_seen_;
  Seen server_seen_;
  ChannelWorld::Pair ends_ = world_->connect();
};

TEST_P(FdChannelContract, DeliversMessagesWholeAndInOrder) {
  ends_.server->start(recorder(server_seen_));
  std::vector<std::string> sent;
  for (int i = 0; i < 100; ++i) {
    sent.push_back("message " + std::to_string(i));
    ASSERT_THAT(ends_.client->send(sent.back(), {}), IsOk());
  }

  run_until_messages(server_seen_, sent.size());

  EXPECT_EQ(server_seen_.messages, sent);
}

TEST_P(FdChannelContract, CarriesMessagesBothWays) {
  ends_.client->start(recorder(client_seen_));
  ends_.server->start(recorder(server_seen_));

  ASSERT_THAT(ends_.client->send("question", {}), IsOk());
  ASSERT_THAT(ends_.server->send("answer", {}), IsOk());
  run_until_messages(server_seen_, 1);
  run_until_messages(client_seen_, 1);

  EXPECT_THAT(server_seen_.messages, ::testing::ElementsAre("question"));
  EXPECT_THAT(client_seen_.messages, ::testing::ElementsAre("answer"));
}

TEST_P(FdChannelContract, WhatIsSentNowIsThereWhenTheSenderIsGone) {
  ASSERT_THAT(ends_.client->send("first", {}), IsOk());
  ASSERT_THAT(ends_.client->send_now("last word"), IsOk());
  ends_.client.reset();

  ends_.server->start(recorder(server_seen_));
  run_until_messages(server_seen_, 2);

  EXPECT_THAT(server_seen_.messages, ::testing::ElementsAre("first", "last word"));
}

TEST_P(FdChannelContract, DescriptorsAreSentNowToo) {
  ASSERT_THAT(ends_.client->send_now("with two", {STDIN_FILENO, STDOUT_FILENO}), IsOk());
  ends_.client.reset();

  ends_.server->start(recorder(server_seen_));
  run_until_messages(server_seen_, 1);

  EXPECT_THAT(server_seen_.messages, ::testing::ElementsAre("with two"));
  EXPECT_EQ(server_seen_.descriptors.size(), 2U);
}

TEST_P(FdChannelContract, NothingIsSentNowToAnEndThatIsGone) {
  ends_.server.reset();
  world_->settle();

  EXPECT_THAT(ends_.client->send_now("anybody?"), FailsWith(ErrorCode::kUnavailable));
}

TEST_P(FdChannelContract, KeepsMessagesUntilTheOtherEndStarts) {
  ASSERT_THAT(ends_.client->send("early", {}), IsOk());
  world_->settle();

  ends_.server->start(recorder(server_seen_));
  run_until_messages(server_seen_, 1);

  EXPECT_THAT(server_seen_.messages, ::testing::ElementsAre("early"));
}

TEST_P(FdChannelContract, PassesDuplicatesOfDescriptors) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const UniqueFd reading(pipe[0]);
  UniqueFd writing(pipe[1]);
  ends_.server->start(recorder(server_seen_));

  ASSERT_THAT(ends_.client->send("two", {reading.get(), writing.get()}), IsOk());
  const ino_t inode = inode_of(reading.get());
  writing.close();
  run_until_messages(server_seen_, 1);

  ASSERT_THAT(server_seen_.descriptors, ::testing::SizeIs(2));
  EXPECT_EQ(inode_of(server_seen_.descriptors[0].get()), inode);
  EXPECT_EQ(::write(server_seen_.descriptors[1].get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(reading.get(), &byte, 1), 1);
  EXPECT_NE(::fcntl(server_seen_.descriptors[0].get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_P(FdChannelContract, TakesTheMostDescriptorsAndNotOneMore) {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ends_.server->start(recorder(server_seen_));

  EXPECT_THAT(ends_.client->send("most", std::vector<int>(kMaxChannelDescriptors, null.get())),
              IsOk());
  EXPECT_THAT(ends_.client->send("more", std::vector<int>(kMaxChannelDescriptors + 1, null.get())),
              FailsWith(ErrorCode::kResourceExhausted));
  run_until_messages(server_seen_, 1);

  EXPECT_THAT(server_seen_.messages, ::testing::ElementsAre("most"));
  EXPECT_THAT(server_seen_.descriptors, ::testing::SizeIs(kMaxChannelDescriptors));
}

TEST_P(FdChannelContract, TakesTheLongestMessageAndNotAByteMore) {
  const std::string longest(kMaxChannelMessage, 'x');
  ends_.server->start(recorder(server_seen_));

  EXPECT_THAT(ends_.client->send(longest, {}), IsOk());
  EXPECT_THAT(ends_.client->send(longest + "x", {}), FailsWith(ErrorCode::kResourceExhausted));
  run_until_messages(server_seen_, 1);

  EXPECT_THAT(server_seen_.messages, ::testing::ElementsAre(longest));
}

TEST_P(FdChannelContract, RefusesAnEmptyMessage) {
  EXPECT_THAT(ends_.client->send("", {}), FailsWith(ErrorCode::kInvalidArgument));
}

TEST_P(FdChannelContract, TellsTheEndOnceAndAfterAllThatWasSaid) {
  ends_.server->start({[this](std::string message, std::vector<UniqueFd>) {
                         EXPECT_EQ(server_seen_.closes, 0);
                         server_seen_.messages.push_back(std::move(message));
                       },
                       [this] { ++server_seen_.closes; }});
  for (int i = 0; i < 5; ++i) {
    ASSERT_THAT(ends_.client->send("last words", {}), IsOk());
  }

  ends_.client.reset();
  world_->run_until([&] { return server_seen_.closes > 0; });
  world_->settle();

  EXPECT_THAT(server_seen_.messages, ::testing::SizeIs(5));
  EXPECT_EQ(server_seen_.closes, 1);
}

TEST_P(FdChannelContract, StillReadsWhatAnEndSaidThatLeftOurMessagesUnread) {
  ASSERT_THAT(ends_.server->send("unread", {}), IsOk());
  ASSERT_THAT(ends_.client->send("last words", {}), IsOk());

  ends_.client.reset();
  ends_.server->start(recorder(server_seen_));
  world_->run_until([&] { return server_seen_.closes > 0; });

  EXPECT_THAT(server_seen_.messages, ::testing::ElementsAre("last words"));
  EXPECT_EQ(server_seen_.closes, 1);
}

TEST_P(FdChannelContract, RefusesToSendToAnEndThatIsGone) {
  ends_.client->start(recorder(client_seen_));
  ends_.server.reset();
  EXPECT_THAT(ends_.client->send("too late", {}), FailsWith(ErrorCode::kUnavailable));

  world_->run_until([&] { return client_seen_.closes > 0; });

  EXPECT_THAT(ends_.client->send("too late", {}), FailsWith(ErrorCode::kUnavailable));
}

TEST_P(FdChannelContract, RunsNoHandlerOnceItIsDestroyed) {
  ends_.server->start(recorder(server_seen_));
  ASSERT_THAT(ends_.client->send("unheard", {}), IsOk());
  ends_.client.reset();

  ends_.server.reset();
  world_->settle();

  EXPECT_THAT(server_seen_.messages, ::testing::IsEmpty());
  EXPECT_EQ(server_seen_.closes, 0);
}

TEST_P(FdChannelContract, MayBeDestroyedByItsOwnHandlers) {
  ends_.server->start({[this](std::string message, std::vector<UniqueFd>) {
                         server_seen_.messages.push_back(std::move(message));
                         ends_.server.reset();
                       },
                       {}});
  ends_.client->start({{}, [this] {
                         ++client_seen_.closes;
                         ends_.client.reset();
                       }});
  ASSERT_THAT(ends_.client->send("first", {}), IsOk());
  ASSERT_THAT(ends_.client->send("second", {}), IsOk());

  world_->run_until([&] { return client_seen_.closes > 0; });

  EXPECT_THAT(server_seen_.messages, ::testing::ElementsAre("first"));
  EXPECT_EQ(client_seen_.closes, 1);
}

TEST_P(FdChannelContract, RefusesWhenTheOtherEndHasStoppedReadingAndLosesNothingItTook) {
  std::vector<std::string> taken;
  Status outcome;
  while (outcome.has_value() && taken.size() < 100'000) {
    taken.push_back(std::to_string(taken.size()));
    outcome = ends_.client->send(taken.back(), {});
  }
  taken.pop_back();
  EXPECT_THAT(outcome, FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_GE(taken.size(), 1024U);

  ends_.server->start(recorder(server_seen_));
  run_until_messages(server_seen_, taken.size());

  EXPECT_EQ(server_seen_.messages, taken);
  EXPECT_THAT(ends_.client->send("again", {}), IsOk());
}

TEST_P(FdChannelContract, KnowsTheUserAtTheOtherEnd) {
  EXPECT_EQ(ends_.server->peer_uid(), world_->client_uid());
}

TEST_P(FdChannelContract, TellsThatNobodyListens) {
  EXPECT_THAT(world_->connect_to_nobody(), FailsWith(ErrorCode::kNotFound));
}

}  // namespace voicectl
