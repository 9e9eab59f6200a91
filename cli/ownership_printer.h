// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/effect_printer.h"
#include "cli/output.h"

namespace voicectl {

/// Whether a plan (schema voicectl/plan/v1) sets fields that the command line has set otherwise.
bool has_conflicts(const Json& plan);

/// Whose the fields of a plan are (its member "ownership"), in words: conflicts (a warning), what
/// is kept, what is taken. Nothing where there is nothing to tell. At most `most` fields of each
/// are named, the others are counted.
std::vector<EffectLine> ownership_lines(const Json& plan, std::size_t most);

/// The conflicts for a terminal, before the plan's steps; and the rest, behind them.
std::string print_conflicts(const Json& plan, const Palette& palette);
std::string print_kept_and_taken(const Json& plan, const Palette& palette);

}  // namespace voicectl
