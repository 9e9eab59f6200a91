// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace voicectl {

/// What the daemon's status says of the machine it runs on, as parts of a line: load, memory and
/// disk, each as far as it is known. An older daemon says nothing.
std::vector<std::string> host_parts(const Json& status);

/// The same in few columns: "load 0.52/2", "memory 41%", "disk 12%".
std::vector<std::string> short_host_parts(const Json& status);

}  // namespace voicectl
