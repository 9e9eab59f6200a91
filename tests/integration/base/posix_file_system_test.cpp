// SPDX-License-Identifier: Apache-2.0
#include "base/os/posix_file_system.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/contract_file_system.h"
#include "tests/support/temp_dir.h"

namespace {

/// Once: where the next folder that is made is replaced by a link to.
std::string next_folder_becomes;  // NOLINT(runtime/string): read by a function of C

}  // namespace

/// As of a rival who owns the folder around it, between two system calls.
extern "C" int mkdirat(int folder, const char* name, mode_t mode) noexcept {
  const int outcome = static_cast<int>(::syscall(SYS_mkdirat, folder, name, mode));
  if (outcome == 0 && !next_folder_becomes.empty()) {
    const std::string target = std::exchange(next_folder_becomes, "");
    EXPECT_EQ(::unlinkat(folder, name, AT_REMOVEDIR), 0);
    EXPECT_EQ(::symlinkat(target.c_str(), folder, name), 0);
  }
  return outcome;
}

namespace voicectl {
namespace {

class RealFileSystemWorld final : public FileSystemWorld {
 public:
  FileSystem& files() override { return files_; }
  std::string root() const override { return folder_.path(); }

 private:
  TempDir folder_;
  PosixFileSystem files_;
};

std::unique_ptr<FileSystemWorld> make_real() {
  return std::make_unique<RealFileSystemWorld>();
}

INSTANTIATE_TEST_SUITE_P(Posix, FileSystemContract, ::testing::Values(&make_real));

class PosixFileSystemTest : public ::testing::Test {
 protected:
  static mode_t mode_of(const std::string& path) {
    struct stat about {};
    return ::lstat(path.c_str(), &about) == 0 ? about.st_mode & 07777 : 0;
  }

  TempDir folder_;
  PosixFileSystem files_;
};

TEST_F(PosixFileSystemTest, SetsTheModeExactlyWhateverTheUmask) {
  const mode_t before = ::umask(0077);
  EXPECT_THAT(files_.make_directory(folder_.path("a/b"), kSharedDirectory), IsOk());
  EXPECT_THAT(files_.replace_atomically(folder_.path("a/file"), "x", FileMode{0644}), IsOk());
  ::umask(before);

  EXPECT_EQ(mode_of(folder_.path("a")), 0711U);
  EXPECT_EQ(mode_of(folder_.path("a/b")), 0711U);
  EXPECT_EQ(mode_of(folder_.path("a/file")), 0644U);
}

TEST_F(PosixFileSystemTest, TheModeOfANewFolderIsNotSetOnWhatALinkInItsPlaceNames) {
  ASSERT_EQ(::mkdir(folder_.path("victim").c_str(), 0700), 0);
  for (const char* const made : {"a", "b/c"}) {
    next_folder_becomes = folder_.path("victim");

    EXPECT_TRUE(files_.make_directory(folder_.path(made), kSharedDirectory).has_error()) << made;

    EXPECT_EQ(mode_of(folder_.path("victim")), 0700U) << made;
  }
}

TEST_F(PosixFileSystemTest, CorrectsTheModeOfAFolderThatIsThere) {
  ASSERT_EQ(::mkdir(folder_.path("a").c_str(), 0755), 0);

  ASSERT_THAT(files_.make_directory(folder_.path("a"), kPrivateDirectory), IsOk());

  EXPECT_EQ(mode_of(folder_.path("a")), 0700U);
}

TEST_F(PosixFileSystemTest, RefusesPathsThatAreNotAbsolute) {
  EXPECT_THAT(files_.replace_atomically("file", "x", kPrivateFile),
              FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(files_.remove("/"), FailsWith(ErrorCode::kInvalidArgument));
}

TEST_F(PosixFileSystemTest, RefusesAFifoWithoutWaitingForAWriter) {
  ASSERT_EQ(::mkfifo(folder_.path("fifo").c_str(), 0600), 0);

  EXPECT_THAT(files_.read(folder_.path("fifo"), 10), FailsWith(ErrorCode::kCorrupt));
}

TEST_F(PosixFileSystemTest, ReadsFilesWhoseSizeTheKernelDoesNotTell) {
  EXPECT_THAT(files_.read("/proc/self/status", 1 << 20),
              IsOkAnd(::testing::Optional(::testing::HasSubstr("Name:"))));
}

TEST_F(PosixFileSystemTest, HidesAndReplacesWhatAnInterruptedReplacementLeft) {
  ASSERT_THAT(files_.replace_atomically(folder_.path(".file.new"), "half", kPrivateFile), IsOk());
  ASSERT_THAT(files_.list(folder_.path()), IsOkAnd(::testing::IsEmpty()));

  ASSERT_THAT(files_.replace_atomically(folder_.path("file"), "whole", kPrivateFile), IsOk());

  EXPECT_NE(::access(folder_.path(".file.new").c_str(), F_OK), 0);
  EXPECT_THAT(files_.read(folder_.path("file"), 10),
              IsOkAnd(::testing::Optional(std::string("whole"))));
}

TEST_F(PosixFileSystemTest, ShowsReadersWholeFilesWhileManyReplaceThem) {
  const std::string path = folder_.path("file");
  ASSERT_THAT(files_.replace_atomically(path, std::string(5000, 'a'), kPrivateFile), IsOk());
  std::atomic<int> replaced = 0;
  std::vector<std::thread> writers;
  for (const char letter : {'a', 'b', 'c'}) {
    writers.emplace_back([&, letter] {
      for (int i = 0; i < 20; ++i) {
        EXPECT_THAT(files_.replace_atomically(path, std::string(5000, letter), kPrivateFile),
                    IsOk());
        ++replaced;
      }
    });
  }

  while (replaced < 60) {
    const auto content = files_.read(path, 10'000);
    ASSERT_THAT(content, IsOk());
    ASSERT_TRUE(content->has_value());
    ASSERT_EQ((*content)->size(), 5000U);
    ASSERT_EQ((*content)->find_first_not_of((*content)->front()), std::string::npos);
  }
  for (std::thread& writer : writers) {
    writer.join();
  }

  EXPECT_THAT(files_.list(folder_.path()), IsOkAnd(::testing::ElementsAre("file")));
}

TEST_F(PosixFileSystemTest, RemovesWithoutFollowingLinksInsideAFolder) {
  ASSERT_THAT(files_.make_directory(folder_.path("kept"), kPrivateDirectory), IsOk());
  ASSERT_THAT(files_.replace_atomically(folder_.path("kept/file"), "x", kPrivateFile), IsOk());
  ASSERT_THAT(files_.make_directory(folder_.path("gone"), kPrivateDirectory), IsOk());
  ASSERT_THAT(files_.replace_link(folder_.path("gone/link"), folder_.path("kept")), IsOk());

  ASSERT_THAT(files_.remove(folder_.path("gone")), IsOk());

  EXPECT_EQ(::access(folder_.path("kept/file").c_str(), F_OK), 0);
}

TEST_F(PosixFileSystemTest, KeepsTheOldFileWhenTheDiskIsFull) {
  const std::string disk = folder_.path("disk");
  ASSERT_EQ(::mkdir(disk.c_str(), 0700), 0);
  if (::mount("none", disk.c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "needs the right to mount a small disk";
  }
  EXPECT_THAT(files_.replace_atomically(disk + "/file", "old", kPrivateFile), IsOk());

  const Status outcome =
      files_.replace_atomically(disk + "/file", std::string(1 << 20, 'x'), kPrivateFile);
  const auto content = files_.read(disk + "/file", 100);
  const auto names = files_.list(disk);
  const bool left_over = ::access((disk + "/.file.new").c_str(), F_OK) == 0;
  ::umount2(disk.c_str(), MNT_DETACH);

  EXPECT_THAT(outcome, FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_THAT(content, IsOkAnd(::testing::Optional(std::string("old"))));
  EXPECT_THAT(names, IsOkAnd(::testing::ElementsAre("file")));
  EXPECT_FALSE(left_over);
}

TEST_F(PosixFileSystemTest, TellsThatTheRightIsMissing) {
  if (::geteuid() == 0) {
    GTEST_SKIP() << "root may write everywhere";
  }
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0500), 0);

  EXPECT_THAT(files_.replace_atomically(folder_.path("file"), "x", kPrivateFile),
              FailsWith(ErrorCode::kPermissionDenied));
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0700), 0);
}

TEST_F(PosixFileSystemTest, GivesFilesToOthersWhereRoot) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root may give files away";
  }
  ASSERT_THAT(files_.replace_atomically(folder_.path("file"), "x", kPrivateFile), IsOk());
  ASSERT_THAT(files_.replace_link(folder_.path("link"), folder_.path("file")), IsOk());

