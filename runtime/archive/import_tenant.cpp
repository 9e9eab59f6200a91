// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "base/os/posix_error.h"
#include "base/os/unique_fd.h"
#include "runtime/archive/manifest.h"
#include "runtime/archive/operations.h"
#include "runtime/archive/places.h"
#include "runtime/archive/redis_rows.h"
#include "runtime/session/tenant_check.h"
#include "runtime/tenant/auth.h"
#include "runtime/tenant/config.h"

namespace voicectl::runtime {
namespace {

constexpr std::size_t kMostManifest = 1U << 20;
/// 40 characters of 36: more than 200 bits.
constexpr std::size_t kSecretLength = 40;
/// As many as a platform lets a tenant have.
constexpr std::size_t kMostKeysInForce = 100;

Error bad(std::string_view what) {
  return {ErrorCode::kCorrupt, fmt::format("cannot use the archive: {}", what)};
}

/// The small members of an archive, and its rows in a file.
struct Unpacked {
  Manifest manifest;
  std::string document;
  std::string secrets;
  std::string keys;
  std::string rows_path;
};

Result<std::string> read_small(ArchiveReader& archive,
                               const ArchiveMember& member,
                               std::size_t most) {
  if (member.size > most) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("cannot use the archive: its member '{}' has {} bytes; allowed are {}",
                             member.name, member.size, most));
  }
  std::string text;
  VC_TRY(archive.read([&text](std::string_view piece) {
    text += piece;
    return ok_status();
  }));
  return text;
}

/// Writes the rows to a file of our own naming; returns their hash.
Result<std::string> unpack_rows(ArchiveReader& archive,
                                const std::string& path,
                                const OnBytes& on_bytes) {
  const UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) {
    return posix_error(fmt::format("write '{}'", path), errno);
  }
  Sha256 hash;
  std::uint64_t done = 0;
  VC_TRY(archive.read([&](std::string_view piece) -> Status {
    hash.add(piece);
    done += piece.size();
    on_bytes(done);
    while (!piece.empty()) {
      const ssize_t written = ::write(file.get(), piece.data(), piece.size());
      if (written < 0) {
        return posix_error(fmt::format("write '{}'", path), errno);
      }
      piece.remove_prefix(static_cast<std::size_t>(written));
    }
    return ok_status();
  }));
  return hash.hex();
}

Status unpack_member(const ArchiveDeps& deps,
                     ArchiveReader& archive,
                     const ArchiveMember& member,
                     Unpacked& out) {
  const auto seal = out.manifest.members.find(member.name);
  if (seal == out.manifest.members.end() || seal->second.size != member.size) {
    return bad(fmt::format("its member '{}' is not the one that the manifest lists", member.name));
  }
  std::string sha256;
  if (member.name == kRowsMember) {
    VC_TRY(sha256, unpack_rows(archive, out.rows_path, deps.on_bytes));
  } else {
    const bool is_document = member.name == kTenantMember;
    const bool is_keys = member.name == kKeysMember;
    std::string& text = is_document ? out.document : (is_keys ? out.keys : out.secrets);
    VC_TRY(text, read_small(archive, member,
                            is_document ? kMostDocument : (is_keys ? kMostKeys : kMostSecrets)));
    sha256 = sha256_hex(text);
  }
  if (sha256 != seal->second.sha256) {
    return bad(fmt::format("the checksum of its member '{}' is wrong", member.name));
  }
  out.manifest.members.erase(seal);
  return ok_status();
}

Result<Unpacked> unpack(const ArchiveDeps& deps, const ImportRequest& request) {
  VC_TRY(const auto archive, ArchiveReader::open(request.archive_path));
  VC_TRY(const std::optional<ArchiveMember> first, archive->next());
  if (!first || first->name != kManifestMember) {
    return bad("it does not begin with a manifest");
  }
  VC_TRY(const std::string manifest, read_small(*archive, *first, kMostManifest));
  VC_TRY(Manifest parsed, parse_manifest(manifest));
  Unpacked out{std::move(parsed), "", "", "", request.stage + "/archive.db"};
  while (true) {
    VC_TRY(const std::optional<ArchiveMember> member, archive->next());
    if (!member) {
      break;
    }
    VC_TRY(unpack_member(deps, *archive, *member, out));
  }
  if (!out.manifest.members.empty()) {
    return bad(fmt::format("its member '{}' is missing", out.manifest.members.begin()->first));
  }
  return out;
}

