// SPDX-License-Identifier: Apache-2.0
// A tenant that is made with the data of an import.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/apply/tenant_files.h"

namespace voicectl {
namespace {

/// Last of what an import puts down: it says that all is there, and whose.
constexpr std::string_view kImportNote = "/import.json";

constexpr std::size_t kMaxNote = 4096;
constexpr std::size_t kMaxKeys = 1024 * 1024;

}  // namespace

Result<bool> TenantFiles::is_there(const std::string& folder, const std::string& name) const {
  VC_TRY(const std::vector<std::string> names, files_.list(folder));
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// What the import says of itself; an empty object if it says nothing.
Result<Json> TenantFiles::read_import_note(const std::string& folder) const {
  VC_TRY(const std::optional<std::string> text,
         files_.read(folder + std::string(kImportNote), kMaxNote));
  Result<Json> note = parse_json(text.value_or("{}"));
  return note.has_value() && note->is_object() ? std::move(*note) : Json::object();
}

/// Puts the rows where the instance looks for them, still within the stage.
Status TenantFiles::arrange_stage(const std::string& stage) {
  VC_TRY(make_owned_directory(stage + "/data"));
  VC_TRY(const bool is_to_move, is_there(stage, "tenant.db"));
  if (is_to_move) {
    VC_TRY(files_.move(stage + "/tenant.db", stage + "/data/tenant.db"));
  }
  return ok_status();
}

Status TenantFiles::adopt_import(const TenantSpec& tenant, SessionStoreKind store, WallTime now) {
  const std::string folder = paths().tenant_folder(tenant.tenant);
  VC_TRY(const Json taken, read_import_note(folder));
  if (string_or(taken, "import", "") == tenant.import_id) {
    return ok_status();  // a try before this one has taken it over
  }
  const std::string stage = paths().import_stage(tenant.import_id);
  VC_TRY(const Json note, read_import_note(stage));
  const bool is_ours = string_or(note, "import", "") == tenant.import_id &&
                       string_or(note, "tenant", "") == tenant.tenant.str() &&
                       string_or(note, "store", "") == name_of(store);
  if (is_ours) {
    VC_TRY(arrange_stage(stage));
  }
  VC_TRY(const bool has_secrets, is_there(stage, "secrets.json"));
  VC_TRY(const bool has_rows, is_there(stage + "/data", "tenant.db"));
  if (!is_ours || !has_secrets || has_rows != (store == SessionStoreKind::kEmbedded)) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot create tenant '{0}' with the data of its import: they are not "
                             "in '{1}' as they were put there; 'voicectl tenant delete {0}', then "
                             "import it again",
                             tenant.tenant.str(), stage));
  }
  VC_TRY(give_away(stage + "/secrets.json"));
  VC_TRY(const bool has_keys, is_there(stage, "keys.json"));
  if (has_keys) {
    VC_TRY(give_away(stage + "/keys.json"));
  }
  if (has_rows) {
    VC_TRY(give_away(stage + "/data/tenant.db"));
  }
  VC_TRY(make_owned_directory(stage));
  // One step from nothing to everything. What a creation that failed has left is set aside.
  VC_TRY(retire(tenant.tenant, now));
  return files_.move(stage, folder);
}

Result<std::vector<ApiKeyRecord>> TenantFiles::read_keys(const TenantId& tenant,
                                                         WallTime now) const {
  const std::string path = paths().tenant_keys(tenant);
  VC_TRY(const std::optional<std::string> text, files_.read(path, kMaxKeys));
  std::vector<ApiKeyRecord> keys;
  if (!text) {
    return keys;
  }
  const Error corrupt(ErrorCode::kCorrupt,
                      fmt::format("cannot take over the API keys of tenant '{}': '{}' is not of "
                                  "our form",
                                  tenant.str(), path));
  const Result<Json> document = parse_json(*text, JsonBudget{.bytes = kMaxKeys});
  if (document.has_error() || string_or(*document, "tenant", "") != tenant.str()) {
    return corrupt;
  }
  for (const Json& entry : document->value("keys", Json::array())) {
    ApiKeyRecord key{string_or(entry, "id", ""), tenant, string_or(entry, "sha256", ""),
                     string_or(entry, "scope", ""), now};
    if (const std::int64_t end = integer_or(entry, "expires_at_ms", 0); end > 0) {
      key.expires_at = WallTime(std::chrono::milliseconds(end));
    }
    if (key.key_id.empty() || key.sha256.empty() || key.scope.empty()) {
      return corrupt;
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace voicectl
