// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace voicectl {

/// The help of one command: what it does, how it is called, its arguments, flags, examples.
///
/// `path` is the command's own ("tenant create"), empty for the program. `global_flags` are those
/// of the program, shown after the command's own.
std::string render_help(const CLI::App& app, std::string_view path, const CLI::App& program);

}  // namespace voicectl
