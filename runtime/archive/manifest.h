// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace voicectl::runtime {

/// Version of the archive itself; that of the rows is `schema`.
inline constexpr int kArchiveVersion = 1;

/// Members of an archive, in their order.
inline constexpr std::string_view kManifestMember = "manifest.json";
inline constexpr std::string_view kTenantMember = "tenant.json";
inline constexpr std::string_view kSecretsMember = "secrets.json";
/// Hashes of the API keys with their scopes and ends: what an instance reads.
inline constexpr std::string_view kKeysMember = "keys.json";
inline constexpr std::string_view kRowsMember = "data.db";

struct MemberSeal {
  std::uint64_t size = 0;
  std::string sha256;
};

/// The first member of an archive: what the others are.
struct Manifest {
  TenantId tenant;
  WallTime exported_at{};
  /// Version of the program that wrote it.
  std::string version{};
  /// "embedded" or "redis": where the rows were.
  std::string store{};
  int schema = 0;
  /// Rows by table.
  std::map<std::string, std::uint64_t> rows{};
  /// What is not in it, for people.
  std::vector<std::string> left_out{};
  std::map<std::string, MemberSeal> members{};
};

std::string render_manifest(const Manifest& manifest);
/// ERRORS: kCorrupt if it is none of ours; kConflict if it is of a version that this program does
/// not know.
Result<Manifest> parse_manifest(std::string_view text);

}  // namespace voicectl::runtime
