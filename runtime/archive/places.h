// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/os/file_system.h"
#include "base/result.h"
#include "runtime/archive/manifest.h"
#include "runtime/tenant/config.h"

/// Where things are, and how they are read, for the operations of this folder.
namespace voicectl::runtime {

inline constexpr std::string_view kDatabaseName = "/tenant.db";
inline constexpr std::size_t kMostDocument = 16U << 20;
inline constexpr std::size_t kMostSecrets = 64U << 10;
inline constexpr std::size_t kMostKeys = 256U << 10;

/// ERRORS: kNotFound; kResourceExhausted above `most` bytes.
Result<std::string> read_text(FileSystem& files, const std::string& path, std::size_t most);

/// The configuration that the tenant's instance is told.
Result<TenantConfig> load_tenant_config(FileSystem& files, const std::string& path);

/// Size and hash of a file.
Result<MemberSeal> seal_of_file(const std::string& path);

}  // namespace voicectl::runtime
