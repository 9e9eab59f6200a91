// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/os/process_spawner.h"
#include "base/units.h"
#include "provisioner/model/snapshot.h"

namespace voicectl {

/// What all instances are started with.
struct LaunchTemplate {
  /// Absolute path of voice-runtime.
  std::string program;
  /// Arguments after `--instance <name>`. Never a secret.
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  /// Run as this user; needs root.
  std::optional<UserIds> user;
  /// Two listeners a tenant, two descriptors a connection, and room for files.
  std::uint64_t max_descriptors = 65'536;
  std::optional<Bytes> max_address_space;
  /// LaunchSpec::niceness of an instance that one tenant has for itself.
  int dedicated_niceness = 0;
};

/// Which of its two sockets a process is spoken with at: the one that replaces another while that
/// still runs has the one that is free.
enum class ControlSocket { kFirst, kSecond };
constexpr ControlSocket other(ControlSocket socket) {
  return socket == ControlSocket::kFirst ? ControlSocket::kSecond : ControlSocket::kFirst;
}
/// Name of its file.
constexpr std::string_view name_of(ControlSocket socket) {
  return socket == ControlSocket::kFirst ? "control.sock" : "next.sock";
}

/// Where instances have their files: `<run>/instances/<name>/` and `<log>/instances/<name>.log`.
struct InstancePaths {
  std::string run_dir;
  std::string log_dir;

  std::string folders() const { return run_dir + "/instances"; }
  std::string folder(const InstanceId& id) const { return folders() + "/" + id.str(); }
  std::string control_socket(const InstanceId& id,
                             ControlSocket which = ControlSocket::kFirst) const {
    return folder(id) + "/" + std::string(name_of(which));
  }
  std::string log_fifo(const InstanceId& id) const { return folder(id) + "/log.fifo"; }
  /// Identity of its process: who to end if it does not answer after a restart of the daemon.
  std::string process_file(const InstanceId& id) const { return folder(id) + "/process.json"; }
  /// The same of a process that waits to take its place.
  std::string next_process_file(const InstanceId& id) const { return folder(id) + "/next.json"; }
  std::string log_folder() const { return log_dir + "/instances"; }
  std::string log_file(const InstanceId& id) const {
    return log_folder() + "/" + id.str() + ".log";
  }
};

/// Descriptors that the child inherits; they stay the caller's.
struct InstanceDescriptors {
  int control = -1;
  int admin = -1;
  /// Standard output and standard error.
  int log = -1;
};

LaunchSpec make_launch_spec(const LaunchTemplate& launch,
                            const InstanceId& instance,
                            InstanceKind kind,
                            const InstanceDescriptors& descriptors);

}  // namespace voicectl
