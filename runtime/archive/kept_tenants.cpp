// SPDX-License-Identifier: Apache-2.0
// What is done with tenants' data where they are: looking at them, and removing those of deleted
// tenants.
#include <fmt/core.h>

#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "runtime/archive/operations.h"
#include "runtime/archive/places.h"
#include "runtime/archive/redis_rows.h"
#include "runtime/session/database_files.h"
#include "runtime/session/tenant_check.h"

namespace voicectl::runtime {
namespace {

Json findings(const TenantConfig& config,
              std::string_view store,
              const RowCounts& rows,
              const std::vector<std::string>& problems) {
  return {
      {"tenant", config.tenant.str()}, {"store", store}, {"rows", rows}, {"problems", problems}};
}

Result<Json> check_embedded(const TenantConfig& config, const std::string& path) {
  const auto damaged = [&](const Error& error) -> Result<Json> {
    const bool is_finding =
        error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kConflict;
    return is_finding ? Result<Json>(findings(config, "embedded", {}, {error.text()}))
                      : Result<Json>(error);
  };
  if (const Status file = check_file(path); file.has_error()) {
    return damaged(file.error());
  }
  Result<SqliteDatabase> database =
      SqliteDatabase::open_to_read(path, SqliteDatabase::Origin::kOurs);
  // One state of it, although its instance goes on.
  const Status begun = database.has_value() ? database->run("BEGIN") : Status(database.error());
  if (begun.has_error()) {
    return damaged(begun.error());
  }
  const Result<TenantFindings> found =
      check_tenant_database(*database, config.tenant, FenceRow::kOne);
  if (found.has_error()) {
    return damaged(found.error());
  }
  Json answer = findings(config, "embedded", found->rows, found->problems);
  answer["schema"] = found->schema;
  return answer;
}

struct RetiredName {
  std::string tenant;
  std::int64_t at_ms = 0;
};

/// "<slug>-<milliseconds>".
std::optional<RetiredName> parse_retired(const std::string& name) {
  const std::size_t dash = name.rfind('-');
  if (dash == std::string::npos) {
    return std::nullopt;
  }
  RetiredName out{name.substr(0, dash), 0};
  const char* const end = name.data() + name.size();
  const auto [last, problem] = std::from_chars(name.data() + dash + 1, end, out.at_ms);
  const bool is_ours =
      problem == std::errc() && last == end && TenantId::parse(out.tenant).has_value();
  return is_ours ? std::optional(out) : std::nullopt;
}

std::uintmax_t bytes_below(const std::string& folder) {
  std::error_code ignored;  // what goes away meanwhile does not count
  std::uintmax_t bytes = 0;
  for (auto at = std::filesystem::recursive_directory_iterator(folder, ignored);
       at != std::filesystem::recursive_directory_iterator(); at.increment(ignored)) {
    std::error_code unknown;
    const std::uintmax_t size =
        at->is_regular_file(unknown) && !at->is_symlink(unknown) ? at->file_size(unknown) : 0;
    bytes += unknown ? 0 : size;
  }
  return bytes;
}

std::string store_of(const ArchiveDeps& deps, const std::string& folder) {
  const Result<TenantConfig> config = load_tenant_config(deps.files, folder + "/config.json");
  if (config.has_error()) {
    return "unknown";
  }
  return config->store.kind == StoreKind::kRedis ? "redis" : "embedded";
}

}  // namespace

Result<Json> check_tenant(const ArchiveDeps& deps,
                          const std::string& config_path,
                          const std::string& data_folder) {
  VC_TRY(const TenantConfig config, load_tenant_config(deps.files, config_path));
  if (config.store.kind == StoreKind::kEmbedded) {
    return check_embedded(config, data_folder + std::string(kDatabaseName));
  }
  VC_TRY(const RedisFindings found, check_redis({RedisOptions{.address = config.store.redis},
                                                 config.tenant, config.store.owner}));
  return findings(config, "redis", found.rows, found.problems);
}

Result<Json> list_retired(const ArchiveDeps& deps, const std::string& state_folder) {
  VC_TRY(const std::vector<std::string> names, deps.files.list(state_folder + "/retired"));
  Json list = Json::array();
  for (const std::string& name : names) {
    if (const auto retired = parse_retired(name)) {
      const std::string folder = state_folder + "/retired/" + name;
      const WallTime at{std::chrono::milliseconds(retired->at_ms)};
      list.push_back({{"name", name},
                      {"tenant", retired->tenant},
                      {"retired_at", format_wall_time(at)},
                      {"retired_at_ms", retired->at_ms},
                      {"bytes", bytes_below(folder)},
                      {"store", store_of(deps, folder)}});
    }
  }
  return Json{{"retired", std::move(list)}};
}

Result<Json> purge_retired(const ArchiveDeps& deps, const std::string& folder) {
  const Result<TenantConfig> config = load_tenant_config(deps.files, folder + "/config.json");
  if (config.has_error() && config.error().code() != ErrorCode::kNotFound) {
    return config.error().with_context("finding out where its data are");
  }
  std::uint64_t keys = 0;
  if (config.has_value() && config->store.kind == StoreKind::kRedis) {
    VC_TRY(keys, purge_redis({RedisOptions{.address = config->store.redis}, config->tenant,
                              config->store.owner}));
  }
  const std::uintmax_t bytes = bytes_below(folder);
  VC_TRY(deps.files.remove(folder));
  return Json{{"folder", folder}, {"bytes", bytes}, {"redis_keys", keys}};
}

}  // namespace voicectl::runtime
