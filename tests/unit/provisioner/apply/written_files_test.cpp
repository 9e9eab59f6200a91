// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/written_files.h"

#include <gmock/gmock.h>

#include "base/crypto.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr const char* kPath = "/state/tenants/alpha/config.json";

class WrittenFilesTest : public ::testing::Test {
 protected:
  WrittenFilesTest() { files.put(kPath, "ours"); }

  std::vector<std::string> copies() { return *files.list("/state/kept"); }

  FakeFileSystem files;
  FixedWallClock wall;
  std::vector<std::string> told;
  WrittenFiles written{
      files,
      wall,
      "/state/kept",
      {{kPath, sha256_hex("ours")}},
      [this](const std::string& path, const std::string&) { told.push_back(path); }};
};

TEST_F(WrittenFilesTest, WhatWeWroteOurselvesIsNotKept) {
  EXPECT_THAT(written.keep_before(kPath, "next"), IsOk());

  EXPECT_THAT(copies(), IsEmpty());
}

TEST_F(WrittenFilesTest, WhatAnotherWroteIsKeptOnceAndPrivate) {
  files.damage(kPath, "by hand");

  EXPECT_THAT(written.keep_before(kPath, "next"), IsOk());
  EXPECT_THAT(written.keep_before(kPath, "next"), IsOk());

  ASSERT_THAT(copies(), SizeIs(1));
  EXPECT_THAT(told, ElementsAre(kPath));
  EXPECT_EQ(files.content_of("/state/kept/" + copies()[0]), "by hand");
  EXPECT_EQ(files.find("/state/kept/" + copies()[0])->mode, kPrivateFile);
  EXPECT_EQ(files.find("/state/kept")->mode, kPrivateDirectory);
}

TEST_F(WrittenFilesTest, WhatIsNoFileOrEndlessIsSetAside) {
  ASSERT_THAT(files.remove(kPath), IsOk());
  ASSERT_THAT(files.make_directory(std::string(kPath) + "/inner", kPrivateDirectory), IsOk());
  EXPECT_THAT(written.keep_before(kPath, "next"), IsOk());
  EXPECT_EQ(files.find(kPath), nullptr);
  EXPECT_THAT(copies(), SizeIs(1));

  const std::string endless = "/state/tenants/alpha/keys.json";
  files.put(endless, std::string((16U << 20) + 1, ' '));
  EXPECT_THAT(written.keep_unless(endless, {}), IsOk());
  EXPECT_EQ(files.find(endless), nullptr);
  EXPECT_THAT(copies(), SizeIs(2));
}

TEST_F(WrittenFilesTest, NothingIsLostByWritingWhatIsThereAlready) {
  files.damage(kPath, "next");

  EXPECT_THAT(written.keep_before(kPath, "next"), IsOk());

  EXPECT_THAT(copies(), IsEmpty());
}

TEST_F(WrittenFilesTest, ATextOfAnInterruptedChangeIsOurs) {
  files.damage(kPath, "newer");

  EXPECT_THAT(
      written.keep_before(kPath, "next", [](std::string_view text) { return text == "newer"; }),
      IsOk());

  EXPECT_THAT(copies(), IsEmpty());
}

TEST_F(WrittenFilesTest, ATextOfWhichNobodyKnowsWhoWroteItIsKept) {
  files.put("/state/other", "text");

  EXPECT_THAT(written.keep_before("/state/other", "next", [](auto) { return true; }), IsOk());
  EXPECT_THAT(copies(), IsEmpty());
  EXPECT_THAT(written.keep_before("/state/other", "next"), IsOk());

  EXPECT_THAT(copies(), SizeIs(1));
}

TEST_F(WrittenFilesTest, WhatIsNoneOfTheRightTextsIsKept) {
  EXPECT_THAT(written.keep_unless(kPath, {sha256_hex("a"), sha256_hex("ours")}), IsOk());
  EXPECT_THAT(copies(), IsEmpty());

  EXPECT_THAT(written.keep_unless(kPath, {sha256_hex("a")}), IsOk());

  EXPECT_THAT(copies(), SizeIs(1));
}

TEST_F(WrittenFilesTest, NothingIsWrittenOverThatCouldNotBeKept) {
  files.damage(kPath, "by hand");
  files.fill_disk();

  EXPECT_THAT(written.keep_before(kPath, "next"), FailsWith(ErrorCode::kResourceExhausted));
}

TEST_F(WrittenFilesTest, TellsTheRegistryWhatIsNewAndOnlyOnce) {
  RecordedChange first;
  RecordedChange second;
  written.note(kPath, "next");
  written.note(kPath, "next");

  written.take_into(first);
  written.take_into(second);

  EXPECT_THAT(first.put_written, ElementsAre(Pair(kPath, sha256_hex("next"))));
  EXPECT_THAT(second.put_written, IsEmpty());
}

TEST_F(WrittenFilesTest, OldCopiesMakeRoom) {
  const auto edit = [this](const std::string& path, std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
      files.put(path, "by hand " + std::to_string(i));
      ASSERT_THAT(written.keep_before(path, "next"), IsOk());
      wall.advance(std::chrono::seconds(1));
    }
  };
  edit("/state/tenants/beta/config.json", 1);
  edit("/state/other", kKeptCopies + 5);
  edit("/state/tenants/alphabet/keys.json", 1);
  edit(kPath, kKeptCopiesOfTenant + 5);

  EXPECT_THAT(copies(), SizeIs(kKeptCopies + kKeptCopiesOfTenant + 2))
      << "one tenant's edits take nobody else's copies away";
  EXPECT_EQ(files.content_of("/state/kept/" + copies().back()),
            "by hand " + std::to_string(kKeptCopiesOfTenant + 4));
}

TEST_F(WrittenFilesTest, CopiesOfATenantGoWithIt) {
  files.damage(kPath, "by hand");
  files.put("/state/tenants/alphabet/config.json", "ours");
  written.note("/state/tenants/alphabet/config.json", "ours");
  files.damage("/state/tenants/alphabet/config.json", "by hand too");
  ASSERT_THAT(written.keep_before(kPath, "next"), IsOk());
  ASSERT_THAT(written.keep_before("/state/tenants/alphabet/config.json", "next"), IsOk());
  RecordedChange change;

  EXPECT_THAT(written.forget("/state/tenants/alpha/"), IsOk());
  written.take_into(change);

  ASSERT_THAT(copies(), SizeIs(1));
  EXPECT_EQ(files.content_of("/state/kept/" + copies()[0]), "by hand too");
  EXPECT_EQ(change.put_written.at(kPath), "");
}

TEST_F(WrittenFilesTest, WhatIsOnAnotherFileSystemIsSetAsideWhereItIs) {
  files.put("/run/domains/a.sock", "text");

  EXPECT_THAT(written.set_aside(kPath), IsOk());
  EXPECT_THAT(written.set_aside("/run/domains/a.sock"), IsOk());

  EXPECT_THAT(copies(), SizeIs(1));
  EXPECT_EQ(files.find("/run/domains/a.sock"), nullptr);
  EXPECT_THAT(*files.list("/run/domains"), SizeIs(1));
}

}  // namespace
}  // namespace voicectl
