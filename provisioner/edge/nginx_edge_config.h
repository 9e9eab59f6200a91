// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "provisioner/edge/edge_config.h"
#include "provisioner/edge/nginx_config.h"

namespace voicectl {

/// nginx's whole configuration for `config`. Pure: the same values give the same tree.
///
/// Dynamic mode finds a tenant's socket and certificate by the host name that a strict expression
/// has matched; no tenant event changes the tree. Static mode has one server block per tenant.
/// ERRORS: kInvalidArgument for values that cannot stand in a configuration, such as a folder with
/// a blank in its name or an address that is none.
Result<NginxTree> make_nginx_config(const EdgeConfig& config);

/// Name, without folder and ".pem", of the file that holds the certificate for all hosts right
/// below `domain`: "_wildcard.<domain>".
std::string wildcard_file_name(const HostName& domain);

}  // namespace voicectl
