// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/os/file_system.h"
#include "base/random.h"
#include "base/result.h"
#include "base/units.h"
#include "provisioner/apply/written_files.h"
#include "provisioner/model/daemon_paths.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/registry/registry.h"

namespace voicectl {

/// Webhook secrets that a tenant may have at one time: each webhook is held against all of them.
inline constexpr std::size_t kMostWebhookSecrets = 8;

/// The folder of each tenant: what its instance reads and where it keeps its data.
///
/// config.json carries secrets (webhook secrets) and is 0600, like the folder's other files; where
/// root, all belong to the user of the instances. The hashes of the API keys are in keys.json, so
/// that a key can be revoked while a change of the tenant itself is under way. Credentials of a
/// tenant's ERPNext are copied beside it, and named in config.json by path only.
/// THREADS: loop thread only.
class TenantFiles {
 public:
  struct Options {
    DaemonPaths paths;
    /// User of the instances; nullopt: the daemon's own.
    std::optional<UserIds> owner;
    /// Tenants are served on the http port too (development).
    bool plain_http = false;
    /// Knows what was written, and keeps what others wrote; null: nobody does.
    WrittenFiles* written = nullptr;
  };
  /// REQUIRES: both outlive it.
  TenantFiles(FileSystem& files, Random& random, Options options)
      : files_(files), random_(random), options_(std::move(options)) {}

  const DaemonPaths& paths() const { return options_.paths; }

  /// Makes the stage of the import that `tenant` names the new tenant's folder, whole. Idempotent.
  ///
  /// REQUIRES: the tenant has no data yet. A folder that is there nevertheless is set aside.
  /// ERRORS: kNotFound if the stage is not there as the import left it, or was made for another
  /// tenant or store: a tenant that was to have data is never made without them.
  Status adopt_import(const TenantSpec& tenant, SessionStoreKind store, WallTime now);

  /// The keys in the file of a tenant whose data were just taken over: those that its import
  /// brought, or that were written since. ERRORS: kCorrupt.
  Result<std::vector<ApiKeyRecord>> read_keys(const TenantId& tenant, WallTime now) const;

  /// Makes the folder, its secrets (once) and its configuration file. Idempotent. REQUIRES: the
  /// tenant is not recorded as having data: what was lost is restored, not made anew.
  Status prepare(const TenantSpec& tenant,
                 const PlatformSpec& platform,
                 Generation generation,
                 const std::vector<ApiKeyRecord>& keys);

  /// Writes the recorded configuration anew if the file is of another generation: a change that was
  /// refused or could not be recorded may have left a newer one, which nobody must be given.
  Status ensure_config(const RecordedTenant& tenant,
                       const PlatformSpec& platform,
                       const std::vector<ApiKeyRecord>& keys);

  enum class Written { kAnew, kAsBefore };

  /// Writes the configuration file with the generation behind `generation`, if with that one it
  /// would say anything else than it does.
  Result<Written> refresh_config(const TenantSpec& tenant,
                                 const PlatformSpec& platform,
                                 Generation generation,
                                 const std::vector<ApiKeyRecord>& keys);

  /// Writes the configuration file again, and the keys if they have changed.
  Status write_config(const TenantSpec& tenant,
                      const PlatformSpec& platform,
                      Generation generation,
                      const std::vector<ApiKeyRecord>& keys);

  /// Writes the file with the hashes of its keys, if it says something else. Revoked keys are not
  /// in it; those with an end are, with that end.
  Result<Written> write_keys(const TenantId& tenant, const std::vector<ApiKeyRecord>& keys);

  /// Draws a new webhook secret. The others are accepted until `overlap` is over, if they did not
  /// end before; those that have ended go. On disk when it returns; the configuration is to be
  /// written after it. When the last of the others ends.
  /// ERRORS: kNotFound as restore(); kResourceExhausted with kMostWebhookSecrets secrets.
  Result<WallTime> rotate_webhook_secret(const TenantId& tenant, WallTime now, Duration overlap);
  /// Whether the configuration file says something else than secrets.json, or is of another
  /// generation than the recorded one, where secrets have been rotated. ERRORS: as restore().
  Result<bool> has_undelivered_secrets(const RecordedTenant& tenant);

