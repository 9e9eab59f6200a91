// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/ids.h"

namespace voicectl {

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
