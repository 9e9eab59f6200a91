// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace voicectl {

/// What a made-up recording is of.
struct SyntheticLoad {
  std::uint32_t tenants = 1000;
  Duration length = std::chrono::hours(24 * 30);
  Duration interval = std::chrono::minutes(1);
  std::uint64_t seed = 1;
};

/// A recording (monitor/recording.h) of tenants with opening hours, quiet weekends, noise, and now
/// and then an hour in which everybody calls. Most are small, a few are not. Whole numbers only, so
/// that a seed gives the same bytes on every machine.
std::string make_recording(const SyntheticLoad& of);

}  // namespace voicectl
