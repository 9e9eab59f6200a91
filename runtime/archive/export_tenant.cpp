// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/crypto.h"
#include "runtime/archive/manifest.h"
#include "runtime/archive/operations.h"
#include "runtime/archive/places.h"
#include "runtime/archive/redis_rows.h"
#include "runtime/session/database_files.h"
#include "runtime/session/tenant_check.h"
#include "runtime/session/tenant_schema.h"
#include "runtime/tenant/auth.h"
#include "runtime/tenant/config.h"

namespace voicectl::runtime {
namespace {

/// Removes what was written on the way, whatever came of it.
class Draft {
 public:
  explicit Draft(std::string path) : path_(std::move(path)) { remove(); }
  ~Draft() { remove(); }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  const std::string& path() const { return path_; }

 private:
  void remove() const {
    std::error_code ignored;  // what is not there is as good as removed
    for (const std::string_view end : {"", "-wal", "-shm", "-journal"}) {
      std::filesystem::remove(path_ + std::string(end), ignored);
    }
  }
  std::string path_;
};

Status write_rows(const ArchiveDeps& deps,
                  const TenantConfig& config,
                  const ExportRequest& request,
                  const std::string& path) {
  if (config.store.kind == StoreKind::kRedis) {
    VC_TRY(
        dump_redis({RedisOptions{.address = config.store.redis}, config.tenant, config.store.owner},
                   path, deps.on_rows));
    return ok_status();
  }
  const std::string database = request.data_folder + std::string(kDatabaseName);
  VC_TRY(check_file(database));
  VC_TRY(SqliteDatabase from,
         SqliteDatabase::open_to_read(database, SqliteDatabase::Origin::kOurs));
  VC_TRY(copy_rows(from, path, deps.on_rows));
  return ok_status();
}

/// A damaged tenant is not passed on as a sound one.
Result<RowCounts> check_rows_file(const std::string& path, const TenantId& tenant) {
  VC_TRY(SqliteDatabase rows, SqliteDatabase::open_to_read(path, SqliteDatabase::Origin::kForeign));
  VC_TRY(const TenantFindings found, check_tenant_database(rows, tenant, FenceRow::kNone));
  if (found.problems.empty()) {
    return found.rows;
  }
  return Error(
      ErrorCode::kCorrupt,
      fmt::format("cannot export '{}': its data are damaged: {} ({} problems; see "
                  "'voicectl tenant check {}')",
                  tenant.str(), found.problems.front(), found.problems.size(), tenant.str()));
}

Manifest describe(const ArchiveDeps& deps, const TenantConfig& config, RowCounts rows) {
  Manifest manifest{.tenant = config.tenant};
  manifest.exported_at = deps.clock.now();
  manifest.version = VOICECTL_VERSION;
  manifest.store = config.store.kind == StoreKind::kRedis ? "redis" : "embedded";
  manifest.schema = static_cast<int>(tenant_schema().size());
  manifest.rows = std::move(rows);
  manifest.left_out = {"answers to repeated requests of the last ten minutes",
                       "the credentials of an ERPNext site: their file is named, not copied"};
  return manifest;
}

/// The keys' file without those that have ended. A damaged one must not come to light when the
/// archive is all that is left.
struct ExportedKeys {
  std::string text;
  std::size_t count = 0;
};
Result<ExportedKeys> keys_to_export(const ArchiveDeps& deps,
                                    const ExportRequest& request,
                                    const TenantId& tenant) {
  VC_TRY(const std::string text, read_text(deps.files, request.keys_path, kMostKeys));
  VC_TRY(std::vector<ApiKey> keys, parse_tenant_keys(text, tenant));
  std::erase_if(keys, [&](const ApiKey& key) { return !is_in_force(key, deps.clock.now()); });
  return ExportedKeys{render_tenant_keys(keys, tenant), keys.size()};
}

/// Members of an archive that are texts, in their order.
using TextMembers = std::vector<std::pair<std::string_view, std::string>>;

Result<TextMembers> text_members(const ArchiveDeps& deps,
                                 const ExportRequest& request,
                                 Manifest& manifest,
                                 std::size_t& keys) {
  TextMembers members;
  VC_TRY(std::string document, read_text(deps.files, request.document_path, kMostDocument));
  members.emplace_back(kTenantMember, std::move(document));
  if (request.secrets_path.empty()) {
    manifest.left_out.emplace_back(
        "secrets of webhooks and tools: they are made anew, and tokens of sessions end");
  } else {
    VC_TRY(std::string secrets, read_text(deps.files, request.secrets_path, kMostSecrets));
    members.emplace_back(kSecretsMember, std::move(secrets));
  }
  if (request.keys_path.empty()) {
    manifest.left_out.emplace_back(
        "API keys: their hashes go along with --with-secrets only; make new keys");
  } else {
    VC_TRY(ExportedKeys exported, keys_to_export(deps, request, manifest.tenant));
    keys = exported.count;
    members.emplace_back(kKeysMember, std::move(exported.text));
  }
  for (const auto& [name, text] : members) {
    manifest.members[std::string(name)] = {text.size(), sha256_hex(text)};
  }
  return members;
}

}  // namespace

Result<Json> export_tenant(const ArchiveDeps& deps, const ExportRequest& request) {
  VC_TRY(const TenantConfig config, load_tenant_config(deps.files, request.config_path));
  const Draft rows(request.archive_path + ".rows");
  const Draft archive(request.archive_path + ".partial");
  VC_TRY(write_rows(deps, config, request, rows.path()));
  VC_TRY(RowCounts counts, check_rows_file(rows.path(), config.tenant));
  Manifest manifest = describe(deps, config, std::move(counts));
  VC_TRY(const MemberSeal sealed_rows, seal_of_file(rows.path()));
  manifest.members[std::string(kRowsMember)] = sealed_rows;
  std::size_t keys = 0;
  VC_TRY(const TextMembers texts, text_members(deps, request, manifest, keys));
  VC_TRY(const auto out, ArchiveWriter::create(archive.path()));
  VC_TRY(out->add(std::string(kManifestMember), render_manifest(manifest)));
  for (const auto& [name, text] : texts) {
    VC_TRY(out->add(std::string(name), text));
  }
  VC_TRY(out->add_file(std::string(kRowsMember), rows.path(), deps.on_bytes));
  VC_TRY(out->finish());
  VC_TRY(deps.files.move(archive.path(), request.archive_path));
  std::error_code unknown;
  const std::uintmax_t size = std::filesystem::file_size(request.archive_path, unknown);
  return Json{{"tenant", config.tenant.str()}, {"file", request.archive_path},
              {"bytes", unknown ? 0 : size},   {"schema", manifest.schema},
              {"rows", manifest.rows},         {"api_keys", keys},
              {"left_out", manifest.left_out}};
}

}  // namespace voicectl::runtime
