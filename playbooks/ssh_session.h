// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <libssh2.h>
#include <libssh2_sftp.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/os/unique_fd.h"
#include "playbooks/libssh2_transport.h"

namespace voicectl {

struct FreeSession {
  void operator()(LIBSSH2_SESSION* session) const;
};
struct FreeChannel {
  void operator()(LIBSSH2_CHANNEL* channel) const { libssh2_channel_free(channel); }
};
struct FreeKnownHosts {
  void operator()(LIBSSH2_KNOWNHOSTS* hosts) const { libssh2_knownhost_free(hosts); }
};
struct FreeAgent {
  void operator()(LIBSSH2_AGENT* agent) const;
};
struct FreeSftp {
  void operator()(LIBSSH2_SFTP* sftp) const { libssh2_sftp_shutdown(sftp); }
};
struct FreeSftpHandle {
  void operator()(LIBSSH2_SFTP_HANDLE* handle) const { libssh2_sftp_close_handle(handle); }
};
using SshSession = std::unique_ptr<LIBSSH2_SESSION, FreeSession>;
using SshChannel = std::unique_ptr<LIBSSH2_CHANNEL, FreeChannel>;
using SshKnownHosts = std::unique_ptr<LIBSSH2_KNOWNHOSTS, FreeKnownHosts>;
using SshAgent = std::unique_ptr<LIBSSH2_AGENT, FreeAgent>;
using Sftp = std::unique_ptr<LIBSSH2_SFTP, FreeSftp>;
using SftpHandle = std::unique_ptr<LIBSSH2_SFTP_HANDLE, FreeSftpHandle>;

/// What the library last complained about.
Error ssh_error(LIBSSH2_SESSION* session, std::string_view doing);

/// Greets the host over a connected socket. Calls on the session block, up to the silence timeout.
Result<SshSession> open_ssh_session(const UniqueFd& socket, const SshOptions& options);

/// ERRORS: kPermissionDenied unless exactly this key is known for this host.
Status check_host_key(LIBSSH2_SESSION* session, const SshHost& host, const SshOptions& options);

Status log_in(LIBSSH2_SESSION* session, const SshHost& host, const SshOptions& options);

}  // namespace voicectl
