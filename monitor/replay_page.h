// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "monitor/replay.h"

namespace voicectl {

/// A policy on a page: what it is called, and what it would have done.
struct ReplaySide {
  std::string name;
  const ReplayResult& result;
};

/// A page to look at, in one file that loads nothing and runs nothing: the figures side by side,
/// how many tenants had an instance of their own at any time, and a lane for each of the tenants
/// that the policies had most to do with. All text in it is escaped. REQUIRES: one or two sides, of
/// the same recording.
std::string render_replay_page(const std::vector<ReplaySide>& sides);

}  // namespace voicectl
