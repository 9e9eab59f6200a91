// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <utility>

#include "base/os/listener_factory.h"
#include "tests/support/matchers.h"

namespace voicectl {

/// Ports and a folder to bind in.
class ListenerWorld {
 public:
  virtual ~ListenerWorld() = default;
  virtual ListenerFactory& listeners() = 0;
  /// A port that nobody holds.
  virtual Port free_port() = 0;
  /// A short absolute path of an existing folder.
  virtual std::string root() const = 0;
  /// Puts a regular file there.
  virtual void put_file(const std::string& path) = 0;
};

/// What every ListenerFactory promises. Include in one source per program and instantiate.
class ListenerContract : public ::testing::TestWithParam<std::unique_ptr<ListenerWorld> (*)()> {
 protected:
  std::string at(const std::string& name) const { return world_->root() + "/" + name; }

  std::unique_ptr<ListenerWorld> world_ = GetParam()();
  ListenerFactory& listeners_ = world_->listeners();
  SocketAccess access_;
};

TEST_P(ListenerContract, BindsAPortOnTheLoopbackAddress) {
  const Port port = world_->free_port();

  const auto listener = listeners_.bind_tcp(port);

  ASSERT_THAT(listener, IsOk());
  EXPECT_EQ(listeners_.describe(*listener), "127.0.0.1:" + port.str());
}

TEST_P(ListenerContract, RefusesAPortThatIsHeld) {
  const Port port = world_->free_port();
  const auto first = listeners_.bind_tcp(port);

  EXPECT_THAT(listeners_.bind_tcp(port), FailsWith(ErrorCode::kAlreadyExists));
}

TEST_P(ListenerContract, KeepsAPortUntilItsLastDuplicateIsClosed) {
  const Port port = world_->free_port();
  auto listener = listeners_.bind_tcp(port);
  ASSERT_THAT(listener, IsOk());
  UniqueFd duplicate = listener->duplicate();

  listeners_.close(std::move(*listener));

  EXPECT_EQ(listeners_.describe(duplicate), "127.0.0.1:" + port.str());
  EXPECT_THAT(listeners_.bind_tcp(port), FailsWith(ErrorCode::kAlreadyExists));
  listeners_.close(std::move(duplicate));
  EXPECT_THAT(listeners_.bind_tcp(port), IsOk());
}

TEST_P(ListenerContract, WhatListensNoMoreIsFreeAtOnceWhoeverHasItOpen) {
  const Port port = world_->free_port();
  const auto tcp = listeners_.bind_tcp(port);
  const auto unix_one = listeners_.bind_unix(at("a.sock"), access_);
  ASSERT_THAT(tcp, IsOk());
  ASSERT_THAT(unix_one, IsOk());
  const UniqueFd kept = tcp->duplicate();
  const UniqueFd kept_too = unix_one->duplicate();

  listeners_.stop_listening(*tcp);
  listeners_.stop_listening(*unix_one);

  EXPECT_THAT(listeners_.bind_tcp(port), IsOk());
  EXPECT_THAT(listeners_.bind_unix(at("a.sock"), access_), IsOk());
}

TEST_P(ListenerContract, TellsASocketFromOneThatWasBoundAtItsPlaceLater) {
  auto first = listeners_.bind_unix(at("a.sock"), access_);
  ASSERT_THAT(first, IsOk());
  const UniqueFd duplicate = first->duplicate();
  EXPECT_TRUE(listeners_.is_same(*first, duplicate));

  listeners_.stop_listening(*first);
  const auto second = listeners_.bind_unix(at("a.sock"), access_);

  ASSERT_THAT(second, IsOk());
  EXPECT_FALSE(listeners_.is_same(*second, duplicate));
  EXPECT_FALSE(listeners_.is_same(*second, UniqueFd()));
}

TEST_P(ListenerContract, BindsAPathOfEitherKind) {
  const auto stream = listeners_.bind_unix(at("stream"), access_);
  const auto packets = listeners_.bind_unix_packets(at("packets"), access_);

  ASSERT_THAT(stream, IsOk());
  ASSERT_THAT(packets, IsOk());
  EXPECT_EQ(listeners_.describe(*stream), "unix:" + at("stream"));
  EXPECT_EQ(listeners_.describe(*packets), "unix:" + at("packets"));
}

TEST_P(ListenerContract, RefusesAPathWhereSomebodyListens) {
  const auto first = listeners_.bind_unix(at("socket"), access_);
  const UniqueFd duplicate = first->duplicate();

  EXPECT_THAT(listeners_.bind_unix(at("socket"), access_), FailsWith(ErrorCode::kAlreadyExists));
  EXPECT_THAT(listeners_.bind_unix_packets(at("socket"), access_),
              FailsWith(ErrorCode::kAlreadyExists));
}

TEST_P(ListenerContract, ReplacesTheFileThatADeadListenerLeft) {
  listeners_.close(listeners_.bind_unix(at("socket"), access_).value());
  listeners_.close(listeners_.bind_unix_packets(at("packets"), access_).value());

  EXPECT_THAT(listeners_.bind_unix(at("socket"), access_), IsOk());
  EXPECT_THAT(listeners_.bind_unix_packets(at("packets"), access_), IsOk());
}

TEST_P(ListenerContract, LeavesAFileAloneThatIsNoSocket) {
  world_->put_file(at("file"));

  EXPECT_THAT(listeners_.bind_unix(at("file"), access_), FailsWith(ErrorCode::kAlreadyExists));
}

TEST_P(ListenerContract, TakesAPathOfExactlyTheLengthThatAnAddressHolds) {
  const std::string longest = at(std::string(107 - world_->root().size() - 1, 'x'));
  ASSERT_EQ(longest.size(), 107U);

  const auto listener = listeners_.bind_unix(longest, access_);

  ASSERT_THAT(listener, IsOk());
  EXPECT_EQ(listeners_.describe(*listener), "unix:" + longest);
  EXPECT_THAT(listeners_.bind_unix(longest + "x", access_), FailsWith(ErrorCode::kInvalidArgument));
}

TEST_P(ListenerContract, TellsThatTheFolderIsMissing) {
  EXPECT_THAT(listeners_.bind_unix(at("missing/socket"), access_), FailsWith(ErrorCode::kNotFound));
}

}  // namespace voicectl