Status check_pages(SqliteDatabase& from) {
  VC_TRY(SqliteStatement check, from.prepare("PRAGMA quick_check(1)"));
  VC_TRY(const bool row, check.step());
  const std::string said = row ? check.text(0) : "no answer";
  return said == "ok" ? ok_status() : Status(bad("its pages are unsound: " + said));
}

struct TakenRows {
  RowCounts rows;
  Renaming renaming;
};

/// The rows of an archive in a database of our own making, checked.
Result<TakenRows> take_rows(const ArchiveDeps& deps,
                            const Unpacked& unpacked,
                            const TenantId& name,
                            const std::string& path) {
  TakenRows taken;
  {
    VC_TRY(SqliteDatabase from,
           SqliteDatabase::open_to_read(unpacked.rows_path, SqliteDatabase::Origin::kForeign));
    VC_TRY(const int schema, from.schema_version());
    if (schema != unpacked.manifest.schema) {
      return bad(fmt::format("its rows are of schema {}, and the manifest says {}", schema,
                             unpacked.manifest.schema));
    }
    VC_TRY(check_pages(from));
    VC_TRY(taken.rows, copy_rows(from, path, deps.on_rows));
  }
  if (taken.rows != unpacked.manifest.rows) {
    return bad("it has another number of rows than the manifest says");
  }
  VC_TRY(SqliteDatabase rows, SqliteDatabase::open(path));
  if (name != unpacked.manifest.tenant) {
    VC_TRY(taken.renaming, rename_rows(rows, unpacked.manifest.tenant, name, deps.clock.now()));
  }
  VC_TRY(const TenantFindings found, check_tenant_database(rows, name, FenceRow::kNone));
  if (!found.problems.empty()) {
    return bad(fmt::format("its rows do not fit together: {}", found.problems.front()));
  }
  VC_TRY(close_up(rows));
  return taken;
}

/// The secrets that the new tenant gets: those of the archive if it has some.
Result<Json> choose_secrets(const ArchiveDeps& deps, const std::string& text) {
  Json secrets = {{"webhook_secrets", {deps.random.token(kSecretLength)}},
                  {"tool_secret", deps.random.token(kSecretLength)},
                  // Whatever a store outside still has of an earlier tenant is not this one's.
                  {"store_owner", deps.random.token(kSecretLength)}};
  if (text.empty()) {
    return secrets;
  }
  const Result<Json> given = parse_json(text);
  const bool has_hooks = given.has_value() && given->is_object() &&
                         given->contains("webhook_secrets") &&
                         (*given)["webhook_secrets"].is_array();
  if (!has_hooks || string_or(*given, "tool_secret", "").size() < 16) {
    return bad("its secrets are not of our form");
  }
  Json hooks = Json::array();
  bool has_endless = false;
  for (const Json& secret : (*given)["webhook_secrets"]) {
    // One that was rotated has an end.
    const bool is_old = secret.is_object() && secret.contains("accepted_until_ms");
    if (is_old && !secret["accepted_until_ms"].is_number_integer()) {
      return bad("its secrets are not of our form");
    }
    has_endless = has_endless || !is_old;
    const std::string value = is_old               ? string_or(secret, "secret", "")
                              : secret.is_string() ? secret.get<std::string>()
                                                   : "";
    if (value.size() < 16) {
      return bad("its secrets are not of our form");
    }
    hooks.push_back(secret);
  }
  if (!has_endless) {
    // Calls that are made from now on need one without an end.
    hooks.insert(hooks.begin(), secrets["webhook_secrets"][0]);
  }
  secrets["webhook_secrets"] = std::move(hooks);
  secrets["tool_secret"] = string_or(*given, "tool_secret", "");
  return secrets;
}

