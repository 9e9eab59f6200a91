// SPDX-License-Identifier: Apache-2.0
#include "runtime/archive/manifest.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl::runtime {
namespace {

constexpr std::string_view kKind = "TenantArchive";

Error not_ours(std::string_view what) {
  return {ErrorCode::kCorrupt, fmt::format("cannot use the archive: its manifest {}", what)};
}

bool is_hash(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Status read_members(const Json& document, Manifest& out) {
  const auto members = document.find("members");
  if (members == document.end() || !members->is_object()) {
    return not_ours("lists no members");
  }
  for (const auto& [name, member] : members->items()) {
    const MemberSeal seal{static_cast<std::uint64_t>(integer_or(member, "size", -1)),
                          string_or(member, "sha256", "")};
    const bool is_known = name == kTenantMember || name == kRowsMember || name == kSecretsMember ||
                          name == kKeysMember;
    if (!is_known || !is_hash(seal.sha256) || integer_or(member, "size", -1) < 0) {
      return not_ours("lists a member that no archive of ours has");
    }
    out.members[name] = seal;
  }
  const bool has_all = out.members.contains(std::string(kTenantMember)) &&
                       out.members.contains(std::string(kRowsMember));
  return has_all ? ok_status() : Status(not_ours("does not list all members"));
}

}  // namespace

std::string render_manifest(const Manifest& manifest) {
  Json members = Json::object();
  for (const auto& [name, seal] : manifest.members) {
    members[name] = {{"size", seal.size}, {"sha256", seal.sha256}};
  }
  return Json{{"kind", kKind},
              {"archive_version", kArchiveVersion},
              {"tenant", manifest.tenant.str()},
              {"exported_at", format_wall_time(manifest.exported_at)},
              {"exported_at_ms", manifest.exported_at.time_since_epoch().count()},
              {"voicectl", manifest.version},
              {"store", manifest.store},
              {"schema", manifest.schema},
              {"rows", manifest.rows},
              {"left_out", manifest.left_out},
              {"members", std::move(members)}}
             .dump(2) +
         "\n";
}

Result<Manifest> parse_manifest(std::string_view text) {
  const Result<Json> document = parse_json(text, {.bytes = 1U << 20, .depth = 8, .nodes = 1000});
  if (document.has_error() || !document->is_object() || string_or(*document, "kind", "") != kKind) {
    return not_ours("is not that of a tenant's archive");
  }
  const std::int64_t version = integer_or(*document, "archive_version", 0);
  if (version != kArchiveVersion) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot use the archive: it is of version {}, and this program knows "
                             "version {}; use the program that wrote it (voicectl {})",
                             version, kArchiveVersion, string_or(*document, "voicectl", "?")));
  }
  Result<TenantId> tenant = TenantId::parse(string_or(*document, "tenant", ""));
  if (tenant.has_error()) {
    return not_ours("names no tenant");
  }
  Manifest out{.tenant = std::move(*tenant)};
  out.exported_at = WallTime(std::chrono::milliseconds(integer_or(*document, "exported_at_ms", 0)));
  out.version = string_or(*document, "voicectl", "");
  out.store = string_or(*document, "store", "");
  out.schema = static_cast<int>(integer_or(*document, "schema", 0) & 0xffff);
  if (const auto rows = document->find("rows"); rows != document->end() && rows->is_object()) {
    for (const auto& [table, count] : rows->items()) {
      out.rows[table] = static_cast<std::uint64_t>(integer_or(*rows, table, 0));
    }
  }
  VC_TRY(read_members(*document, out));
  return out;
}

}  // namespace voicectl::runtime
