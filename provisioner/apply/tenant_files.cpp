// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/tenant_files.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/json.h"
#include "provisioner/model/desired_state_yaml.h"

namespace voicectl {
namespace {

/// 40 characters of 36: more than 200 bits.
constexpr std::size_t kSecretLength = 40;

constexpr std::size_t kMaxSecretsFile = 64 * 1024;
constexpr std::size_t kMaxKeyFile = 4096;
constexpr std::size_t kMaxKeysFile = 1024 * 1024;
/// A tenant's document may hold a menu of thousands of items.
constexpr std::size_t kMaxConfigFile = 16U << 20;

/// Below the state folder: the session store's password, where an operator has put one.
constexpr std::string_view kStorePassword = "/keys/redis.password";

std::string host_of(const PlatformSpec& platform, const TenantId& tenant) {
  return tenant.str() + "." + platform.domain;
}

std::string with_port(std::string address, std::uint16_t port, std::uint16_t usual) {
  return port == usual ? address : fmt::format("{}:{}", address, port);
}

bool is_loopback(const std::string& url) {
  return url.starts_with("http://127.") || url.starts_with("http://localhost") ||
         url.starts_with("http://[::1]");
}

std::string trim(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.pop_back();
  }
  return text;
}

/// Generation of a configuration file, as render_config writes it: the keys of an object are
/// sorted. nullopt for any other text.
std::optional<std::uint64_t> generation_of(std::string_view text) {
  const std::string begin = fmt::format(R"({{"apiVersion":"{}","generation":)", kApiVersion);
  if (!text.starts_with(begin)) {
    return std::nullopt;
  }
  text.remove_prefix(begin.size());
  std::uint64_t out = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  const bool is_whole = problem == std::errc() && end != text.data() + text.size() && *end == ',';
  return is_whole ? std::optional(out) : std::nullopt;
}

/// Whether a file of keys says nothing but what the registry knows, though perhaps no more.
bool says_known_keys(std::string_view text,
                     const TenantId& tenant,
                     const std::vector<ApiKeyRecord>& keys) {
  const Result<Json> file = parse_json(text, JsonBudget{.bytes = kMaxKeysFile});
  const Json list = file.has_value() && file->is_object() ? file->value("keys", Json()) : Json();
  return list.is_array() && std::all_of(list.begin(), list.end(), [&](const Json& entry) {
           return std::any_of(keys.begin(), keys.end(), [&](const ApiKeyRecord& key) {
             return entry.is_object() && key.tenant == tenant &&
                    string_or(entry, "id", "") == key.key_id &&
                    string_or(entry, "sha256", "") == key.sha256 &&
                    string_or(entry, "scope", "") == key.scope;
           });
         });
}

/// Whether `path` is `folder` or below it. REQUIRES: neither has a slash at its end, but "/".
bool is_within(std::string_view path, std::string_view folder) {
  return folder == "/" || path == folder ||
         (path.starts_with(folder) && path.substr(folder.size()).starts_with('/'));
}

/// The instances read copies of the files of secrets, and always name a company.
void point_at_installed(Json& backend, const TenantSpec& tenant, const DaemonPaths& paths) {
  if (tenant.backend.company.empty()) {
    backend["company"] = tenant.name;
  }
  if (!tenant.backend.credentials_file.empty()) {
    backend["credentials_file"] = paths.erpnext_credentials(tenant.tenant);
  }
}

}  // namespace

Status TenantFiles::write_owned(const std::string& path, const std::string& content) {
  // Given away before it has its name: a crash in between would leave a file that the instance
  // cannot read. By what is open, not by name: in its own folder the instance could put another
  // file in the place of this one, which would then be given to it.
  return options_.owner ? files_.replace_owned(path, content, kPrivateFile, *options_.owner)
                        : files_.replace_atomically(path, content, kPrivateFile);
}

Status TenantFiles::write_noted(const std::string& path,
                                const std::string& content,
                                const WrittenFiles::IsOurs& is_ours) {
  if (options_.written != nullptr) {
    VC_TRY(options_.written->keep_before(path, content, is_ours));
  }
  VC_TRY(write_owned(path, content));
  if (options_.written != nullptr) {
    options_.written->note(path, content);
  }
  return ok_status();
}

Status TenantFiles::make_owned_directory(const std::string& path) {
  VC_TRY(files_.make_directory(path, kPrivateDirectory));
  return give_away(path);
}

