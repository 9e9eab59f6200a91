// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/host_facts.h"

namespace voicectl {

/// TCP listeners, as the kernel tells (sock_diag(7)); empty where it does not.
std::vector<ListenerFacts> ask_for_listeners();

/// The file that the unix socket of that inode is bound to; nullopt where the kernel does not tell.
/// The kernel looks through all unix sockets of the machine for it.
std::optional<FileIdentity> ask_for_bound_file(std::uint64_t inode);

/// By inode, the files of all unix sockets that are bound to one; empty where the kernel does not
/// tell. The kernel looks through them once.
std::unordered_map<std::uint64_t, FileIdentity> ask_for_bound_files();

}  // namespace voicectl
