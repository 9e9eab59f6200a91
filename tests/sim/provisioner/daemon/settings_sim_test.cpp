// SPDX-License-Identifier: Apache-2.0
// A change of the platform's settings, while a tenant's own files are lost or spoilt.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/sim/provisioner/daemon/repair_world.h"

namespace voicectl {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SettingsSim : public RepairSim {
 protected:
  SettingsSim() { changed.platform.ultravox.endpoint = "http://127.0.0.1:4200/api"; }

  bool is_told_at(const char* config) {
    return machine.files.content_of(config).value_or("").find("4200") != std::string::npos;
  }
  void expect_that_only_alpha_missed_it() {
    const Applied applied = apply(changed);

    EXPECT_EQ(applied.outcome.failed + applied.outcome.skipped, 0U) << applied.outcome.remedy;
    EXPECT_EQ(daemon().daemon->recorded().snapshot().platform->ultravox.endpoint,
              changed.platform.ultravox.endpoint);
    EXPECT_TRUE(is_told_at(kConfigOfBeta));
    EXPECT_FALSE(is_told_at(kConfig));
    EXPECT_THAT(machine.log_lines, Contains(HasSubstr("not written for 1 tenant: 'alpha'")));
  }

  DesiredState changed = desired;
};

TEST_F(SettingsSim, ATenantWhoseSecretsAreLostHoldsUpNoChangeOfThePlatform) {
  EXPECT_THAT(machine.files.remove(kFolder), IsOk());

  expect_that_only_alpha_missed_it();

  EXPECT_EQ(machine.files.find(kSecrets), nullptr);
}

TEST_F(SettingsSim, ATenantThatMissedThemGetsThemWhenItsFolderIsPutBack) {
  const std::map<std::string, FakeFileSystem::Entry> before = machine.files.entries();
  EXPECT_THAT(machine.files.remove(kFolder), IsOk());
  expect_that_only_alpha_missed_it();

  EXPECT_THAT(machine.files.make_directory(kData, kPrivateDirectory), IsOk());
  for (const auto& [path, entry] : before) {
    if (path.starts_with(std::string(kFolder) + "/") && entry.kind == FakeFileSystem::Kind::kFile) {
      machine.files.put(path, entry.content, entry.mode);
    }
  }
  EXPECT_FALSE(is_told_at(kConfig));
  EXPECT_EQ(apply(changed).outcome.failed, 0U);

  EXPECT_TRUE(is_told_at(kConfig));
  const std::string home = machine.instances.holders(kAlpha).front();
  EXPECT_EQ(machine.instances.find(home, kAlpha)->generation,
            daemon().daemon->recorded().find_tenant(kAlpha)->generation);
  EXPECT_THAT(names(), IsEmpty());
  expect_converged(changed);
}

TEST_F(SettingsSim, SpoiltSecretsAndASpoiltConfigurationAreTheTenantsOwnTrouble) {
  machine.files.damage(kSecrets, "{");
  machine.files.damage(kConfig, "{}");

  expect_that_only_alpha_missed_it();
}

TEST_F(SettingsSim, LostSecretsAndASpoiltConfigurationAreTheTenantsOwnTrouble) {
  EXPECT_THAT(machine.files.remove(kSecrets), IsOk());
  machine.files.damage(kConfig, "{}");

  expect_that_only_alpha_missed_it();
}

TEST_F(SettingsSim, FoldersInThePlaceOfItsFilesAreTheTenantsOwnTrouble) {
  for (const char* const path : {kSecrets, kConfig, kKeys}) {
    EXPECT_THAT(machine.files.remove(path), IsOk());
    EXPECT_THAT(machine.files.make_directory(std::string(path) + "/inner", kPrivateDirectory),
                IsOk());
  }

  expect_that_only_alpha_missed_it();
}

TEST_F(SettingsSim, WhatTheConfigurationSaysTooIsNotLost) {
  const std::string before = *machine.files.content_of(kSecrets);
  for (const std::string& spoilt :
       {std::string("{"), std::string("[]"), std::string(1U << 17, ' '), std::string(4000, '[')}) {
    machine.files.damage(kSecrets, spoilt);
    changed.platform.ultravox.endpoint += "/4200";

    EXPECT_EQ(apply(changed).outcome.failed, 0U);

    EXPECT_TRUE(is_told_at(kConfig));
    EXPECT_EQ(machine.files.content_of(kSecrets), before);
    expect_converged(changed);
  }
}

TEST_F(SettingsSim, AnEndlessFileOfATenantIsSetAside) {
  machine.files.damage(kConfig, std::string((16U << 20) + 1, ' '));
  machine.files.damage(kKeys, std::string((16U << 20) + 1, ' '));

  EXPECT_EQ(apply(changed).outcome.failed, 0U);

  EXPECT_TRUE(is_told_at(kConfig));
  EXPECT_THAT(names(), IsEmpty());
  expect_converged(changed);
}

TEST_F(SettingsSim, AFullDiskIsNoTenantsOwnTrouble) {
  machine.files.fill_disk();
  EXPECT_GT(apply(changed).outcome.failed, 0U);
  machine.files.free_space();
  EXPECT_FALSE(is_told_at(kConfigOfBeta));
  EXPECT_EQ(daemon().daemon->recorded().snapshot().platform->ultravox.endpoint,
            desired.platform.ultravox.endpoint);
}

TEST_F(SettingsSim, SecretsThatSayOnlySomeTakeNothingFromTheConfiguration) {
  const std::string before = *machine.files.content_of(kSecrets);
  for (const char* const spoilt : {"{}", R"({"tool_secret":"mine"})",
                                   R"({"webhook_secrets":"x","tool_secret":1,"store_owner":[]})"}) {
    machine.files.damage(kSecrets, spoilt);
    changed.platform.ultravox.endpoint += "/4200";

    EXPECT_EQ(apply(changed).outcome.failed, 0U);

    EXPECT_EQ(machine.files.content_of(kSecrets), before) << spoilt;
    expect_converged(changed);
  }
}

}  // namespace
}  // namespace voicectl
