// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/edge_config.h"

namespace voicectl {

std::string edge_folder(const EdgeFolders& folders) {
  return folders.run + "/edge";
}

std::string edge_certificate_folder(const EdgeFolders& folders) {
  return edge_folder(folders) + "/certs";
}

std::string edge_challenge_folder(const EdgeFolders& folders) {
  return edge_folder(folders) + "/challenges";
}

std::string edge_status_socket(const EdgeFolders& folders) {
  return edge_folder(folders) + "/status/status.sock";
}

std::string edge_error_log(const EdgeFolders& folders) {
  return folders.log + "/edge/error.log";
}

EdgeRouteFiles edge_route(const EdgeFolders& folders, const TenantId& tenant) {
  const std::string stem = folders.run + "/domains/" + tenant.str();
  return {stem + ".sock", stem + ".route"};
}

EdgeRouteFiles edge_route(const EdgeFolders& folders, const HostName& host) {
  const std::string stem = folders.run + "/domains/" + host.str();
  return {stem + ".sock", stem + ".route"};
}

std::string tenant_socket(const EdgeFolders& folders, const TenantId& tenant) {
  return folders.run + "/tenants/" + tenant.str() + ".sock";
}

}  // namespace voicectl
