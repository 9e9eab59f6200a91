// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "cli/command.h"

namespace voicectl {

/// Where a file that the command line names is to be written.
struct OutputPlace {
  /// Absolute; never a symbolic link.
  std::string path;
  /// A device such as /dev/null or a terminal: it is written to, not replaced.
  bool is_device = false;
};

/// Follows symbolic links to the file that `name` stands for, which need not be there yet.
/// ERRORS: kInvalidArgument for a folder, FIFO, socket or disk; kPermissionDenied for a link that
/// somebody else has put into a folder of all (as the kernel's protected_symlinks).
Result<OutputPlace> find_output_place(const CommandContext& context, const std::string& name);

/// Writes the file that a flag names: in one step, or not at all, with `mode`.
/// ERRORS: those of find_output_place(); those of writing.
Result<OutputPlace> write_output_file(CommandContext& context,
                                      const std::string& name,
                                      std::string_view content,
                                      FileMode mode);

}  // namespace voicectl