  /// Whether that came of the tenant's own files and sources, and not of the machine or the
  /// platform: its runtime owns the folder, so what it puts there must hold up nobody else.
  bool is_own_trouble(const Error& error, const PlatformSpec& platform) const;

  /// Brings the files of the folder back to what is recorded: what a person wrote is kept, secrets
  /// that are gone are taken from the configuration, which says them too.
  /// ERRORS: kNotFound if neither says them: no other ones are made.
  Status restore(const RecordedTenant& tenant,
                 const PlatformSpec& platform,
                 const std::vector<ApiKeyRecord>& keys);

  /// Erases the keys' file and sets the folder aside under `<state>/retired/`. One that is not
  /// there is success.
  Status retire(const TenantId& tenant, WallTime now);

  /// Copies the platform's Ultravox key to where the instances may read it. An empty
  /// `api_key_file` leaves none (the stand-in needs none).
  Status install_ultravox_key(const PlatformSpec& platform);

  /// How the platform's key file stands against what the instances read.
  enum class KeyState { kInstalled, kNew, kUnreadable };
  KeyState look_at_ultravox_key(const PlatformSpec& platform) const;

  /// The same for a tenant's credentials at its ERPNext: any file that is not the platform's own,
  /// also by a link, and also one that other tenants name.
  /// ERRORS: kInvalidArgument if it is.
  Status install_credentials(const TenantSpec& tenant);
  KeyState look_at_credentials(const TenantSpec& tenant) const;

  /// Address at which callers reach a tenant: "https://mario-pizza.qastco.com:8443".
  std::string base_url(const PlatformSpec& platform, const TenantId& tenant) const;
  /// Address at which Ultravox reaches its webhooks.
  std::string webhook_base(const PlatformSpec& platform, const TenantId& tenant) const;

 private:
  Status write_owned(const std::string& path, const std::string& content);
  /// As write_owned, for what others might have edited.
  Status write_noted(const std::string& path,
                     const std::string& content,
                     const WrittenFiles::IsOurs& is_ours = {});
  /// One of the tenant's own files. ERRORS: kCorrupt if what is there is no file, or endless.
  Result<std::optional<std::string>> read_own(const std::string& path, std::size_t most) const;
  /// The same of one that is written anew all the same: then there is nothing.
  Result<std::optional<std::string>> read_known(const std::string& path, std::size_t most) const;
  /// What secrets.json says, or, if it says nothing, the configuration: then secrets.json is
  /// written anew.
  Result<Json> take_secrets(const TenantId& tenant);
  Status make_owned_directory(const std::string& path);
  /// To the user of the instances.
  Status give_away(const std::string& path);
  Result<bool> is_there(const std::string& folder, const std::string& name) const;
  Result<Json> read_import_note(const std::string& folder) const;
  Status arrange_stage(const std::string& stage);
  /// A tenant's file of secrets; nullopt if there is none. ERRORS: kInvalidArgument if it leads to
  /// what is no tenant's to have.
  Result<std::optional<std::string>> read_credentials(const std::string& source) const;
  KeyState compare(const Result<std::optional<std::string>>& key,
                   const std::string& installed) const;
  /// Made once, with the tenant's folder.
  Status make_secrets(const TenantId& tenant);
  Error secrets_are_lost(const TenantId& tenant) const;
  /// The configuration file's text, after all that it names has been written.
  Result<std::string> render_config(const TenantSpec& tenant,
                                    const PlatformSpec& platform,
                                    Generation generation,
                                    const std::vector<ApiKeyRecord>& keys);
  /// What an instance is told about the session store.
  Result<Json> store_document(const StoreSpec& store) const;

  FileSystem& files_;
  Random& random_;
  Options options_;
};

}  // namespace voicectl
