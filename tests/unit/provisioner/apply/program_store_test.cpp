// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/program_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_file_system.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

/// Answers when the test says so.
class ScriptedInspector final : public ProgramInspector {
 public:
  void inspect(const std::string& path, Completion<ProgramFacts> done) override {
    paths.push_back(path);
    waiting.push_back(std::move(done));
  }
  void answer(const Result<ProgramFacts>& facts) {
    const Completion<ProgramFacts> done = std::move(waiting.front());
    waiting.erase(waiting.begin());
    done(facts);
  }

  std::vector<std::string> paths;
  std::vector<Completion<ProgramFacts>> waiting;
};

class ProgramStoreTest : public ::testing::Test {
 protected:
  ProgramStoreTest() {
    EXPECT_THAT(files.make_directory("/state", kPrivateDirectory), IsOk());
    begin();
  }
  /// As a daemon that was started anew.
  void begin() {
    store = std::make_unique<ProgramStore>(ProgramStore::Deps{files, offload, inspector, wall},
                                           "/state/programs", kPrivateDirectory);
    EXPECT_THAT(store->look(), IsOk());
  }
  void take_in(const std::string& source) {
    store->take_in(source,
                   [this](const Result<ProgramRecord>& record) { records.push_back(record); });
    sim.settle();
  }
  static std::string folder(const std::string& fingerprint) {
    return "/state/programs/" + fingerprint;
  }

  SimReactor sim;
  SimOffload offload{sim};
  FakeFileSystem files;
  FixedWallClock wall;
  ScriptedInspector inspector;
  std::unique_ptr<ProgramStore> store;
  std::vector<Result<ProgramRecord>> records;
  const std::string one = fingerprint_of_program("program one");
  const std::string two = fingerprint_of_program("program two");
};

TEST_F(ProgramStoreTest, KeepsACopyThatCanBeRunWhateverBecomesOfItsSource) {
  files.put("/usr/bin/voice-runtime", "program one");
  take_in("/usr/bin/voice-runtime");
  inspector.answer(ProgramFacts{"1.2", "layout"});
  files.put("/usr/bin/voice-runtime", "program two");

  ASSERT_EQ(records.size(), 1U);
  EXPECT_THAT(records[0], IsOkAnd(ProgramRecord{one, "1.2", "layout", wall.now()}));
  ASSERT_THAT(store->find(one), Optional(folder(one) + "/voice-runtime"));
  EXPECT_EQ(files.content_of(*store->find(one)), "program one");
  EXPECT_EQ(files.find(*store->find(one))->mode, FileMode{0755});
  EXPECT_THAT(inspector.paths, ElementsAre(*store->find(one))) << "the copy was asked";
}

TEST_F(ProgramStoreTest, FindsItsCopiesAgain) {
  files.put("/a", "program one");
  take_in("/a");
  inspector.answer(ProgramFacts{"1.2", ""});
  EXPECT_THAT(files.make_directory(folder("0123456789abcdef"), kPrivateDirectory), IsOk());

  begin();

  EXPECT_TRUE(store->find(one).has_value());
  EXPECT_FALSE(store->find("0123456789abcdef").has_value()) << "a copy that was cut off";
}

TEST_F(ProgramStoreTest, TakesTheSameInOnce) {
  files.put("/a", "program one");
  take_in("/a");
  inspector.answer(ProgramFacts{"1.2", ""});
  const std::size_t changes = files.operations().size();

  take_in("/a");
  inspector.answer(ProgramFacts{"1.2", ""});

  EXPECT_EQ(files.operations().size(), changes);
  EXPECT_THAT(records.at(1), IsOkAnd(ProgramRecord{one, "1.2", "", wall.now()}));
}

TEST_F(ProgramStoreTest, MakesACopyAnewThatWasDamaged) {
  files.put("/a", "program one");
  take_in("/a");
  inspector.answer(ProgramFacts{"1.2", ""});
  files.damage(folder(one) + "/voice-runtime", "program o");

  take_in("/a");
  inspector.answer(ProgramFacts{"1.2", ""});

  EXPECT_EQ(files.content_of(folder(one) + "/voice-runtime"), "program one");
}

