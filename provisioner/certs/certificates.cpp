// SPDX-License-Identifier: Apache-2.0
#include "provisioner/certs/certificates.h"

#include "base/ids.h"

namespace voicectl {
namespace {

constexpr std::string_view kWildcard = "*.";

}  // namespace

Status check_certificate_name(std::string_view name) {
  return check_host_name(name.starts_with(kWildcard) ? name.substr(kWildcard.size()) : name,
                         "certificate name");
}

Result<std::string> certificate_file_name(std::string_view name) {
  VC_TRY(check_certificate_name(name));
  if (name.starts_with(kWildcard)) {
    return "_wildcard." + std::string(name.substr(kWildcard.size())) + ".pem";
  }
  return std::string(name) + ".pem";
}

}  // namespace voicectl
