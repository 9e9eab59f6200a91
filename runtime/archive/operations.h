// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/os/file_system.h"
#include "base/random.h"
#include "base/result.h"
#include "runtime/archive/archive_file.h"
#include "runtime/archive/tenant_rows.h"

/// What the program does with one tenant's data, each as a whole: a JSON object says what came of
/// it.
namespace voicectl::runtime {

struct ArchiveDeps {
  FileSystem& files;
  Random& random;
  const WallClock& clock;
  OnRows on_rows;
  OnBytes on_bytes;
};

struct ExportRequest {
  /// What the tenant's instance is told.
  std::string config_path;
  std::string data_folder;
  /// The tenant's part of the desired state, as JSON.
  std::string document_path;
  /// The tenant's secrets, to be put in too; empty for none.
  std::string secrets_path = {};
  std::string archive_path;
  /// The file with the hashes of its API keys, to be put in too; empty for none.
  std::string keys_path = {};
};
/// Writes one archive beside its place and renames it when it is whole and durable.
/// ERRORS: kCorrupt if the data are damaged: they are not passed on as sound.
Result<Json> export_tenant(const ArchiveDeps& deps, const ExportRequest& request);

struct ImportRequest {
  std::string archive_path;
  /// Is made, and must not be there. After a failure it is gone again.
  std::string stage;
  /// The tenant's name here; nullopt: that of the archive.
  std::optional<TenantId> name = {};
  /// Empty for the embedded store.
  std::string redis_url = {};
  std::string redis_password_path = {};
  /// Where the folders of deleted tenants are. The keys of one of that name are set aside; empty:
  /// then they stand in the way.
  std::string retired_folder = {};
};
/// Checks all of an archive and leaves in the stage what the daemon takes over for a new tenant:
/// tenant.db (unless it was put on a Redis server), secrets.json, import.json; keys.json if the
/// archive has API keys and the tenant keeps its name. Another name is another tenant, and whoever
/// revokes a key of the one must not leave it open the other.
/// ERRORS: kCorrupt, kConflict, kResourceExhausted for an archive that is refused; kAlreadyExists.
Result<Json> import_tenant(const ArchiveDeps& deps, const ImportRequest& request);

/// Takes back an import that the daemon has not taken over.
Status discard_import(const ArchiveDeps& deps, const ImportRequest& request);

/// Looks at everything a tenant has. Problems are in the answer, not errors.
Result<Json> check_tenant(const ArchiveDeps& deps,
                          const std::string& config_path,
                          const std::string& data_folder);

/// What deleted tenants left below the state folder, with sizes.
Result<Json> list_retired(const ArchiveDeps& deps, const std::string& state_folder);
/// Removes a retired tenant's keys from the Redis server, then its folder. Repeatable.
Result<Json> purge_retired(const ArchiveDeps& deps, const std::string& folder);

}  // namespace voicectl::runtime