/// The keys that open the new tenant: those of the archive that are in force.
Result<std::vector<ApiKey>> choose_keys(const ArchiveDeps& deps, const Unpacked& unpacked) {
  if (unpacked.keys.empty()) {
    return std::vector<ApiKey>();
  }
  Result<std::vector<ApiKey>> keys = parse_tenant_keys(unpacked.keys, unpacked.manifest.tenant);
  const auto is_ours = [](const ApiKey& key) {
    constexpr std::string_view kIds = "abcdefghijklmnopqrstuvwxyz0123456789";
    return key.id.size() <= 64 && key.id.find_first_not_of(kIds) == std::string::npos &&
           key.sha256.size() == 64 &&
           key.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
  };
  if (keys.has_error() || keys->size() > kMostKeysInForce ||
      !std::all_of(keys->begin(), keys->end(), is_ours)) {
    return bad("its API keys are not of our form");
  }
  std::erase_if(*keys, [&](const ApiKey& key) { return !is_in_force(key, deps.clock.now()); });
  return keys;
}

Result<RedisPlace> redis_place(const ArchiveDeps& deps,
                               const ImportRequest& request,
                               const TenantId& tenant,
                               const std::string& owner) {
  VC_TRY(RedisAddress address, parse_redis_url(request.redis_url));
  if (!request.redis_password_path.empty()) {
    VC_TRY(const std::optional<std::string> password,
           deps.files.read(request.redis_password_path, kMostSecrets));
    if (!password || password->find_last_not_of(" \r\n") == std::string::npos) {
      return Error(ErrorCode::kNotFound,
                   fmt::format("cannot read the password of the session store: '{}' is missing or "
                               "empty; write the password into it, mode 0600",
                               request.redis_password_path));
    }
    address.password = Secret(password->substr(0, password->find_last_not_of(" \r\n") + 1));
  }
  return RedisPlace{RedisOptions{.address = std::move(address)}, tenant, owner};
}

Status put_on_redis(const ArchiveDeps& deps, const RedisPlace& place, const std::string& path) {
  Status restored = ok_status();
  {
    VC_TRY(SqliteDatabase rows,
           SqliteDatabase::open_to_read(path, SqliteDatabase::Origin::kForeign));
    restored = restore_redis(place, rows, deps.on_rows);
  }
  if (restored.has_error() && restored.error().code() != ErrorCode::kAlreadyExists) {
    (void)purge_redis(place);  // the error that matters is the other one
  }
  return restored;
}

/// A deleted tenant's keys are on the server under its name until it is purged.
Status make_room(const ArchiveDeps& deps, const ImportRequest& request, const RedisPlace& place) {
  if (request.retired_folder.empty()) {
    return ok_status();
  }
  VC_TRY(const std::vector<std::string> names, deps.files.list(request.retired_folder));
  for (const std::string& name : names) {
    const Result<TenantConfig> config =
        name.starts_with(place.tenant.str() + "-")
            ? load_tenant_config(deps.files, request.retired_folder + "/" + name + "/config.json")
            : Result<TenantConfig>(bad("not of that name"));
    // One whose configuration cannot be read is not known to be the owner of anything.
    if (config.has_value() && config->tenant == place.tenant && !config->store.owner.empty()) {
      VC_TRY(set_aside_redis({place.redis, place.tenant, config->store.owner}));
    }
  }
  return ok_status();
}

Result<Json> stage_import(const ArchiveDeps& deps, const ImportRequest& request) {
  VC_TRY(const Unpacked unpacked, unpack(deps, request));
  const TenantId name = request.name.value_or(unpacked.manifest.tenant);
  const std::string rows_path = request.stage + std::string(kDatabaseName);
  VC_TRY(const TakenRows taken, take_rows(deps, unpacked, name, rows_path));
  VC_TRY(deps.files.remove(unpacked.rows_path));
  VC_TRY(const Json document,
         parse_json(unpacked.document, {.bytes = kMostDocument, .nodes = 1'000'000}));
  VC_TRY(const Json secrets, choose_secrets(deps, unpacked.secrets));
  VC_TRY(const std::vector<ApiKey> keys, choose_keys(deps, unpacked));
  const bool keeps_name = name == unpacked.manifest.tenant;
  if (keeps_name && !keys.empty()) {
    VC_TRY(deps.files.replace_atomically(request.stage + "/keys.json",
                                         render_tenant_keys(keys, name), kPrivateFile));
  }
  VC_TRY(deps.files.replace_atomically(request.stage + "/secrets.json", dump_json(secrets),
                                       kPrivateFile));
  // Before anything is outside: an import that is cut off can be taken back.
  VC_TRY(deps.files.replace_atomically(request.stage + "/target.json",
                                       dump_json({{"tenant", name.str()}}), kPrivateFile));
  if (!request.redis_url.empty()) {
    VC_TRY(const RedisPlace place,
           redis_place(deps, request, name, string_or(secrets, "store_owner", "")));
    VC_TRY(make_room(deps, request, place));
    VC_TRY(put_on_redis(deps, place, rows_path));
    VC_TRY(deps.files.remove(rows_path));
  }
  // Last: it says that all is there, and whose, so that nobody else takes it.
  const Json note = {{"kind", "TenantImport"},
                     {"import", std::filesystem::path(request.stage).filename().string()},
                     {"tenant", name.str()},
                     {"store", request.redis_url.empty() ? "embedded" : "redis"},
                     {"staged_at_ms", deps.clock.now().time_since_epoch().count()}};
  VC_TRY(
      deps.files.replace_atomically(request.stage + "/import.json", dump_json(note), kPrivateFile));
  return Json{{"tenant", name.str()},
              {"exported_from", unpacked.manifest.tenant.str()},
              {"exported_at", format_wall_time(unpacked.manifest.exported_at)},
              {"document", document},
              {"rows", taken.rows},
              {"has_secrets", !unpacked.secrets.empty()},
              {"api_keys", keeps_name ? keys.size() : 0},
              {"other_api_keys", keeps_name ? 0 : keys.size()},
              {"ended_sessions", taken.renaming.ended_sessions},
              {"dead_entries", taken.renaming.dead_entries}};
}

