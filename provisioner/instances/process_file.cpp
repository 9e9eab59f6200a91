// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/process_file.h"

#include <fmt/core.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl {
namespace {

Result<ProcessFile> read_fields(const Json& object) {
  VC_TRY(const std::int64_t port_number, require_integer(object, "admin_port"));
  VC_TRY(const Port port, Port::make(port_number));
  VC_TRY(const std::int64_t pid, require_integer(object, "pid"));
  VC_TRY(const std::int64_t start_ticks, require_integer(object, "start_ticks"));
  VC_TRY(const std::string boot_id, require_string(object, "boot_id"));
  // 1 is init, 0 and below are groups: nothing that we started.
  if (pid <= 1 || pid > std::numeric_limits<int>::max() || start_ticks < 0) {
    return Error(ErrorCode::kInvalidArgument, "cannot take such a process number");
  }
  const std::string socket = string_or(object, "socket", name_of(ControlSocket::kFirst));
  const bool is_second = socket == name_of(ControlSocket::kSecond);
  if (!is_second && socket != name_of(ControlSocket::kFirst)) {
    return Error(ErrorCode::kInvalidArgument, "cannot take such a socket");
  }
  return ProcessFile{
      port,
      ProcessIdentity{static_cast<int>(pid), static_cast<std::uint64_t>(start_ticks), boot_id},
      is_second ? ControlSocket::kSecond : ControlSocket::kFirst};
}

}  // namespace

std::string render_process_file(const ProcessFile& file) {
  return dump_json({{"admin_port", file.admin_port.value()},
                    {"pid", file.process.pid},
                    {"start_ticks", file.process.start_ticks},
                    {"boot_id", file.process.boot_id},
                    {"socket", name_of(file.socket)}});
}

Status write_process_file(FileSystem& files, const std::string& path, const ProcessFile& file) {
  const std::string text = render_process_file(file);
  VC_TRY(files.replace_atomically(path, text, kPrivateFile));
  VC_TRY(const std::optional<std::string> written, files.read(path, kMaxProcessFile));
  return written == text
             ? ok_status()
             : Error(ErrorCode::kCorrupt,
                     fmt::format("cannot write '{}': what was written is not there", path));
}

Result<ProcessFile> parse_process_file(std::string_view text) {
  const Result<Json> object = parse_json(text, JsonBudget{.bytes = kMaxProcessFile});
  Result<ProcessFile> file =
      object.has_error() ? Result<ProcessFile>(object.error()) : read_fields(*object);
  if (file.has_error()) {
    return Error(ErrorCode::kCorrupt, "cannot read a process file: " + file.error().text());
  }
  return file;
}

std::optional<ProcessFile> read_process_file(FileSystem& files, const std::string& path) {
  const Result<std::optional<std::string>> text = files.read(path, kMaxProcessFile);
  if (text.has_error() || !*text) {
    return std::nullopt;
  }
  const Result<ProcessFile> file = parse_process_file(**text);
  return file.has_error() ? std::nullopt : std::optional<ProcessFile>(*file);
}

}  // namespace voicectl
