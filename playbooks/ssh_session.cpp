// SPDX-License-Identifier: Apache-2.0
#include "playbooks/ssh_session.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/os/posix_file_system.h"

namespace voicectl {
namespace {

/// RSA is left out: this library's signatures of that kind are of SHA-1.
constexpr const char* kHostKeyMethods =
    "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521";
/// The library compares whole seconds: a shorter time would be over when the clock's second turns.
constexpr Duration kLeastPatience = std::chrono::seconds(2);
constexpr std::size_t kMostKeyBytes = 64 * 1024;

struct HostKeyKind {
  int offered;
  int known;
  std::string_view name;
};
constexpr HostKeyKind kHostKeyKinds[] = {
    {LIBSSH2_HOSTKEY_TYPE_ED25519, LIBSSH2_KNOWNHOST_KEY_ED25519, "ssh-ed25519"},
    {LIBSSH2_HOSTKEY_TYPE_ECDSA_256, LIBSSH2_KNOWNHOST_KEY_ECDSA_256, "ecdsa-sha2-nistp256"},
    {LIBSSH2_HOSTKEY_TYPE_ECDSA_384, LIBSSH2_KNOWNHOST_KEY_ECDSA_384, "ecdsa-sha2-nistp384"},
    {LIBSSH2_HOSTKEY_TYPE_ECDSA_521, LIBSSH2_KNOWNHOST_KEY_ECDSA_521, "ecdsa-sha2-nistp521"},
};

const HostKeyKind* find_kind(int offered) {
  for (const HostKeyKind& kind : kHostKeyKinds) {
    if (kind.offered == offered) {
      return &kind;
    }
  }
  return nullptr;
}

ErrorCode code_of(int problem) {
  switch (problem) {
    case LIBSSH2_ERROR_TIMEOUT:
    case LIBSSH2_ERROR_SOCKET_TIMEOUT:
      return ErrorCode::kTimeout;
    case LIBSSH2_ERROR_AUTHENTICATION_FAILED:
    case LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED:
    case LIBSSH2_ERROR_KEX_FAILURE:
      return ErrorCode::kPermissionDenied;
    case LIBSSH2_ERROR_FILE:
      return ErrorCode::kInvalidArgument;
    case LIBSSH2_ERROR_ALLOC:
      return ErrorCode::kResourceExhausted;
    default:
      return ErrorCode::kUnavailable;
  }
}

Error rsa_refused(std::string_view what) {
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot use {}: it is an RSA key, which current servers refuse from "
                           "this library; make one with 'ssh-keygen -t ed25519'",
                           what));
}

/// The library's own state is made once per process, before the first session.
bool is_library_ready() {
  static const bool is_ready = libssh2_init(0) == 0;
  return is_ready;
}

int check(LIBSSH2_KNOWNHOSTS* known, const SshHost& host, std::string_view key, int kind) {
  return libssh2_knownhost_checkp(
      known, host.address.c_str(), host.port.value(), key.data(), key.size(),
      LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_RAW | kind, nullptr);
}

Status log_in_with_file(LIBSSH2_SESSION* session, const SshHost& host, const SshOptions& options) {
  PosixFileSystem files;
  VC_TRY(const std::optional<std::string> key, files.read(options.key_file, kMostKeyBytes));
  if (!key) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot find the private key '{}'", options.key_file));
  }
  if (is_rsa_private_key(*key)) {
    return rsa_refused(fmt::format("private key '{}'", options.key_file));
  }
  const std::string& passphrase = options.passphrase.reveal();
  if (libssh2_userauth_publickey_frommemory(
          session, host.user.data(), host.user.size(), nullptr, 0, key->data(), key->size(),
          passphrase.empty() ? nullptr : passphrase.c_str()) != 0) {
    return ssh_error(session,
                     fmt::format("log in as '{}' with key '{}'", host.user, options.key_file));
  }
  return ok_status();
}

Status log_in_with_agent(LIBSSH2_SESSION* session, const SshHost& host, const SshOptions& options) {
  const SshAgent agent(libssh2_agent_init(session));
  if (agent == nullptr) {
    return ssh_error(session, "use an SSH agent");
  }
  libssh2_agent_set_identity_path(agent.get(), options.agent_socket.c_str());
  if (libssh2_agent_connect(agent.get()) != 0 || libssh2_agent_list_identities(agent.get()) != 0) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot ask the SSH agent at '{}'; name a key file instead",
                             options.agent_socket));
  }
  libssh2_agent_publickey* key = nullptr;
  std::size_t refused = 0;
  while (libssh2_agent_get_identity(agent.get(), &key, key) == 0) {
    const std::string_view blob(reinterpret_cast<const char*>(key->blob), key->blob_len);
    if (blob.starts_with(std::string_view("\0\0\0\7ssh-rsa", 11))) {
      ++refused;
      continue;
    }
    if (libssh2_agent_userauth(agent.get(), host.user.c_str(), key) == 0) {
      return ok_status();
    }
  }
  if (refused > 0) {
    return rsa_refused(fmt::format("{} of the agent's keys, and no other was accepted", refused));
  }
  return Error(
      ErrorCode::kPermissionDenied,
      fmt::format("cannot log in as '{}': the host accepts none of the agent's keys", host.user));
}

}  // namespace

