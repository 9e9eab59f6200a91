// SPDX-License-Identifier: Apache-2.0
#include "playbooks/libssh2_transport.h"

#include <fmt/core.h>

#include <array>

#include "playbooks/ssh_session.h"
#include "playbooks/tcp_connect.h"

namespace voicectl {
namespace {

constexpr std::size_t kChunk = 32 * 1024;

class Libssh2Transport final : public SshTransport {
 public:
  Libssh2Transport(UniqueFd socket, SshSession session, Duration silence)
      : socket_(std::move(socket)), session_(std::move(session)), silence_(silence) {}

  Result<CommandOutcome> run(const RemoteCommand& command) override;
  Status upload(std::string_view content, const std::string& path, FileMode mode) override;

 private:
  Status write_input(LIBSSH2_CHANNEL* channel, std::string_view input);
  Status read_output(LIBSSH2_CHANNEL* channel, CommandOutcome& outcome);
  Result<bool> read_stream(LIBSSH2_CHANNEL* channel, int stream, std::string& into);
  Result<int> finish(LIBSSH2_CHANNEL* channel, const RemoteCommand& command);
  Status write_file(std::string_view content, const std::string& path, FileMode mode);
  Error sftp_error(LIBSSH2_SFTP* sftp, const std::string& path);

  UniqueFd socket_;
  SshSession session_;
  Duration silence_;
};

Status Libssh2Transport::write_input(LIBSSH2_CHANNEL* channel, std::string_view input) {
  while (!input.empty()) {
    const ssize_t written =
        libssh2_channel_write(channel, input.data(), std::min(input.size(), kChunk));
    if (written < 0) {
      return ssh_error(session_.get(), "send a command its input");
    }
    input.remove_prefix(static_cast<std::size_t>(written));
  }
  if (libssh2_channel_send_eof(channel) != 0) {
    return ssh_error(session_.get(), "end the input of a command");
  }
  return ok_status();
}

/// True if anything came.
Result<bool> Libssh2Transport::read_stream(LIBSSH2_CHANNEL* channel,
                                           int stream,
                                           std::string& into) {
  bool is_any = false;
  std::array<char, kChunk> bytes{};
  while (true) {
    const ssize_t length = libssh2_channel_read_ex(channel, stream, bytes.data(), bytes.size());
    if (length == 0 || length == LIBSSH2_ERROR_EAGAIN) {
      return is_any;
    }
    if (length < 0) {
      return ssh_error(session_.get(), "read the output of a command");
    }
    is_any = true;
    into.append(bytes.data(), static_cast<std::size_t>(length));
    if (into.size() > kMostOutput) {
      return Error(ErrorCode::kResourceExhausted,
                   fmt::format("cannot take more than {} bytes of output", kMostOutput));
    }
  }
}

/// Both streams in turn: a command that fills the one while we wait for the other would stand.
Status Libssh2Transport::read_output(LIBSSH2_CHANNEL* channel, CommandOutcome& outcome) {
  while (libssh2_channel_eof(channel) == 0) {
    VC_TRY(const bool some_out, read_stream(channel, 0, outcome.out));
    VC_TRY(const bool some_err, read_stream(channel, SSH_EXTENDED_DATA_STDERR, outcome.err));
    if (some_out || some_err || libssh2_channel_eof(channel) != 0) {
      continue;
    }
    VC_TRY(const bool is_ready, wait_for_socket(socket_.get(), WaitFor::kReading, silence_));
    if (!is_ready) {
      return Error(ErrorCode::kTimeout,
                   fmt::format("cannot wait for a command any longer: nothing came for {}",
                               format_duration(silence_)));
    }
  }
  return ok_status();
}

Result<int> Libssh2Transport::finish(LIBSSH2_CHANNEL* channel, const RemoteCommand& command) {
  if (libssh2_channel_close(channel) != 0 || libssh2_channel_wait_closed(channel) != 0) {
    return ssh_error(session_.get(), "end a command");
  }
  char* signal = nullptr;
  libssh2_channel_get_exit_signal(channel, &signal, nullptr, nullptr, nullptr, nullptr, nullptr);
  if (signal != nullptr) {
    const std::string name = signal;
    libssh2_free(session_.get(), signal);
    return Error(ErrorCode::kInternal,
                 fmt::format("cannot finish '{}': signal {} ended it", describe(command), name));
  }
  return libssh2_channel_get_exit_status(channel);
}

Result<CommandOutcome> Libssh2Transport::run(const RemoteCommand& command) {
  VC_TRY(const std::string line, render_for_shell(command));
  const SshChannel channel(libssh2_channel_open_session(session_.get()));
  if (channel == nullptr) {
    return ssh_error(session_.get(), "open a channel to the host");
  }
  if (libssh2_channel_exec(channel.get(), line.c_str()) != 0) {
    return ssh_error(session_.get(), fmt::format("run '{}'", describe(command)));
  }
  VC_TRY(write_input(channel.get(), command.input));
  CommandOutcome outcome;
  libssh2_session_set_blocking(session_.get(), 0);
  const Status read = read_output(channel.get(), outcome);
  libssh2_session_set_blocking(session_.get(), 1);
  if (read.has_error()) {
    return read.error().with_context(fmt::format("running '{}'", describe(command)));
  }
  VC_TRY(outcome.exit_code, finish(channel.get(), command));
  return outcome;
}

Error Libssh2Transport::sftp_error(LIBSSH2_SFTP* sftp, const std::string& path) {
  const std::string doing = fmt::format("write '{}' on the host", path);
  switch (libssh2_sftp_last_error(sftp)) {
    case LIBSSH2_FX_NO_SUCH_FILE:
      return Error(ErrorCode::kNotFound, "cannot " + doing + ": its folder is missing");
    case LIBSSH2_FX_PERMISSION_DENIED:
      return Error(ErrorCode::kPermissionDenied, "cannot " + doing + ": not allowed");
    case LIBSSH2_FX_NO_SPACE_ON_FILESYSTEM:
    case LIBSSH2_FX_QUOTA_EXCEEDED:
      return Error(ErrorCode::kResourceExhausted, "cannot " + doing + ": the disk is full");
    default:
      return ssh_error(session_.get(), doing);
  }
}

Status Libssh2Transport::write_file(std::string_view content,
                                    const std::string& path,
                                    FileMode mode) {
  const Sftp sftp(libssh2_sftp_init(session_.get()));
  if (sftp == nullptr) {
    return ssh_error(session_.get(), "open a file channel to the host");
  }
  const auto length = static_cast<unsigned int>(path.size());
  // What an upload that was cut short has left; whatever else is there must not be followed.
  (void)libssh2_sftp_unlink_ex(sftp.get(), path.data(), length);
  const auto bits = static_cast<long>(static_cast<std::uint32_t>(mode));
  const SftpHandle file(libssh2_sftp_open_ex(
      sftp.get(), path.data(), length, LIBSSH2_FXF_WRITE | LIBSSH2_FXF_CREAT | LIBSSH2_FXF_EXCL,
      0600, LIBSSH2_SFTP_OPENFILE));
  if (file == nullptr) {
    return sftp_error(sftp.get(), path);
  }
  while (!content.empty()) {
    const ssize_t written =
        libssh2_sftp_write(file.get(), content.data(), std::min(content.size(), kChunk));
    if (written < 0) {
      return sftp_error(sftp.get(), path);
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  LIBSSH2_SFTP_ATTRIBUTES attributes{};
  attributes.flags = LIBSSH2_SFTP_ATTR_PERMISSIONS;
  attributes.permissions = static_cast<unsigned long>(bits);
  if (libssh2_sftp_fsetstat(file.get(), &attributes) != 0 || libssh2_sftp_fsync(file.get()) != 0) {
    return sftp_error(sftp.get(), path);
  }
  return ok_status();
}

Status Libssh2Transport::upload(std::string_view content, const std::string& path, FileMode mode) {
  const std::string draft = path + ".voicectl-new";
  VC_TRY(write_file(content, draft, mode));
  VC_TRY(const CommandOutcome moved, run({{"mv", "-f", "-T", "--", draft, path}}));
  if (moved.succeeded()) {
    return ok_status();
  }
  return Error(ErrorCode::kPermissionDenied,
               fmt::format("cannot put '{}' in its place: {}", path, moved.err));
}

}  // namespace

Result<std::unique_ptr<SshTransport>> connect_ssh(const SshHost& host, const SshOptions& options) {
  VC_TRY(UniqueFd socket, connect_tcp(host.address, host.port, options.connect_timeout));
  const std::string where = fmt::format("host '{}'", host.address);
  Result<SshSession> session = open_ssh_session(socket, options);
  if (session.has_error()) {
    return session.error().with_context(where);
  }
  VC_TRY(check_host_key(session->get(), host, options));
  const Status logged_in = log_in(session->get(), host, options);
  if (logged_in.has_error()) {
    return logged_in.error().with_context(where);
  }
  return std::unique_ptr<SshTransport>(std::make_unique<Libssh2Transport>(
      std::move(socket), *std::move(session), options.silence_timeout));
}

}  // namespace voicectl
