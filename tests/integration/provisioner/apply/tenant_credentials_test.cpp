// SPDX-License-Identifier: Apache-2.0
// Whose files a tenant's document may name, on a real file system.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/os/posix_file_system.h"
#include "provisioner/apply/tenant_files.h"
#include "provisioner/model/desired_state_yaml.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class TenantCredentialsTest : public ::testing::Test {
 protected:
  TenantCredentialsTest() {
    for (const char* const tenant : {"alpha", "rival"}) {
      EXPECT_THAT(files.make_directory(at("state/tenants/") + tenant, kPrivateDirectory), IsOk());
    }
    EXPECT_THAT(files.make_directory(at("state-of-others"), kPrivateDirectory), IsOk());
    put(rivals, "key:canary\n");
    put(at("erp"), "key:own\n");
  }

  std::string at(const std::string& name) const { return folder.path(name); }
  void put(const std::string& path, const std::string& text) {
    EXPECT_THAT(files.replace_atomically(path, text, kPrivateFile), IsOk());
  }
  void link(const std::string& name, const std::string& target) {
    EXPECT_THAT(files.replace_link(at(name), target), IsOk());
  }
  TenantFiles with_state(const std::string& state) {
    return {files, random, {{state, at("run"), at("log")}, std::nullopt, true}};
  }
  static TenantSpec tenant(const std::string& slug, const std::string& credentials) {
    TenantSpec spec =
        *parse_tenant(R"({"slug":")" + slug + R"(","name":"One","business_type":"custom"})");
    spec.backend = {BackendKind::kErpnext, "https://erp.example.com", "", credentials};
    return spec;
  }
  std::optional<std::string> installed(const std::string& slug = "alpha") {
    return files.read(at("state/tenants/" + slug + "/erpnext.credentials"), 4096).value();
  }
  Status install(const std::string& credentials) {
    return with_state(at("state")).install_credentials(tenant("alpha", credentials));
  }
  void expect_refused(const std::string& credentials) {
    SCOPED_TRACE(credentials);
    TenantFiles tenant_files = with_state(at("state"));
    const TenantSpec spec = tenant("alpha", credentials);

    const Status taken = tenant_files.install_credentials(spec);

    ASSERT_THAT(taken, FailsWith(ErrorCode::kInvalidArgument));
    EXPECT_THAT(taken.error().text(), AllOf(HasSubstr("'" + credentials + "'"),
                                            HasSubstr("put them into a file elsewhere")));
    EXPECT_EQ(tenant_files.look_at_credentials(spec), TenantFiles::KeyState::kUnreadable);
    EXPECT_EQ(installed(), std::nullopt);
  }

  TempDir folder;
  PosixFileSystem files;
  SeededRandom random{3};
  const std::string rivals = at("state/tenants/rival/erpnext.credentials");
};

TEST_F(TenantCredentialsTest, ThePlatformsOwnFilesAreRefusedHoweverTheyAreNamed) {
  link("folder", at("state/tenants/rival"));
  link("file", rivals);
  link("far", at("file"));
  link("near", "state");

  expect_refused(rivals);
  expect_refused(at("state//tenants/./alpha/../rival/erpnext.credentials"));
  expect_refused(at("folder/erpnext.credentials"));
  expect_refused(at("file"));
  expect_refused(at("far"));
  expect_refused(at("near/tenants/rival/erpnext.credentials"));
  expect_refused("/proc/self/root" + rivals);
  expect_refused("/proc/" + std::to_string(::getpid()) + "/cwd/" +
                 std::filesystem::relative(rivals, std::filesystem::current_path()).string());
}

TEST_F(TenantCredentialsTest, WhateverTheStateFolderIsCalled) {
  link("other-name", at("state"));

  for (const std::string& state : {at("state/"), at("./state//"), at("other-name")}) {
    SCOPED_TRACE(state);
    EXPECT_THAT(with_state(state).install_credentials(tenant("alpha", rivals)),
                FailsWith(ErrorCode::kInvalidArgument));
  }
  EXPECT_EQ(installed(), std::nullopt);
}

TEST_F(TenantCredentialsTest, WhatIsTheKernelsIsRefused) {
  link("device", "/dev/null");

  for (const std::string& path :
       {std::string("/proc/self/environ"), std::string("/proc/version"), std::string("/dev/null"),
        at("device"), std::string("/sys/kernel/notes")}) {
    if (std::filesystem::exists(path)) {
      expect_refused(path);
    }
  }
}

TEST_F(TenantCredentialsTest, AFileElsewhereIsTakenAlsoByALinkAndAlsoForTwo) {
  put(at("state-of-others/erp"), "key:beside\n");
  link("link", at("erp"));

  EXPECT_THAT(install(at("erp")), IsOk());
  EXPECT_EQ(installed(), "key:own\n");
  EXPECT_THAT(install(at("state-of-others/erp")), IsOk()) << "only the names are alike";
  EXPECT_EQ(installed(), "key:beside\n");
  EXPECT_THAT(install(at("link")), IsOk());
  EXPECT_EQ(installed(), "key:own\n");
  TenantFiles tenant_files = with_state(at("state"));
  EXPECT_THAT(tenant_files.install_credentials(tenant("rival", at("link"))), IsOk());
  EXPECT_EQ(installed("rival"), "key:own\n");
  EXPECT_EQ(tenant_files.look_at_credentials(tenant("rival", at("link"))),
            TenantFiles::KeyState::kInstalled);
}

TEST_F(TenantCredentialsTest, ThePlatformsKeyIsNoTenantsWhereverItsFileIs) {
  put(at("ultravox.key"), "uv-key\n");
  ASSERT_EQ(::link(at("ultravox.key").c_str(), at("harmless").c_str()), 0);
  std::filesystem::create_directories(at("state/keys"));
  put(at("state/keys/ultravox.key"), "uv-key\n");

  for (const char* const name : {"ultravox.key", "harmless"}) {
    EXPECT_THAT(install(at(name)), FailsWith(ErrorCode::kInvalidArgument)) << name;
  }
  EXPECT_EQ(installed(), std::nullopt);
}

TEST_F(TenantCredentialsTest, WhatIsNoSmallFileIsNotRead) {
  ASSERT_EQ(::mkfifo(at("fifo").c_str(), 0600), 0);
  put(at("endless"), std::string(5000, 'x'));

  for (const char* const name : {"fifo", "endless", "state-of-others", "missing", "erp/below"}) {
    EXPECT_THAT(install(at(name)), FailsWith(ErrorCode::kNotFound)) << name;
  }
  EXPECT_EQ(installed(), std::nullopt);
}

}  // namespace
}  // namespace voicectl
