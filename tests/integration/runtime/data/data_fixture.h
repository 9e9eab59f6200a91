// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/os/posix_file_system.h"
#include "base/random.h"
#include "runtime/archive/operations.h"
#include "runtime/session/session_store.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace voicectl::runtime {

/// A platform's folders with a tenant "acme" in them, and the operations on its data.
class DataFixture : public ::testing::Test {
 protected:
  DataFixture();

  /// Writes what the instance of a tenant is told. `redis_url` empty: the embedded store.
  void write_config(const std::string& slug,
                    const std::string& redis_url = "",
                    const std::string& owner = "");
  /// A store's worth of everything: `sessions` sessions with an event, every fourth with an order,
  /// a customer, an effect that is owed; one session that lives; usage of one that is not kept.
  static std::vector<StoreBatch> everything(const std::string& slug, std::uint64_t sessions);
  /// Puts it into the embedded store of the tenant.
  void fill(const std::string& slug, std::uint64_t sessions);

  Result<Json> export_to(const std::string& slug,
                         const std::string& archive,
                         const std::string& secrets = "");
  ImportRequest import_of(const std::string& archive, const std::string& name = "") const;

  std::string tenant_folder(const std::string& slug) const {
    return folder_.path("tenants/" + slug);
  }
  std::string database_of(const std::string& slug) const {
    return tenant_folder(slug) + "/data/tenant.db";
  }
  /// Every row of every table of data, as text, in order.
  static std::map<std::string, std::vector<std::string>> rows_of(const std::string& database);
  /// Names of all files below the folder.
  std::vector<std::string> files_below(const std::string& folder) const;

  TempDir folder_;
  PosixFileSystem files_;
  SeededRandom random_{17};
  FixedWallClock clock_;
  const ArchiveDeps deps_{files_, random_, clock_, [](std::uint64_t) {}, [](std::uint64_t) {}};
};

}  // namespace voicectl::runtime
