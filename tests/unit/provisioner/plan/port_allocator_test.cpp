// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/port_allocator.h"

#include <gmock/gmock.h>

#include "tests/support/matchers.h"
#include "tests/support/plan/plan_builders.h"
#include "tests/support/random_seed.h"

namespace voicectl {
namespace {

using ::testing::Eq;

constexpr std::chrono::minutes kQuarantine{10};

PortAllocator allocator(const std::string& range, const std::vector<PortLease>& leases) {
  return PortAllocator(*PortRange::parse(range), leases, kNoon, kQuarantine);
}

TEST(PortAllocatorTest, GivesTheLowestFreePort) {
  PortAllocator ports = allocator(
      "21000-21009", {{port(21000), "a", std::nullopt}, {port(21002), "c", std::nullopt}});

  EXPECT_THAT(ports.lease("x"), IsOkAnd(Eq(port(21001))));
  EXPECT_THAT(ports.lease("y"), IsOkAnd(Eq(port(21003))));
}

TEST(PortAllocatorTest, GivesAHolderTheSamePortEveryTime) {
  PortAllocator ports = allocator("21000-21009", {{port(21005), "a", std::nullopt}});

  EXPECT_THAT(ports.lease("a"), IsOkAnd(Eq(port(21005))));
  const Port other = *ports.lease("b");
  EXPECT_THAT(ports.lease("b"), IsOkAnd(Eq(other)));
}

TEST(PortAllocatorTest, KeepsAHoldersPortThatLiesOutsideANewRange) {
  PortAllocator ports = allocator("22000-22009", {{port(21005), "a", std::nullopt}});

  EXPECT_THAT(ports.lease("a"), IsOkAnd(Eq(port(21005))));
}

TEST(PortAllocatorTest, SkipsAPortUntilItsQuarantineIsOver) {
  PortAllocator ports = allocator(
      "21000-21009", {{port(21000), "a", kNoon - kQuarantine + std::chrono::milliseconds(1)},
                      {port(21001), "b", kNoon - kQuarantine}});

  EXPECT_THAT(ports.lease("x"), IsOkAnd(Eq(port(21001))));
}

TEST(PortAllocatorTest, GivesAReleasedPortToNobodyEarlyNotEvenToItsFormerHolder) {
  PortAllocator ports = allocator("21000-21009", {{port(21000), "a", kNoon}});

  EXPECT_THAT(ports.lease("a"), IsOkAnd(Eq(port(21001))));
}

TEST(PortAllocatorTest, GivesNobodyAPortThatAnotherProgramHolds) {
  PortAllocator ports = allocator("21000-21003", {{port(21001), "a", std::nullopt}});
  ports.block(port(21000));
  ports.block(port(21001));

  EXPECT_THAT(ports.lease("a"), IsOkAnd(Eq(port(21002))));
  EXPECT_THAT(ports.lease("b"), IsOkAnd(Eq(port(21003))));
  EXPECT_THAT(ports.lease("a"), IsOkAnd(Eq(port(21002))));
  const Result<Port> none = ports.lease("c");
  ASSERT_THAT(none, FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_THAT(none.error().message(), ::testing::HasSubstr("1 held by other programs"));
}

TEST(PortAllocatorTest, SaysHowManyPortsRest) {
  PortAllocator ports =
      allocator("21000-21001", {{port(21000), "a", kNoon}, {port(21001), "b", std::nullopt}});

  const Result<Port> none = ports.lease("x");

  ASSERT_THAT(none, FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_THAT(none.error().message(), ::testing::HasSubstr("(1 leased, 1 in quarantine)"));
}

TEST(PortAllocatorTest, NeverGivesAPortTwiceNorOneThatRests) {
  SeededRandom random = make_test_random();
  for (int round = 0; round < 200; ++round) {
    std::vector<PortLease> leases;
    std::set<Port> away;
    for (std::int64_t number = 21000; number < 21040; ++number) {
      const std::uint64_t kind = random.below(4);
      if (kind == 0) {
        leases.push_back({port(number), "old-" + std::to_string(number), std::nullopt});
        away.insert(port(number));
      } else if (kind == 1) {
        const auto ago = std::chrono::minutes(random.below(20));
        leases.push_back({port(number), "gone-" + std::to_string(number), kNoon - ago});
        if (ago < kQuarantine) {
          away.insert(port(number));
        }
      }
    }
    PortAllocator ports = allocator("21000-21039", leases);
    std::size_t given = 0;
    for (Result<Port> next = ports.lease("new-0"); next.has_value();
         next = ports.lease("new-" + std::to_string(given))) {
      EXPECT_TRUE(away.insert(*next).second) << next->value();
      ++given;
    }
    EXPECT_EQ(away.size(), 40U) << "every free port is given before the range is full";
  }
}

}  // namespace
}  // namespace voicectl