  ASSERT_THAT(files_.set_owner(folder_.path("link"), {65534, 65534}), IsOk());

  struct stat file {};
  struct stat link {};
  ASSERT_EQ(::lstat(folder_.path("file").c_str(), &file), 0);
  ASSERT_EQ(::lstat(folder_.path("link").c_str(), &link), 0);
  EXPECT_EQ(file.st_uid, 0U);
  EXPECT_EQ(link.st_uid, 65534U);
}

TEST_F(PosixFileSystemTest, MakesFilesOfOthersWhereRoot) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root may give files away";
  }
  ASSERT_THAT(files_.replace_atomically(folder_.path("file"), "before", kPrivateFile), IsOk());

  ASSERT_THAT(files_.replace_owned(folder_.path("file"), "after", FileMode{0640}, {65534, 65533}),
              IsOk());

  struct stat file {};
  ASSERT_EQ(::lstat(folder_.path("file").c_str(), &file), 0);
  EXPECT_EQ(file.st_uid, 65534U);
  EXPECT_EQ(file.st_gid, 65533U);
  EXPECT_EQ(file.st_mode & 07777, 0640U);
}

TEST_F(PosixFileSystemTest, AFileThatCannotBeGivenAwayReplacesNothing) {
  if (::geteuid() == 0) {
    GTEST_SKIP() << "root may give everything away";
  }
  ASSERT_THAT(files_.replace_atomically(folder_.path("file"), "before", kPrivateFile), IsOk());

  EXPECT_THAT(files_.replace_owned(folder_.path("file"), "after", kPrivateFile, {0, 0}),
              FailsWith(ErrorCode::kPermissionDenied));

  EXPECT_EQ(files_.read(folder_.path("file"), 100).value(), "before");
}

TEST_F(PosixFileSystemTest, LeavesALinkThatPointsThereAlready) {
  const auto inode_of_link = [&] {
    struct stat link {};
    EXPECT_EQ(::lstat(folder_.path("link").c_str(), &link), 0);
    return link.st_ino;
  };
  ASSERT_THAT(files_.replace_link(folder_.path("link"), "target"), IsOk());
  const auto first = inode_of_link();

  EXPECT_THAT(files_.replace_link(folder_.path("link"), "target"), IsOk());
  EXPECT_EQ(inode_of_link(), first);

  EXPECT_THAT(files_.replace_link(folder_.path("link"), "targe"), IsOk());
  EXPECT_EQ(std::filesystem::read_symlink(folder_.path("link")), "targe");
}

}  // namespace
}  // namespace voicectl
