// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "provisioner/edge/edge_config.h"
#include "provisioner/edge/nginx_builder.h"

namespace voicectl {

/// The `server` blocks of the edge, made with `builder`, which collects what is refused.

/// Tells the fingerprint of the configuration and the number of connections, on the status socket.
NginxDirective make_status_server(NginxBuilder& builder,
                                  const EdgeConfig& config,
                                  const std::string& fingerprint);

/// Whoever asks for a name that is no tenant's: no handshake on https, 404 on http.
NginxTree make_default_servers(NginxBuilder& builder, const EdgeConfig& config);

/// Dynamic mode: one block for all subdomains and one for all custom domains. Static mode: one
/// block per tenant.
NginxTree make_tenant_servers(NginxBuilder& builder, const EdgeConfig& config);

/// A Perl expression for a host right below the platform's domain. Its text becomes part of a
/// path, so it admits no slash and no lone dot. `capture` names the slug; empty captures nothing.
std::string subdomain_pattern(const HostName& domain, const std::string& capture);
/// The same for any host name of at least two labels.
std::string host_pattern(const std::string& capture);

}  // namespace voicectl
