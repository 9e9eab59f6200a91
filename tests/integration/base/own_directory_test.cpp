// SPDX-License-Identifier: Apache-2.0
#include "base/os/own_directory.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/file_lock.h"
#include "base/os/posix_file_system.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;

class OwnDirectoryTest : public ::testing::Test {
 protected:
  Status claim(const std::string& name) {
    return claim_directory(files_, folder_.path(name), kPrivateDirectory);
  }
  mode_t mode_of(const std::string& name) const {
    struct stat about {};
    return ::lstat(folder_.path(name).c_str(), &about) == 0 ? about.st_mode & 07777 : 0;
  }

  TempDir folder_;
  PosixFileSystem files_;
};

TEST_F(OwnDirectoryTest, ClaimsAFolderThatIsNewOrItsOwn) {
  EXPECT_THAT(claim("a/b"), IsOk());
  EXPECT_THAT(claim("a/b"), IsOk());
  EXPECT_EQ(mode_of("a/b"), 0700U);
}

TEST_F(OwnDirectoryTest, AFolderThatIsThereKeepsItsMode) {
  ASSERT_THAT(files_.make_directory(folder_.path("shared"), kSharedDirectory), IsOk());

  EXPECT_THAT(claim("shared"), IsOk());

  EXPECT_EQ(mode_of("shared"), 0711U);
}

TEST_F(OwnDirectoryTest, ClaimsNoFolderThatOthersMayHaveWrittenIn) {
  ASSERT_THAT(files_.make_directory(folder_.path("open"), FileMode{0777}), IsOk());

  const Status claimed = claim("open");

  ASSERT_THAT(claimed, FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_THAT(claimed.error().message(), HasSubstr("others may write in it (mode 0777)"));
}

TEST_F(OwnDirectoryTest, ClaimsNoLinkAndNoFile) {
  ASSERT_THAT(claim("folder"), IsOk());
  ASSERT_THAT(files_.replace_link(folder_.path("link"), folder_.path("folder")), IsOk());
  ASSERT_THAT(files_.replace_atomically(folder_.path("file"), "", kPrivateFile), IsOk());

  EXPECT_THAT(claim("link"), FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_THAT(claim("file"), FailsWith(ErrorCode::kPermissionDenied));
}

TEST_F(OwnDirectoryTest, ClaimsNoFolderThatAnotherUserMade) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can make a folder of another user";
  }
  ASSERT_EQ(::mkdir(folder_.path("foreign").c_str(), 0700), 0);
  ASSERT_EQ(::chown(folder_.path("foreign").c_str(), 65534, 65534), 0);

  EXPECT_THAT(claim("foreign"), FailsWith(ErrorCode::kPermissionDenied));
}

TEST_F(OwnDirectoryTest, ALockThatRootMakesInTheFolderOfAnotherIsThatUsers) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can make a folder of another user";
  }
  ASSERT_EQ(::mkdir(folder_.path("foreign").c_str(), 0700), 0);
  ASSERT_EQ(::chown(folder_.path("foreign").c_str(), 65534, 65534), 0);

  EXPECT_TRUE(FileLock::take(folder_.path("foreign/lock")).has_value());

  struct stat about {};
  ASSERT_EQ(::lstat(folder_.path("foreign/lock").c_str(), &about), 0);
  EXPECT_EQ(about.st_uid, 65534U);
  // What was there already stays whose it is: it could be a link to anything.
  ASSERT_THAT(files_.replace_atomically(folder_.path("foreign/old"), "", kPrivateFile), IsOk());
  EXPECT_TRUE(FileLock::take(folder_.path("foreign/old")).has_value());
  ASSERT_EQ(::lstat(folder_.path("foreign/old").c_str(), &about), 0);
  EXPECT_EQ(about.st_uid, 0U);
}

}  // namespace
}  // namespace voicectl
