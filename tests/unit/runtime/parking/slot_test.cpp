// SPDX-License-Identifier: Apache-2.0
#include "runtime/parking/slot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "runtime/parking/slot_table.h"
#include "tests/support/matchers.h"

namespace voicectl::parking {
namespace {

using ::testing::VariantWith;

class SlotTest : public ::testing::Test {
 protected:
  std::uint32_t take(std::string_view tag = "session/x#k1") {
    const std::optional<std::uint32_t> number = table.take(tag);
    EXPECT_TRUE(number.has_value());
    return number.value_or(0);
  }
  std::string bytes_of(std::uint32_t number) {
    std::string bytes(kSlotBytes, '\0');
    EXPECT_EQ(::pread(table.descriptor(), bytes.data(), bytes.size(),
                      static_cast<off_t>(number * kSlotBytes)),
              static_cast<ssize_t>(kSlotBytes));
    return bytes;
  }
  std::variant<ParkedState, Doubt> read(std::uint32_t number) {
    return read_slot(bytes_of(number), table.at(number).generation);
  }

  SlotTable table = *SlotTable::make();
};

TEST_F(SlotTest, GivesBackWhatWasSettled) {
  const std::uint32_t number = take();

  settle(table.at(number), {"note", "unread", "frag", 1, 2, false});

  EXPECT_THAT(read(number), VariantWith<ParkedState>(
                                ParkedState{"session/x#k1", "note", "unread", "frag", 1, 2}));
}

TEST_F(SlotTest, IsInDoubtUntilItIsSettled) {
  EXPECT_THAT(read(take()), VariantWith<Doubt>(Doubt::kWriting));
}

TEST_F(SlotTest, SaysWhyItIsInDoubt) {
  const std::uint32_t number = take();
  const std::pair<SlotMark, Doubt> all[] = {{SlotMark::kFree, Doubt::kEnded},
                                            {SlotMark::kReading, Doubt::kReading},
                                            {SlotMark::kWriting, Doubt::kWriting},
                                            {SlotMark::kUnsent, Doubt::kUnsent},
                                            {SlotMark::kPartial, Doubt::kPartial}};
  for (const auto& [mark, doubt] : all) {
    table.at(number).mark = mark;
    EXPECT_THAT(read(number), VariantWith<Doubt>(doubt));
  }
}

TEST_F(SlotTest, IsInDoubtWhileBytesWaitInTheProcess) {
  const std::uint32_t number = take();

  settle(table.at(number), {"note", "", "", 0, 0, true});

  EXPECT_THAT(read(number), VariantWith<Doubt>(Doubt::kUnsent));
}

TEST_F(SlotTest, HasRoomForABoundedPartOfAMessage) {
  const std::uint32_t number = take();
  const std::string most(kBytesRoom, 'x');

  settle(table.at(number), {"", most, "", 0, 0, false});
  EXPECT_TRUE(std::holds_alternative<ParkedState>(read(number)));
  settle(table.at(number), {"", most.substr(1), "x", 0, 0, false});
  EXPECT_TRUE(std::holds_alternative<ParkedState>(read(number)));

  settle(table.at(number), {"", most, "x", 0, 0, false});
  EXPECT_THAT(read(number), VariantWith<Doubt>(Doubt::kPartial));
  settle(table.at(number), {"", "", most + "x", 0, 0, false});
  EXPECT_THAT(read(number), VariantWith<Doubt>(Doubt::kPartial));
  settle(table.at(number), {std::string(kNoteRoom + 1, 'x'), "", "", 0, 0, false});
  EXPECT_THAT(read(number), VariantWith<Doubt>(Doubt::kPartial));
  settle(table.at(number), {"", "", "", 0, 0, false});
  EXPECT_TRUE(std::holds_alternative<ParkedState>(read(number)));
}

TEST_F(SlotTest, BelongsToOneConnectionAtATime) {
  const std::uint32_t number = take("one");
  const std::uint32_t generation = table.at(number).generation;
  settle(table.at(number), {"note", "", "", 0, 0, false});
  table.give_back(number);
  EXPECT_THAT(read(number), VariantWith<Doubt>(Doubt::kEnded));

  ASSERT_EQ(take("two"), number);
  settle(table.at(number), {"note", "", "", 0, 0, false});

  EXPECT_THAT(read_slot(bytes_of(number), generation), VariantWith<Doubt>(Doubt::kEnded));
  EXPECT_TRUE(std::holds_alternative<ParkedState>(read(number)));
}

TEST_F(SlotTest, RefusesATagThatIsTooLong) {
  EXPECT_FALSE(table.take(std::string(kTagRoom + 1, 'x')).has_value());
  EXPECT_TRUE(table.take(std::string(kTagRoom, 'x')).has_value());
}

TEST_F(SlotTest, EndsAtTheLastSlot) {
  for (std::size_t i = 0; i < kMostSlots; ++i) {
    ASSERT_TRUE(table.take("x").has_value());
  }
  EXPECT_FALSE(table.take("x").has_value());
  table.give_back(17);
  EXPECT_EQ(table.take("x"), 17U);
}

TEST_F(SlotTest, TrustsNoSize) {
  const std::uint32_t number = take();
  settle(table.at(number), {"note", "unread", "frag", 1, 2, false});
  for (std::uint8_t Slot::*size : {&Slot::tag_size, &Slot::note_size, &Slot::unread_size}) {
    const std::uint8_t before = std::exchange(table.at(number).*size, std::uint8_t{255});
    EXPECT_THAT(read(number), VariantWith<Doubt>(Doubt::kBroken));
    table.at(number).*size = before;
  }
  table.at(number).mark = static_cast<SlotMark>(77);
  EXPECT_THAT(read(number), VariantWith<Doubt>(Doubt::kBroken));
  EXPECT_THAT(read_slot("short", 1), VariantWith<Doubt>(Doubt::kBroken));
}

TEST_F(SlotTest, CannotBeMadeSmallerByWhoeverGetsIt) {
  EXPECT_NE(::ftruncate(table.descriptor(), 0), 0);
}

/// A process that writes what one number says everywhere, and is killed at any instant.
[[noreturn]] void write_for_ever(SlotTable& table, std::uint32_t number) {
  for (std::uint64_t n = 0;; ++n) {
    const std::string digits = std::to_string(n % 1'000'000);
    settle(table.at(number), {digits, digits, digits, static_cast<std::uint8_t>(n % 2), 0, false});
  }
}

TEST_F(SlotTest, IsWholeOrInDoubtWheneverItsProcessIsKilled) {
  const std::uint32_t number = take();
  int clean = 0;
  constexpr int kKills = 200;
  for (int i = 0; i < kKills; ++i) {
    table.at(number).mark = SlotMark::kWriting;
    const pid_t child = ::fork();
    if (child == 0) {
      write_for_ever(table, number);
    }
    while (table.at(number).mark != SlotMark::kClean) {
      ::sched_yield();  // it has begun once it has settled something
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);

    const auto seen = read(number);
    if (const auto* const state = std::get_if<ParkedState>(&seen)) {
      ++clean;
      EXPECT_EQ(state->note, state->unread);
      EXPECT_EQ(state->note, state->fragments);
      EXPECT_EQ(state->fragment_opcode, std::stoi(state->note) % 2);
    } else {
      EXPECT_EQ(std::get<Doubt>(seen), Doubt::kWriting);
    }
  }
  RecordProperty("clean", clean);
}

}  // namespace
}  // namespace voicectl::parking
