// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "cli/apply_flow.h"
#include "cli/command.h"
#include "cli/rollout_flags.h"

namespace voicectl {

/// What the command line says of an apply, whatever state is applied.
struct ApplyFlags {
  std::string message;
  std::string confirmation;
  std::chrono::seconds lock_patience{0};
  bool is_agreed = false;
  bool is_explained = false;
  std::size_t allow_delete = 0;
  RolloutFlags rollout{};
  OutputFormat format = OutputFormat::kTable;
};

/// Adds -m, --confirm, --lock-timeout, -y, --explain, --allow-delete, those of a rollout, and -o.
/// REQUIRES: `flags` outlives `app`.
void add_apply_flags(CLI::App& app, ApplyFlags& flags);

/// Adds --force-conflicts. REQUIRES: `is_forced` outlives `app`.
void add_force_conflicts(CLI::App& app, bool& is_forced);

/// What they come to. `deed` is what is kept as the reason, with the message behind it.
ApplyOptions apply_options_of(const ApplyFlags& flags, const std::string& deed);

/// What came of it. Where lines of JSON are asked for, an error is one too: whoever reads them must
/// not have to read the words on standard error as well.
Result<ExitCode> with_error_line(CommandContext& context,
                                 const ApplyFlags& flags,
                                 Result<ExitCode> outcome);

}  // namespace voicectl
