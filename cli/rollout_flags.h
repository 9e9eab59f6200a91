// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace CLI {
class App;
}

namespace voicectl {

class Palette;

/// What the command line says of how tenants are taken; the document says the rest.
struct RolloutFlags {
  std::vector<std::string> canary;
  std::uint32_t batch = 0;
  std::string pause;
  std::int64_t max_failures = -1;
};

/// Adds --canary, --batch, --pause and --max-failures. REQUIRES: `flags` outlives `app`.
void add_rollout_flags(CLI::App& app, RolloutFlags& flags);

/// Whether they ask for a pause where neither they nor `document`, a canonical one, has a canary or
/// batches that it would come between.
bool pauses_between_nothing(const RolloutFlags& flags, const std::string& document);
inline constexpr std::string_view kPauseBetweenNothing =
    "cannot pause between batches: there are none; add --batch or --canary to --pause";

/// The "rollout" of a request: only what was said; null if nothing was.
Json rollout_of(const RolloutFlags& flags);

/// The batches of a plan, a line each and no more than a screen of them; empty if it has none.
std::string print_rollout(const Json& plan, const Palette& palette);

}  // namespace voicectl
