// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/units.h"
#include "playbooks/ssh_transport.h"

namespace voicectl {

/// Where and as whom.
struct SshHost {
  std::string address;
  Port port;
  std::string user;
};

struct SshOptions {
  /// In OpenSSH's format. A host whose key is not in it is refused; nothing is ever added.
  std::string known_hosts_file;
  /// Private key; empty: what the agent of `agent_socket` offers.
  std::string key_file{};
  Secret passphrase{};
  std::string agent_socket{};
  Duration connect_timeout = std::chrono::seconds(10);
  /// How long a host may be silent while we wait for it: within a command exactly; in the handshake
  /// at least two seconds, because the library counts whole ones.
  Duration silence_timeout = std::chrono::seconds(120);
};

/// Connects, checks the host's key and logs in.
///
/// RSA keys are refused, the host's and the user's: the library in Debian 12 signs with SHA-1 only,
/// which no current server takes.
/// ERRORS: kUnavailable if the host cannot be reached; kTimeout; kPermissionDenied if its key is
/// unknown or has changed, or if the user is not let in; kInvalidArgument for an RSA key;
/// kNotFound if a file is missing.
Result<std::unique_ptr<SshTransport>> connect_ssh(const SshHost& host, const SshOptions& options);

/// Whether a private key file holds an RSA key, in either of the formats that ssh-keygen writes.
bool is_rsa_private_key(std::string_view text);

}  // namespace voicectl
