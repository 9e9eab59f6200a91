// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace voicectl {

/// `path` without slashes at its end, doubled ones and "." in between: names of files are compared
/// with it. ".." stays, since what stands before it may be a link.
inline std::string plain_folder(std::string_view path) {
  std::string plain;
  const bool is_absolute = path.starts_with('/');
  while (!path.empty()) {
    const std::size_t end = path.find('/');
    const std::string_view part = path.substr(0, end);
    if (!part.empty() && part != ".") {
      plain += plain.empty() && !is_absolute ? "" : "/";
      plain += part;
    }
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
  }
  return plain.empty() ? (is_absolute ? "/" : ".") : plain;
}

/// Where the daemon keeps what: see provisioner/daemon/README.md for the whole picture.
struct DaemonPaths {
  /// What must survive.
  std::string state;
  /// Sockets and process files.
  std::string run;
  std::string log;

  std::string registry() const { return state + "/registry.db"; }
  std::string ultravox_key() const { return state + "/keys/ultravox.key"; }
  std::string tenant_folder(const TenantId& tenant) const {
    return state + "/tenants/" + tenant.str();
  }
  std::string tenant_config(const TenantId& tenant) const {
    return tenant_folder(tenant) + "/config.json";
  }
  std::string tenant_secrets(const TenantId& tenant) const {
    return tenant_folder(tenant) + "/secrets.json";
  }
  std::string erpnext_credentials(const TenantId& tenant) const {
    return tenant_folder(tenant) + "/erpnext.credentials";
  }
  std::string tenant_keys(const TenantId& tenant) const {
    return tenant_folder(tenant) + "/keys.json";
  }
  std::string tenant_data(const TenantId& tenant) const { return tenant_folder(tenant) + "/data"; }
  /// Where the CLI puts what goes into the platform and out of it.
  std::string transfer() const { return state + "/transfer"; }
  /// An imported tenant's data, until they become its folder.
  std::string import_stage(const std::string& import_id) const {
    return transfer() + "/" + import_id;
  }
  std::string tenant_socket(const TenantId& tenant) const {
    return run + "/tenants/" + tenant.str() + ".sock";
  }
};

}  // namespace voicectl
