// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>

#include "base/os/file_system.h"
#include "tests/support/matchers.h"

namespace voicectl {

/// A disk with an empty folder to play in.
class FileSystemWorld {
 public:
  virtual ~FileSystemWorld() = default;
  virtual FileSystem& files() = 0;
  virtual std::string root() const = 0;
};

/// What every FileSystem promises. Include in one source per program and instantiate.
class FileSystemContract : public ::testing::TestWithParam<std::unique_ptr<FileSystemWorld> (*)()> {
 protected:
  static constexpr std::size_t kPlenty = 1 << 20;

  std::string at(const std::string& name) const { return world_->root() + "/" + name; }
  Status write(const std::string& name, std::string_view content) {
    return files_.replace_atomically(at(name), content, kPrivateFile);
  }
  /// Content, or a word for what is wrong.
  std::string content(const std::string& name) {
    const auto found = files_.read(at(name), kPlenty);
    return found.has_error() ? "<error>" : found->value_or("<absent>");
  }
  std::vector<std::string> names() {
    const auto found = files_.list(world_->root());
    return found.has_error() ? std::vector<std::string>{"<error>"} : *found;
  }

  std::unique_ptr<FileSystemWorld> world_ = GetParam()();
  FileSystem& files_ = world_->files();
};

TEST_P(FileSystemContract, ReadsBackWhatWasWritten) {
  const std::string bytes("a\0b\n\xff", 5);

  ASSERT_THAT(write("file", bytes), IsOk());

  EXPECT_EQ(content("file"), bytes);
}

TEST_P(FileSystemContract, ReadsAnEmptyFileAsEmptyNotAsAbsent) {
  ASSERT_THAT(write("file", ""), IsOk());

  EXPECT_EQ(content("file"), "");
}

TEST_P(FileSystemContract, TellsAbsenceWithoutAnError) {
  EXPECT_EQ(content("file"), "<absent>");
  EXPECT_EQ(content("no-folder/file"), "<absent>");
}

TEST_P(FileSystemContract, ReadsUpToTheBudgetAndNotAByteMore) {
  ASSERT_THAT(write("file", std::string(100'000, 'x')), IsOk());

  EXPECT_THAT(files_.read(at("file"), 100'000), IsOk());
  EXPECT_THAT(files_.read(at("file"), 99'999), FailsWith(ErrorCode::kResourceExhausted));
}

TEST_P(FileSystemContract, ReplacesAFileWholeAndLeavesNothingBesideIt) {
  ASSERT_THAT(write("file", "a long first text"), IsOk());

  ASSERT_THAT(write("file", "short"), IsOk());

  EXPECT_EQ(content("file"), "short");
  EXPECT_THAT(names(), ::testing::ElementsAre("file"));
}

TEST_P(FileSystemContract, RefusesToWriteIntoAMissingFolder) {
  EXPECT_THAT(write("missing/file", "x"), FailsWith(ErrorCode::kInternal));
  EXPECT_THAT(names(), ::testing::IsEmpty());
}

TEST_P(FileSystemContract, RefusesToReplaceAFolderByAFile) {
  ASSERT_THAT(files_.make_directory(at("folder"), kPrivateDirectory), IsOk());

  EXPECT_THAT(write("folder", "x"), FailsWith(ErrorCode::kCorrupt));
  EXPECT_THAT(names(), ::testing::ElementsAre("folder"));
}

TEST_P(FileSystemContract, ListsNamesInOrder) {
  ASSERT_THAT(write("b", ""), IsOk());
  ASSERT_THAT(write("a", ""), IsOk());
  ASSERT_THAT(files_.make_directory(at("c/inner"), kPrivateDirectory), IsOk());

  EXPECT_THAT(names(), ::testing::ElementsAre("a", "b", "c"));
}

TEST_P(FileSystemContract, ListsAMissingFolderAsEmpty) {
  EXPECT_THAT(files_.list(at("missing")), IsOkAnd(::testing::IsEmpty()));
}

TEST_P(FileSystemContract, RefusesToListAFile) {
  ASSERT_THAT(write("file", ""), IsOk());

  EXPECT_THAT(files_.list(at("file")), FailsWith(ErrorCode::kInternal));
}

TEST_P(FileSystemContract, MakesAFolderWithItsParentsAndAgain) {
  ASSERT_THAT(files_.make_directory(at("a/b/c"), kPrivateDirectory), IsOk());
  ASSERT_THAT(files_.make_directory(at("a/b/c"), kPrivateDirectory), IsOk());

  EXPECT_THAT(write("a/b/c/file", "x"), IsOk());
}

TEST_P(FileSystemContract, RefusesAFolderWhereAFileIs) {
  ASSERT_THAT(write("file", ""), IsOk());

  EXPECT_THAT(files_.make_directory(at("file"), kPrivateDirectory),
              FailsWith(ErrorCode::kInternal));
}

TEST_P(FileSystemContract, RemovesAFileAndAWholeFolder) {
  ASSERT_THAT(write("file", ""), IsOk());
  ASSERT_THAT(files_.make_directory(at("folder/inner"), kPrivateDirectory), IsOk());
  ASSERT_THAT(write("folder/inner/file", ""), IsOk());

  EXPECT_THAT(files_.remove(at("file")), IsOk());
  EXPECT_THAT(files_.remove(at("folder")), IsOk());

  EXPECT_THAT(names(), ::testing::IsEmpty());
}

TEST_P(FileSystemContract, TakesRemovingNothingAsDone) {
  EXPECT_THAT(files_.remove(at("missing")), IsOk());
  EXPECT_THAT(files_.remove(at("missing/file")), IsOk());
}

TEST_P(FileSystemContract, RemovesALinkAndNotWhatItPointsAt) {
  ASSERT_THAT(files_.make_directory(at("folder"), kPrivateDirectory), IsOk());
  ASSERT_THAT(write("folder/file", "kept"), IsOk());
  ASSERT_THAT(files_.replace_link(at("link"), at("folder")), IsOk());

  ASSERT_THAT(files_.remove(at("link")), IsOk());

  EXPECT_EQ(content("folder/file"), "kept");
  EXPECT_THAT(names(), ::testing::ElementsAre("folder"));
}

TEST_P(FileSystemContract, PointsALinkElsewhereInOneStep) {
  ASSERT_THAT(files_.replace_link(at("link"), at("old")), IsOk());

  ASSERT_THAT(files_.replace_link(at("link"), at("new")), IsOk());

  EXPECT_THAT(names(), ::testing::ElementsAre("link"));
}

TEST_P(FileSystemContract, FollowsNoLinkWhenReading) {
  ASSERT_THAT(write("file", "secret"), IsOk());
  ASSERT_THAT(files_.replace_link(at("link"), at("file")), IsOk());

  EXPECT_THAT(files_.read(at("link"), kPlenty), FailsWith(ErrorCode::kCorrupt));
}

TEST_P(FileSystemContract, TellsWhereAPathLeads) {
  ASSERT_THAT(files_.make_directory(at("real/inner"), kPrivateDirectory), IsOk());
  ASSERT_THAT(write("real/inner/file", "x"), IsOk());
  ASSERT_THAT(files_.replace_link(at("folder"), at("real/inner")), IsOk());
  ASSERT_THAT(files_.replace_link(at("real/near"), "inner/file"), IsOk());
  ASSERT_THAT(files_.replace_link(at("round"), at("round")), IsOk());

  EXPECT_THAT(files_.real_path(at("folder/file")), IsOkAnd(at("real/inner/file")));
  EXPECT_THAT(files_.real_path(at("real//./near")), IsOkAnd(at("real/inner/file")));
  EXPECT_THAT(files_.real_path(at("folder/../inner/")), IsOkAnd(at("real/inner")));
  EXPECT_THAT(files_.real_path("/"), IsOkAnd("/"));
  EXPECT_THAT(files_.real_path(at("folder/missing")), FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(files_.real_path(at("round")), FailsWith(ErrorCode::kCorrupt));
}

TEST_P(FileSystemContract, FollowsNoLinkAnywhereWhenThatIsAskedFor) {
  ASSERT_THAT(files_.make_directory(at("real/inner"), kPrivateDirectory), IsOk());
  ASSERT_THAT(write("real/inner/file", "secret"), IsOk());
  ASSERT_THAT(files_.replace_link(at("folder"), at("real")), IsOk());
  ASSERT_THAT(files_.replace_link(at("real/inner/link"), at("real/inner/file")), IsOk());
  const auto read = [this](const std::string& name) {
    return files_.read_without_links(at(name), 6);
  };

  EXPECT_THAT(read("real/inner/file"), IsOkAnd(::testing::Optional(std::string("secret"))));
  EXPECT_THAT(read("folder/inner/file"), FailsWith(ErrorCode::kCorrupt));
  EXPECT_THAT(read("real/inner/link"), FailsWith(ErrorCode::kCorrupt));
  EXPECT_THAT(read("real/inner"), FailsWith(ErrorCode::kCorrupt)) << "a folder";
  EXPECT_THAT(read("real/missing/file"), IsOkAnd(::testing::Eq(std::nullopt)));
  EXPECT_THAT(read("real/inner/file/below"), IsOkAnd(::testing::Eq(std::nullopt)));
  EXPECT_THAT(files_.read_without_links(at("real/inner/file"), 5),
              FailsWith(ErrorCode::kResourceExhausted));
}

TEST_P(FileSystemContract, ReplacesALinkItselfWhenWriting) {
  ASSERT_THAT(write("file", "old"), IsOk());
  ASSERT_THAT(files_.replace_link(at("link"), at("file")), IsOk());

  ASSERT_THAT(write("link", "new"), IsOk());

  EXPECT_EQ(content("file"), "old");
  EXPECT_EQ(content("link"), "new");
}

TEST_P(FileSystemContract, MovesAFileOverAnother) {
  ASSERT_THAT(write("from", "new"), IsOk());
  ASSERT_THAT(write("to", "old"), IsOk());

  ASSERT_THAT(files_.move(at("from"), at("to")), IsOk());

  EXPECT_EQ(content("to"), "new");
  EXPECT_THAT(names(), ::testing::ElementsAre("to"));
}

TEST_P(FileSystemContract, MovesAFolderWithWhatIsInIt) {
  ASSERT_THAT(files_.make_directory(at("from/inner"), kPrivateDirectory), IsOk());
  ASSERT_THAT(write("from/inner/file", "x"), IsOk());

  ASSERT_THAT(files_.move(at("from"), at("to")), IsOk());

  EXPECT_EQ(content("to/inner/file"), "x");
}

TEST_P(FileSystemContract, RefusesToMoveWhatIsNotThere) {
  EXPECT_THAT(files_.move(at("missing"), at("to")), FailsWith(ErrorCode::kInternal));
}

TEST_P(FileSystemContract, ReplacesAFileOfAnOwner) {
  const UserIds owner{::getuid(), ::getgid()};
  ASSERT_THAT(write("file", "before"), IsOk());

  EXPECT_THAT(files_.replace_owned(at("file"), "after", kPrivateFile, owner), IsOk());

  EXPECT_EQ(content("file"), "after");
  EXPECT_THAT(files_.replace_owned(at("missing/file"), "x", kPrivateFile, owner),
              FailsWith(ErrorCode::kInternal));
}

TEST_P(FileSystemContract, GivesAFileToItsOwnerAgain) {
  ASSERT_THAT(write("file", ""), IsOk());
  const UserIds owner{::getuid(), ::getgid()};

  EXPECT_THAT(files_.set_owner(at("file"), owner), IsOk());
  EXPECT_THAT(files_.set_owner(at("file"), owner), IsOk());
  EXPECT_THAT(files_.set_owner(at("missing"), owner), FailsWith(ErrorCode::kInternal));
}

}  // namespace voicectl
