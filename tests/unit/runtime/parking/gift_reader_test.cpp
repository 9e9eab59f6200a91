// SPDX-License-Identifier: Apache-2.0
#include "runtime/parking/gift_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "runtime/parking/slot_table.h"
#include "tests/support/fake_fd_channel.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_reactor.h"

namespace voicectl::parking {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class GiftReaderTest : public ::testing::Test {
 protected:
  GiftReaderTest() {
    FakeChannelHub::Pair pair = hub.make_pair();
    giver = std::move(pair.second);
    FdChannel::Handlers handlers;
    handlers.on_message = [this](std::string text, const std::vector<UniqueFd>&) {
      answers.push_back(std::move(text));
    };
    giver->start(std::move(handlers));
    reader = std::make_unique<GiftReader>(
        std::move(pair.first), "layout-1",
        GiftReader::Handlers{
            [this](std::uint64_t batch, std::vector<ParkedConnection> connections) {
              batches.push_back(batch);
              for (const ParkedConnection& one : connections) {
                states.push_back(one.state);
              }
            },
            [this] { ++ends; }});
  }
  /// The bytes of a clean slot.
  static std::string slot(std::string_view note) {
    SlotTable table = *SlotTable::make();
    settle(table.at(*table.take("tag")), {note, "", "", 0, 0, false});
    std::string bytes(kSlotBytes, '\0');
    EXPECT_GT(::pread(table.descriptor(), bytes.data(), bytes.size(), 0), 0);
    return bytes;
  }
  void give(const std::string& text, std::size_t count) {
    EXPECT_THAT(giver->send(text, std::vector<int>(count, STDIN_FILENO)), IsOk());
    sim.settle();
  }

  SimReactor sim;
  FakeChannelHub hub{sim};
  std::unique_ptr<FdChannel> giver;
  std::unique_ptr<GiftReader> reader;
  std::vector<std::uint64_t> batches;
  std::vector<std::variant<ParkedState, Doubt>> states;
  std::vector<std::string> answers;
  int ends = 0;
};

TEST_F(GiftReaderTest, GivesBatchesAndSaysWhenThatWasAll) {
  give("slots 7 layout-1 1 1\n" + slot("a") + slot("b"), 2);
  give("slots 8 layout-1 1\n" + slot("c"), 1);
  give("end", 0);
  EXPECT_THAT(reader->took(7), IsOk());
  sim.settle();

  EXPECT_THAT(batches, ElementsAre(7U, 8U));
  ASSERT_EQ(states.size(), 3U);
  EXPECT_EQ(std::get<ParkedState>(states[2]).note, "c");
  EXPECT_EQ(ends, 1);
  EXPECT_THAT(answers, ElementsAre("took 7"));
}

TEST_F(GiftReaderTest, DoubtsWhatHasAnotherLayout) {
  give("slots 7 layout-2 1\n" + slot("a"), 1);

  ASSERT_EQ(states.size(), 1U);
  EXPECT_EQ(std::get<Doubt>(states[0]), Doubt::kBroken);
}

TEST_F(GiftReaderTest, EndsAtWhatItDoesNotUnderstand) {
  for (const std::string& text :
       {std::string("slots"), std::string("slots 7 layout-1 1\n"),
        "slots x layout-1 1\n" + slot("a"), "slots 7 layout-1 1 1\n" + slot("a"),
        "slots 7 layout-1 x\n" + slot("a"), "other 7 layout-1 1\n" + slot("a"),
        std::string("\n")}) {
    EXPECT_THAT(parse_slots(text), FailsWith(ErrorCode::kCorrupt)) << text.substr(0, 30);
  }
  give("slots 7 layout-1 1\n" + slot("a"), 2);
  EXPECT_THAT(states, IsEmpty());
  EXPECT_EQ(ends, 1);
  give("end", 0);
  EXPECT_EQ(ends, 1);
}

TEST_F(GiftReaderTest, NothingIsOursOnceTheOtherSideIsGone) {
  give("slots 7 layout-1 1\n" + slot("a"), 1);
  giver.reset();
  EXPECT_THAT(reader->took(7), FailsWith(ErrorCode::kUnavailable));
  sim.settle();

  EXPECT_EQ(ends, 1);
}

TEST_F(GiftReaderTest, NothingIsOursBeforeTheOtherSideIsSureToLearnIt) {
  give("slots 7 layout-1 1\n" + slot("a"), 1);
  hub.hold();

  EXPECT_THAT(reader->took(7), FailsWith(ErrorCode::kResourceExhausted));

  hub.release();
  EXPECT_THAT(reader->took(7), IsOk());
  sim.settle();
  EXPECT_THAT(answers, ElementsAre("took 7"));
}

}  // namespace
}  // namespace voicectl::parking
