// SPDX-License-Identifier: Apache-2.0
#include "base/os/descriptor_room.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdint>
#include <vector>

#include "base/os/unique_fd.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

/// A lower limit than that of the process, until it dies.
class LowerLimit {
 public:
  explicit LowerLimit(std::uint64_t most) {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit lower = before_;
    lower.rlim_cur = most;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &lower), 0);
  }
  ~LowerLimit() { (void)::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

std::vector<UniqueFd> open_all() {
  std::vector<UniqueFd> opened;
  while (true) {
    UniqueFd one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!one.is_open()) {
      return opened;
    }
    opened.push_back(std::move(one));
  }
}

constexpr std::uint64_t kMany = 100'000;

TEST(DescriptorRoomTest, CountsExactlyWhatMayBeOpened) {
  const LowerLimit limit(1300);

  const std::uint64_t told = free_descriptors(kMany);
  const std::vector<UniqueFd> opened = open_all();

  EXPECT_EQ(told, opened.size());
  EXPECT_GT(told, 1000U);
  EXPECT_EQ(free_descriptors(kMany), 0U);
}

TEST(DescriptorRoomTest, CountsNoMoreThanIsEnough) {
  const LowerLimit limit(1300);

  EXPECT_EQ(free_descriptors(0), 0U);
  EXPECT_EQ(free_descriptors(7), 7U);
}

TEST(DescriptorRoomTest, CountsHolesAndKnowsWhatIsOpenAboveThem) {
  const LowerLimit limit(1300);
  std::vector<UniqueFd> opened = open_all();
  for (std::size_t i = 0; i < opened.size(); i += 3) {
    opened[i].close();
  }
  const std::size_t closed = (opened.size() + 2) / 3;

  EXPECT_EQ(free_descriptors(kMany), closed);
  EXPECT_EQ(free_descriptors(closed), closed);
}

TEST(DescriptorRoomTest, WhatIsOpenBeyondALoweredLimitIsNoRoom) {
  std::vector<UniqueFd> opened;
  for (int i = 0; i < 200; ++i) {
    opened.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  const LowerLimit limit(100);

  EXPECT_EQ(free_descriptors(kMany), 0U);
}

TEST(DescriptorRoomTest, WhoeverNeedsMoreThanMayBeOpenedIsToldBeforeItTries) {
  const LowerLimit limit(300);

  EXPECT_THAT(require_free_descriptors(50, "do a little"), IsOk());
  const Status refused = require_free_descriptors(2000, "take over 1000 tenants");

  ASSERT_THAT(refused, FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_THAT(
      refused.error().text(),
      ::testing::StartsWith("cannot take over 1000 tenants: that takes some 2000 open files"));
}

TEST(DescriptorRoomTest, AProcessTakesWhatItMayBeAllowed) {
  const LowerLimit limit(100);

  raise_descriptor_limit();

  rlimit now{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
  EXPECT_EQ(now.rlim_cur, now.rlim_max);
}

}  // namespace
}  // namespace voicectl
