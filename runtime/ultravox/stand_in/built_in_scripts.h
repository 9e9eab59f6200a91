// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace voicectl::ultravox {

struct ScriptSource {
  std::string_view name;
  std::string_view yaml;
};

/// The files of scripts/, as they were when this was built.
std::span<const ScriptSource> built_in_scripts();

}  // namespace voicectl::ultravox