void FreeSession::operator()(LIBSSH2_SESSION* session) const {
  // A host that is gone must not make the end wait.
  libssh2_session_set_timeout(session, 500);
  libssh2_session_disconnect(session, "done");
  libssh2_session_free(session);
}

void FreeAgent::operator()(LIBSSH2_AGENT* agent) const {
  libssh2_agent_disconnect(agent);
  libssh2_agent_free(agent);
}

Error ssh_error(LIBSSH2_SESSION* session, std::string_view doing) {
  char* text = nullptr;
  int length = 0;
  const int problem = libssh2_session_last_error(session, &text, &length, 0);
  return Error(code_of(problem),
               fmt::format("cannot {}: {}", doing,
                           std::string_view(text, static_cast<std::size_t>(length))));
}

Result<SshSession> open_ssh_session(const UniqueFd& socket, const SshOptions& options) {
  if (!is_library_ready()) {
    return Error(ErrorCode::kInternal, "cannot make the SSH library ready");
  }
  SshSession session(libssh2_session_init_ex(nullptr, nullptr, nullptr, nullptr));
  if (session == nullptr) {
    return Error(ErrorCode::kResourceExhausted, "cannot make an SSH session: out of memory");
  }
  libssh2_session_set_blocking(session.get(), 1);
  const auto patience = std::max<Duration>(options.silence_timeout, kLeastPatience);
  libssh2_session_set_timeout(
      session.get(),
      static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(patience).count()));
  libssh2_session_method_pref(session.get(), LIBSSH2_METHOD_HOSTKEY, kHostKeyMethods);
  if (libssh2_session_handshake(session.get(), socket.get()) != 0) {
    return ssh_error(session.get(),
                     "agree with the host on keys (it needs one of ed25519 or ecdsa)");
  }
  return session;
}

Status check_host_key(LIBSSH2_SESSION* session, const SshHost& host, const SshOptions& options) {
  const SshKnownHosts known(libssh2_knownhost_init(session));
  const std::string& file = options.known_hosts_file;
  if (known == nullptr ||
      libssh2_knownhost_readfile(known.get(), file.c_str(), LIBSSH2_KNOWNHOST_FILE_OPENSSH) < 0) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot read the known hosts '{}'; make it with 'ssh-keyscan -t "
                             "ed25519 {}' and compare the key",
                             file, host.address));
  }
  std::size_t length = 0;
  int offered = LIBSSH2_HOSTKEY_TYPE_UNKNOWN;
  const char* const bytes = libssh2_session_hostkey(session, &length, &offered);
  const HostKeyKind* const kind = find_kind(offered);
  if (bytes == nullptr || kind == nullptr) {
    return Error(
        ErrorCode::kPermissionDenied,
        fmt::format("cannot trust host '{}': its key is of an unknown kind", host.address));
  }
  const std::string_view key(bytes, length);
  if (check(known.get(), host, key, kind->known) == LIBSSH2_KNOWNHOST_CHECK_MATCH) {
    return ok_status();
  }
  // Without a kind every entry of the host counts: is it a stranger, or has it changed?
  constexpr int kAnyKind = 0;
  const bool is_stranger =
      check(known.get(), host, key, kAnyKind) == LIBSSH2_KNOWNHOST_CHECK_NOTFOUND;
  return Error(ErrorCode::kPermissionDenied,
               is_stranger
                   ? fmt::format("cannot trust host '{}': it is not in '{}'; compare its key and "
                                 "add it",
                                 host.address, file)
                   : fmt::format("cannot trust host '{}': its {} key is not the one in '{}'; "
                                 "somebody may be listening in, or the host was made anew",
                                 host.address, kind->name, file));
}

Status log_in(LIBSSH2_SESSION* session, const SshHost& host, const SshOptions& options) {
  return options.key_file.empty() ? log_in_with_agent(session, host, options)
                                  : log_in_with_file(session, host, options);
}

}  // namespace voicectl
