// SPDX-License-Identifier: Apache-2.0
// How a tenant's folder is brought back to what is recorded, whatever is in it.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/apply/tenant_files.h"

namespace voicectl {
namespace {

constexpr std::size_t kMostSecrets = 64 * 1024;
constexpr std::size_t kMostBytes = 16U << 20;

/// All of a tenant's secrets, and in their kinds.
bool are_secrets(const Json& secrets) {
  return secrets.is_object() && secrets.value("webhook_secrets", Json()).is_array() &&
         secrets.value("tool_secret", Json()).is_string() &&
         secrets.value("store_owner", Json()).is_string();
}

/// What secrets.json says; nullopt if it does not say them all: then it is no better than none.
std::optional<Json> secrets_in_file(const std::optional<std::string>& text) {
  const Result<Json> document = parse_json(text.value_or(""));
  return document.has_value() && are_secrets(*document) ? std::optional(*document) : std::nullopt;
}

/// What secrets.json says, as the configuration says it too; nullopt if it does not.
std::optional<Json> secrets_in_config(const std::optional<std::string>& text) {
  const Result<Json> document = parse_json(text.value_or(""), JsonBudget{.bytes = kMostBytes});
  const auto secrets =
      document.has_value() && document->is_object() ? document->value("secrets", Json()) : Json();
  return are_secrets(secrets) ? std::optional(secrets) : std::nullopt;
}

}  // namespace

bool TenantFiles::is_own_trouble(const Error& error, const PlatformSpec& platform) const {
  switch (error.code()) {
    case ErrorCode::kNotFound:
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kCorrupt:
    case ErrorCode::kUnavailable:
      // The store's password is everybody's.
      return store_document(platform.store).has_value();
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kConflict:
    case ErrorCode::kFenced:
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kTimeout:
    case ErrorCode::kCancelled:
    case ErrorCode::kInternal:
      return false;  // a full, broken or write-protected disk
  }
  return false;
}

Result<std::optional<std::string>> TenantFiles::read_own(const std::string& path,
                                                         std::size_t most) const {
  const Result<std::optional<std::string>> text = files_.read(path, most);
  return text.has_error() && text.error().code() == ErrorCode::kResourceExhausted
             ? Result<std::optional<std::string>>(Error(ErrorCode::kCorrupt, text.error().text()))
             : text;
}

Result<std::optional<std::string>> TenantFiles::read_known(const std::string& path,
                                                           std::size_t most) const {
  const Result<std::optional<std::string>> text = read_own(path, most);
  return text.has_error() && text.error().code() == ErrorCode::kCorrupt
             ? Result<std::optional<std::string>>(std::optional<std::string>())
             : text;
}

/// Other secrets than those that Ultravox and the tenant's agents have would make every webhook of
/// theirs a forgery.
Result<Json> TenantFiles::take_secrets(const TenantId& tenant) {
  const std::string path = paths().tenant_secrets(tenant);
  VC_TRY(const std::optional<std::string> known, read_known(path, kMostSecrets));
  if (const std::optional<Json> secrets = secrets_in_file(known)) {
    return *secrets;
  }
  VC_TRY(const std::optional<std::string> config,
         read_known(paths().tenant_config(tenant), kMostBytes));
  const std::optional<Json> secrets = secrets_in_config(config);
  if (!secrets) {
    return secrets_are_lost(tenant);
  }
  const std::string text = dump_json(*secrets);
  if (options_.written != nullptr) {
    VC_TRY(options_.written->keep_before(path, text));
  }
  VC_TRY(write_owned(path, text));
  return *secrets;
}

Error TenantFiles::secrets_are_lost(const TenantId& tenant) const {
  return {ErrorCode::kNotFound,
          fmt::format("cannot read the secrets of tenant '{}': neither '{}' nor its configuration "
                      "says them; put the file back or restore the tenant from a backup: other "
                      "ones would make every webhook of its agents a forgery",
                      tenant.str(), paths().tenant_secrets(tenant))};
}

Status TenantFiles::restore(const RecordedTenant& tenant,
                            const PlatformSpec& platform,
                            const std::vector<ApiKeyRecord>& keys) {
  // No folder is made: an empty one in the place of data would only hide that they are lost.
  return write_config(tenant.spec, platform, tenant.generation, keys);
}

}  // namespace voicectl