/// The daemon takes the stage over, and may be an ordinary user while root imports. The folder
/// around the stage is that user's, who must not be able to have anything else given away: by
/// descriptor, and only what we have made.
Status give_to_owner_of_parent(const std::string& stage) {
  const std::string around = stage.substr(0, stage.rfind('/'));
  const UniqueFd folder(::open(stage.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  struct stat parent {};
  struct stat own {};
  if (!folder.is_open() || ::stat(around.c_str(), &parent) != 0 ||
      ::fstat(folder.get(), &own) != 0) {
    return posix_error(fmt::format("look at '{}'", stage), errno);
  }
  if (parent.st_uid == own.st_uid || own.st_uid != ::geteuid()) {
    return ok_status();
  }
  for (const char* name :
       {"tenant.db", "secrets.json", "keys.json", "target.json", "import.json"}) {
    if (::fchownat(folder.get(), name, parent.st_uid, parent.st_gid, AT_SYMLINK_NOFOLLOW) != 0 &&
        errno != ENOENT) {
      return posix_error(fmt::format("give '{}/{}' to its platform's user", stage, name), errno);
    }
  }
  return ::fchown(folder.get(), parent.st_uid, parent.st_gid) == 0
             ? ok_status()
             : Status(posix_error(fmt::format("give '{}' to its platform's user", stage), errno));
}

}  // namespace

Result<Json> import_tenant(const ArchiveDeps& deps, const ImportRequest& request) {
  if (::mkdir(request.stage.c_str(), 0700) != 0) {
    return posix_error(fmt::format("make '{}'", request.stage), errno);
  }
  Result<Json> outcome = stage_import(deps, request);
  if (const Status given =
          outcome.has_error() ? ok_status() : give_to_owner_of_parent(request.stage);
      given.has_error()) {
    outcome = given.error();
  }
  if (outcome.has_error()) {
    (void)deps.files.remove(request.stage);  // the error that matters is the other one
  }
  return outcome;
}

Status discard_import(const ArchiveDeps& deps, const ImportRequest& request) {
  const auto said = [&](const std::string& file, std::string_view key) -> Result<std::string> {
    VC_TRY(const std::optional<std::string> text,
           deps.files.read(request.stage + "/" + file, kMostSecrets));
    const Result<Json> document = parse_json(text.value_or("{}"));
    return document.has_value() ? string_or(*document, key, "") : std::string();
  };
  VC_TRY(const std::string owner, said("secrets.json", "store_owner"));
  VC_TRY(const std::string name, said("target.json", "tenant"));
  const Result<TenantId> tenant = TenantId::parse(name);
  // Without the mark it could be anybody's data.
  if (!request.redis_url.empty() && tenant.has_value() && !owner.empty()) {
    VC_TRY(const RedisPlace place, redis_place(deps, request, *tenant, owner));
    VC_TRY(purge_redis(place));
  }
  return deps.files.remove(request.stage);
}

}  // namespace voicectl::runtime
