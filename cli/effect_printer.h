// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/output.h"
#include "provisioner/api/control_protocol.h"

namespace voicectl {

/// One matter of a plan's forecast, in words.
struct EffectLine {
  std::string label;
  /// What is expected.
  std::string text;
  /// Worth a second look: something drops, drains or cannot be undone.
  bool is_warning = false;
  /// Cases, one a line.
  std::vector<std::string> details{};
};

/// The forecast in `plan` (its member "forecast", schema voicectl/forecast/v1) in words; nothing
/// without one. At most `most` cases of each matter are named, the others are counted.
std::vector<EffectLine> effect_lines(const Json& plan, std::size_t most);

/// The same for a terminal, behind the plan's steps; empty without a forecast.
std::string print_effect(const Json& plan, const Palette& palette);

/// How an upgrade is expected to go: `course`, the member of that name of its forecast, of which
/// its canary is watched for `watch`. Nothing if it says nothing.
std::vector<EffectLine> upgrade_lines(const Json& course, std::string_view watch);

/// What was forecast beside what came of it: a row for each quantity that is not nothing on both
/// sides.
std::string print_comparison(const std::vector<api::Compared>& compared, const Palette& palette);

/// Whether it is counted, and so forecast right or wrong; lengths, sizes and shares are estimated.
bool is_counted(std::string_view quantity);
/// A quantity for people: "processes started".
std::string quantity_title(std::string_view quantity);
/// A number of it: "3", "1.2s", "34.0 MiB", "0.12 cores".
std::string quantity_text(std::string_view quantity, std::int64_t number);

}  // namespace voicectl
