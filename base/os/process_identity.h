// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/os/process_spawner.h"

namespace voicectl {

/// A process as text that another run of the daemon reads.
std::string render_identity(const ProcessIdentity& who);

/// nullopt for anything that is no such text.
std::optional<ProcessIdentity> parse_identity(std::string_view text);

}  // namespace voicectl
