// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/os/unique_fd.h"

namespace voicectl {

/// Tells the service manager that started us, such as "READY=1\nSTATUS=..." (sd_notify(3)), with
/// descriptors for it to keep. Returns whether it was told; where there is none it is not.
/// THREADS: any.
bool notify_service_manager(std::string_view message, const std::vector<int>& descriptors = {});

/// A descriptor that the service manager kept for us (sd_listen_fds_with_names(3)).
struct ServiceDescriptor {
  std::string name;
  UniqueFd descriptor;
};

/// What it gave us when it started us; close-on-exec from now on. Once: the second time there is
/// nothing. THREADS: before there are others.
std::vector<ServiceDescriptor> take_service_descriptors();

/// How many descriptors it keeps for us; nullopt if it does not say (systemd before 254), or if
/// there is none.
std::optional<std::size_t> service_descriptor_room();

}  // namespace voicectl