Status TenantFiles::give_away(const std::string& path) {
  return options_.owner ? files_.set_owner(path, *options_.owner) : ok_status();
}

Status TenantFiles::make_secrets(const TenantId& tenant) {
  const std::string path = paths().tenant_secrets(tenant);
  VC_TRY(const std::optional<std::string> known, files_.read(path, kMaxSecretsFile));
  if (known) {
    return ok_status();
  }
  const Json secrets = {{"webhook_secrets", {random_.token(kSecretLength)}},
                        {"tool_secret", random_.token(kSecretLength)},
                        // Tells this tenant from an earlier one of its name, whose sessions a
                        // store outside this folder may still have.
                        {"store_owner", random_.token(kSecretLength)}};
  return write_owned(path, dump_json(secrets));
}

/// Where links lead is what counts, and is what is read: whoever may write a document, or a folder
/// on the way, must not have the platform's own secrets sent to a host of theirs.
Result<std::optional<std::string>> TenantFiles::read_credentials(const std::string& source) const {
  const Result<std::string> real = files_.real_path(source);
  const bool is_missing = real.has_error() && real.error().code() == ErrorCode::kNotFound;
  if (real.has_error() && !is_missing) {
    return real.error();
  }
  // Of one that is not there yet the name is all there is to tell.
  const std::string found =
      is_missing ? std::filesystem::path(source).lexically_normal().string() : *real;
  VC_TRY(const std::string state, files_.real_path(paths().state));
  if (is_within(found, state)) {
    return Error(
        ErrorCode::kInvalidArgument,
        fmt::format("cannot take the credentials in '{}': it leads to '{}', and what is in "
                    "the daemon's state folder is the platform's own; put them into a "
                    "file elsewhere",
                    source, found));
  }
  for (const std::string_view folder : {"/proc", "/sys", "/dev"}) {
    if (is_within(found, folder)) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("cannot take the credentials in '{}': what is in '{}' is the "
                               "kernel's; put them into a file elsewhere",
                               source, folder));
    }
  }
  if (is_missing) {
    return std::optional<std::string>();
  }
  VC_TRY(std::optional<std::string> text, files_.read_without_links(found, kMaxKeyFile));
  // Its source may be anywhere, under any name; what was installed of it is known.
  VC_TRY(const std::optional<std::string> key, files_.read(paths().ultravox_key(), kMaxKeyFile));
  if (text && key && !trim(*text).empty() && trim(*text) == trim(*key)) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot take the credentials in '{}': that is the platform's Ultravox "
                             "key; put the tenant's own into a file of its own",
                             source));
  }
  return text;
}

Status TenantFiles::prepare(const TenantSpec& tenant,
                            const PlatformSpec& platform,
                            Generation generation,
                            const std::vector<ApiKeyRecord>& keys) {
  VC_TRY(make_owned_directory(paths().tenant_folder(tenant.tenant)));
  VC_TRY(make_owned_directory(paths().tenant_data(tenant.tenant)));
  VC_TRY(make_secrets(tenant.tenant));
  return write_config(tenant, platform, generation, keys);
}

Status TenantFiles::write_config(const TenantSpec& tenant,
                                 const PlatformSpec& platform,
                                 Generation generation,
                                 const std::vector<ApiKeyRecord>& keys) {
  VC_TRY(const std::string text, render_config(tenant, platform, generation, keys));
  // A change that was refused, or died before it was recorded, has left a newer one.
  const auto is_newer = [generation](std::string_view known) {
    return generation_of(known).value_or(0) > generation.value;
  };
  return write_noted(paths().tenant_config(tenant.tenant), text, is_newer);
}

Status TenantFiles::ensure_config(const RecordedTenant& tenant,
                                  const PlatformSpec& platform,
                                  const std::vector<ApiKeyRecord>& keys) {
  VC_TRY(const std::optional<std::string> known,
         read_known(paths().tenant_config(tenant.spec.tenant), kMaxConfigFile));
  return known && generation_of(*known) == tenant.generation.value
             ? ok_status()
             : write_config(tenant.spec, platform, tenant.generation, keys);
}

Result<TenantFiles::Written> TenantFiles::refresh_config(const TenantSpec& tenant,
                                                         const PlatformSpec& platform,
                                                         Generation generation,
                                                         const std::vector<ApiKeyRecord>& keys) {
  VC_TRY(const std::string text, render_config(tenant, platform, generation, keys));
  VC_TRY(const std::optional<std::string> known,
         read_known(paths().tenant_config(tenant.tenant), kMaxConfigFile));
  if (known == text) {
    return Written::kAsBefore;
  }
  VC_TRY(write_config(tenant, platform, Generation{generation.value + 1}, keys));
  return Written::kAnew;
}