TEST_F(ProgramStoreTest, NobodyRemovesOneThatIsHeldOrBeingCopied) {
  files.put("/a", "program one");
  take_in("/a");
  inspector.answer(ProgramFacts{"1.2", ""});
  std::shared_ptr<const void> held = store->hold(one);

  store->keep_only({});
  EXPECT_TRUE(store->find(one).has_value()) << "an upgrade is about to begin with it";

  files.put("/b", "program two");
  store->take_in("/b", [](const Result<ProgramRecord>&) {});
  held.reset();
  store->keep_only({});
  EXPECT_TRUE(store->find(one).has_value()) << "it may be what is being copied";

  sim.settle();
  inspector.answer(ProgramFacts{"1.3", ""});
  store->keep_only({});
  EXPECT_FALSE(store->find(one).has_value());
}

TEST_F(ProgramStoreTest, OneThatDoesNotRunLeavesNothingBehind) {
  files.put("/a", "program one");
  take_in("/a");
  inspector.answer(Error(ErrorCode::kInvalidArgument, "cannot use it"));

  EXPECT_THAT(records.at(0), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_FALSE(store->find(one).has_value());
  EXPECT_EQ(files.find(folder(one)), nullptr);
}

TEST_F(ProgramStoreTest, OneThatRanBeforeStaysWhenItDoesNotRunAnyMore) {
  files.put("/a", "program one");
  take_in("/a");
  inspector.answer(ProgramFacts{"1.2", ""});

  take_in("/a");
  inspector.answer(Error(ErrorCode::kTimeout, "cannot wait for it"));

  EXPECT_THAT(records.at(1), FailsWith(ErrorCode::kTimeout));
  EXPECT_TRUE(store->find(one).has_value()) << "instances run it";
  EXPECT_EQ(files.content_of(folder(one) + "/voice-runtime"), "program one");
}

TEST_F(ProgramStoreTest, OfTwoAtOnceTheOneThatFailsTakesNothingFromTheOther) {
  files.put("/a", "program one");
  take_in("/a");
  take_in("/a");
  inspector.answer(Error(ErrorCode::kTimeout, "cannot wait for it"));
  inspector.answer(ProgramFacts{"1.2", ""});

  EXPECT_TRUE(store->find(one).has_value());
  EXPECT_EQ(files.content_of(folder(one) + "/voice-runtime"), "program one");
}

TEST_F(ProgramStoreTest, SaysWhatIsWrongWithASource) {
  take_in("/nowhere");
  files.put("/empty", "");
  take_in("/empty");
  files.put("/a", "program one");
  files.fill_disk();
  take_in("/a");

  ASSERT_EQ(records.size(), 3U);
  EXPECT_THAT(records[0], FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(records[1], FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(records[2], FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_THAT(inspector.paths, IsEmpty());
}

TEST_F(ProgramStoreTest, RemovesAllButThoseThatAreNeededOrArriving) {
  files.put("/a", "program one");
  files.put("/b", "program two");
  files.put("/c", "program three");
  take_in("/a");
  take_in("/b");
  inspector.answer(ProgramFacts{"1", ""});
  inspector.answer(ProgramFacts{"2", ""});
  take_in("/c");

  store->keep_only({two});

  EXPECT_FALSE(store->find(one).has_value());
  EXPECT_EQ(files.find(folder(one)), nullptr);
  EXPECT_TRUE(store->find(two).has_value());
  EXPECT_NE(files.find(folder(fingerprint_of_program("program three"))), nullptr);
}

TEST_F(ProgramStoreTest, TellsNobodyOnceItIsGone) {
  files.put("/a", "program one");
  take_in("/a");

  store.reset();
  inspector.answer(ProgramFacts{"1", ""});

  EXPECT_THAT(records, IsEmpty());
}

}  // namespace
}  // namespace voicectl
