// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "base/crypto.h"
#include "playbooks/modules/host_file.h"
#include "playbooks/modules/package.h"
#include "tests/support/matchers.h"
#include "tests/support/playbooks/fake_host.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::IsEmpty;

std::vector<std::string> texts(const std::vector<Change>& changes) {
  std::vector<std::string> out;
  for (const Change& change : changes) {
    out.push_back(change.text);
  }
  return out;
}

PathState a_file(const std::string& content) {
  return PathState{PathKind::kFile, FileMode{0644}, "root", "root", sha256_hex(content)};
}

TEST(FileModuleTest, LeavesAFileThatIsAsAsked) {
  const auto changes = diff_file({.path = "/etc/x", .content = "a", .owner = "root"}, a_file("a"));

  EXPECT_THAT(*changes, IsEmpty());
}

TEST(FileModuleTest, WritesAMissingFile) {
  const auto changes =
      diff_file({.path = "/etc/x", .content = "abc", .owner = "www-data"}, std::nullopt);

  EXPECT_THAT(texts(*changes), ElementsAre("new file (3 bytes)", "owner (none) -> www-data"));
  EXPECT_EQ((*changes)[0].upload_path, "/etc/x");
  EXPECT_THAT((*changes)[1].command.words, ElementsAre("chown", "-h", "--", "www-data", "/etc/x"));
}

TEST(FileModuleTest, ChangesOnlyTheModeWhenOnlyTheModeDiffers) {
  const auto changes =
      diff_file({.path = "/etc/x", .content = "a", .mode = FileMode{0600}}, a_file("a"));

  EXPECT_THAT(texts(*changes), ElementsAre("mode 0644 -> 0600"));
}

TEST(FileModuleTest, OverwritesNoFolder) {
  PathState folder = a_file("");
  folder.kind = PathKind::kDirectory;

  EXPECT_THAT(diff_file({.path = "/etc", .content = "a"}, folder), FailsWith(ErrorCode::kConflict));
}

TEST(DirectoryModuleTest, MakesAMissingFolderWithItsMode) {
  const auto changes = diff_directory({.path = "/srv/a b", .mode = FileMode{0700}}, std::nullopt);

  ASSERT_THAT(texts(*changes), ElementsAre("new folder, mode 0700"));
  EXPECT_THAT((*changes)[0].command.words,
              ElementsAre("install", "-d", "-m", "0700", "--", "/srv/a b"));
}

TEST(DirectoryModuleTest, ReplacesNoFile) {
  EXPECT_THAT(diff_directory({.path = "/srv/x"}, a_file("a")), FailsWith(ErrorCode::kConflict));
}

TEST(PathProbeTest, TellsAbsenceFromAFolderThatHidesItsContent) {
  FakeHost host;
  host.scripted["stat -c %a:%U:%G:%F -- /root/x"] = {1, "", "stat: Permission denied"};
  host.scripted["env LC_ALL=C stat -c %a -- /root/x"] = {1, "", "stat: Permission denied"};

  EXPECT_THAT(probe_path(host, "/srv/none"), IsOkAnd(Eq(std::nullopt)));
  EXPECT_THAT(probe_path(host, "/root/x"), FailsWith(ErrorCode::kPermissionDenied));
}

TEST(PathProbeTest, SaysThatAnAnswerMakesNoSense) {
  FakeHost host;
  host.scripted["stat -c %a:%U:%G:%F -- /x"] = {0, "welcome to this host!\n", ""};

  EXPECT_THAT(probe_path(host, "/x"), FailsWith(ErrorCode::kInternal));
}

TEST(PackageModuleTest, InstallsWhatIsMissingAndNothingElse) {
  FakeHost host;
  host.packages = {"curl"};
  const auto installed = probe_packages(host, {"curl", "nginx"});

  const std::vector<Change> changes = diff_packages({"curl", "nginx"}, *installed);

  ASSERT_THAT(texts(changes), ElementsAre("install nginx"));
  EXPECT_EQ(changes[0].command.words.back(), "nginx");
}

TEST(PackageModuleTest, CountsARemovedPackageAsMissing) {
  FakeHost host;
  host.scripted["dpkg-query -W -f ${db:Status-Status} ${Package}\\n -- nginx"] = {
      0, "config-files nginx\n", ""};

  EXPECT_THAT(*probe_packages(host, {"nginx"}), IsEmpty());
}

TEST(PackageModuleTest, SaysThatTheHostIsNotDebian) {
  FakeHost host;
  host.scripted["dpkg-query -W -f ${db:Status-Status} ${Package}\\n -- nginx"] = {
      127, "", "sh: dpkg-query: not found"};

  EXPECT_THAT(probe_packages(host, {"nginx"}), FailsWith(ErrorCode::kConflict));
}

TEST(PackageModuleTest, TakesDebianNamesOnly) {
  EXPECT_THAT(check_package_name("libstdc++-12-dev"), IsOk());
  EXPECT_THAT(check_package_name("-o"), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(check_package_name("Nginx"), FailsWith(ErrorCode::kInvalidArgument));
}

}  // namespace
}  // namespace voicectl