Result<std::string> TenantFiles::render_config(const TenantSpec& tenant,
                                               const PlatformSpec& platform,
                                               Generation generation,
                                               const std::vector<ApiKeyRecord>& keys) {
  VC_TRY(const Json secrets, take_secrets(tenant.tenant));
  VC_TRY(Json document, parse_json(render_tenant(tenant), JsonBudget{.bytes = 16U << 20}));
  point_at_installed(document["backend"], tenant, paths());
  document.erase("import");  // whence its data came is nothing that its instance does
  VC_TRY(install_credentials(tenant));
  VC_TRY(const Json store, store_document(platform.store));
  const Result<Written> written = write_keys(tenant.tenant, keys);
  if (written.has_error()) {
    return written.error();
  }
  return dump_json(
      {{"apiVersion", kApiVersion},
       {"kind", "TenantConfig"},
       {"generation", generation.value},
       {"platform",
        {{"domain", platform.domain},
         {"base_url", base_url(platform, tenant.tenant)},
         {"webhook_base", webhook_base(platform, tenant.tenant)},
         {"ultravox",
          {{"endpoint", platform.ultravox.endpoint},
           {"api_key_file", platform.ultravox.api_key_file.empty() ? "" : paths().ultravox_key()}}},
         {"backend_networks", platform.backend_networks}}},
       {"store", store},
       {"secrets", secrets},
       {"keys_file", paths().tenant_keys(tenant.tenant)},
       {"tenant", document}});
}

Result<TenantFiles::Written> TenantFiles::write_keys(const TenantId& tenant,
                                                     const std::vector<ApiKeyRecord>& keys) {
  Json list = Json::array();
  for (const ApiKeyRecord& key : keys) {
    if (key.tenant != tenant || key.revoked_at) {
      continue;
    }
    Json entry = {{"id", key.key_id}, {"sha256", key.sha256}, {"scope", key.scope}};
    if (key.expires_at) {
      entry["expires_at_ms"] = key.expires_at->time_since_epoch().count();
    }
    list.push_back(std::move(entry));
  }
  const std::string text = dump_json({{"apiVersion", kApiVersion},
                                      {"kind", "TenantKeys"},
                                      {"tenant", tenant.str()},
                                      {"keys", list}});
  const std::string path = paths().tenant_keys(tenant);
  VC_TRY(const std::optional<std::string> known, read_known(path, kMaxKeysFile));
  if (known == text) {
    if (options_.written != nullptr) {
      options_.written->note(path, text);
    }
    return Written::kAsBefore;
  }
  VC_TRY(write_noted(path, text,
                     [&](std::string_view other) { return says_known_keys(other, tenant, keys); }));
  return Written::kAnew;
}

Status TenantFiles::retire(const TenantId& tenant, WallTime now) {
  const auto is_there = [&]() -> Result<bool> {
    VC_TRY(const std::vector<std::string> names, files_.list(paths().state + "/tenants"));
    return std::find(names.begin(), names.end(), tenant.str()) != names.end();
  };
  VC_TRY(const bool was_there, is_there());
  if (!was_there) {
    return ok_status();
  }
  // Who deletes a tenant wants its keys gone, not kept beside its data.
  VC_TRY(files_.remove(paths().tenant_keys(tenant)));
  if (options_.written != nullptr) {
    VC_TRY(options_.written->forget(paths().tenant_folder(tenant) + "/"));
  }
  VC_TRY(files_.make_directory(paths().state + "/retired", kPrivateDirectory));
  VC_TRY(files_.move(paths().tenant_folder(tenant),
                     fmt::format("{}/retired/{}-{}", paths().state, tenant.str(),
                                 now.time_since_epoch().count())));
  // Nobody would look for it any more: a disk that only says that it is done must not leave it.
  VC_TRY(const bool is_left, is_there());
  return !is_left
             ? ok_status()
             : Error(ErrorCode::kInternal,
                     fmt::format("cannot set the folder of tenant '{}' aside: it is still there",
                                 tenant.str()));
}

Status TenantFiles::install_ultravox_key(const PlatformSpec& platform) {
  const std::string& source = platform.ultravox.api_key_file;
  if (source.empty()) {
    return files_.remove(paths().ultravox_key());
  }
  VC_TRY(const std::optional<std::string> key, files_.read(source, kMaxKeyFile));
  if (!key || trim(*key).empty()) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot read the Ultravox key: '{}' is missing or empty; write the "
                             "key into it, mode 0600",
                             source));
  }
  VC_TRY(files_.make_directory(paths().state + "/keys", kSharedDirectory));
  return write_owned(paths().ultravox_key(), trim(*key) + "\n");
}

TenantFiles::KeyState TenantFiles::look_at_ultravox_key(const PlatformSpec& platform) const {
  const std::string& source = platform.ultravox.api_key_file;
  return source.empty() ? KeyState::kInstalled
                        : compare(files_.read(source, kMaxKeyFile), paths().ultravox_key());
}

/// Credentials that cannot be read leave what was installed before; then nothing gets worse.
Status TenantFiles::install_credentials(const TenantSpec& tenant) {
  const std::string& source = tenant.backend.credentials_file;
  const std::string installed = paths().erpnext_credentials(tenant.tenant);
  if (source.empty()) {
    return files_.remove(installed);
  }
  const Result<std::optional<std::string>> text = read_credentials(source);
  if (text.has_value() && *text && !trim(**text).empty()) {
    return write_owned(installed, trim(**text) + "\n");
  }
  if (text.has_error() && text.error().code() == ErrorCode::kInvalidArgument) {
    return text.error();
  }
  VC_TRY(const std::optional<std::string> before, read_known(installed, kMaxKeyFile));
  if (before) {
    return ok_status();
  }
  return Error(
      ErrorCode::kNotFound,
      fmt::format("cannot read '{}': it is missing or empty; write it, mode 0600", source));
}

TenantFiles::KeyState TenantFiles::look_at_credentials(const TenantSpec& tenant) const {
  const std::string& source = tenant.backend.credentials_file;
  return source.empty()
             ? KeyState::kInstalled
             : compare(read_credentials(source), paths().erpnext_credentials(tenant.tenant));
}

TenantFiles::KeyState TenantFiles::compare(const Result<std::optional<std::string>>& key,
                                           const std::string& installed) const {
  if (key.has_error() || !*key || trim(**key).empty()) {
    return KeyState::kUnreadable;
  }
  const Result<std::optional<std::string>> known = files_.read(installed, kMaxKeyFile);
  const bool is_installed = known.has_value() && *known && trim(**known) == trim(**key);
  return is_installed ? KeyState::kInstalled : KeyState::kNew;
}

Result<Json> TenantFiles::store_document(const StoreSpec& store) const {
  if (store.kind == SessionStoreKind::kEmbedded) {
    return Json{{"kind", name_of(store.kind)}};
  }
  Json document = {{"kind", name_of(store.kind)}, {"url", store.redis_url}};
  const bool is_named = !store.password_file.empty();
  const std::string path =
      is_named ? store.password_file : paths().state + std::string(kStorePassword);
  VC_TRY(const std::optional<std::string> password, files_.read(path, kMaxKeyFile));
  if (is_named && (!password || trim(*password).empty())) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot read the password of the session store: '{}' is missing or "
                             "empty; write the password into it, mode 0600",
                             path));
  }
  if (password) {
    document["password"] = trim(*password);
  }
  return document;
}

std::string TenantFiles::base_url(const PlatformSpec& platform, const TenantId& tenant) const {
  if (platform.edge.mode == EdgeMode::kNone) {
    return "http://" + host_of(platform, tenant);
  }
  return with_port("https://" + host_of(platform, tenant), platform.edge.https_port, 443);
}

std::string TenantFiles::webhook_base(const PlatformSpec& platform, const TenantId& tenant) const {
  constexpr std::string_view kPlaceholder = "{tenant}";
  std::string base = platform.ultravox.webhook_base;
  if (base.empty()) {
    // The stand-in runs on this machine and knows nothing of the local authority.
    return is_loopback(platform.ultravox.endpoint) && options_.plain_http
               ? with_port("http://" + host_of(platform, tenant), platform.edge.http_port, 80)
               : base_url(platform, tenant);
  }
  for (std::size_t at = base.find(kPlaceholder); at != std::string::npos;
       at = base.find(kPlaceholder, at + tenant.str().size())) {
    base.replace(at, kPlaceholder.size(), tenant.str());
  }
  return base;
}

}  // namespace voicectl
