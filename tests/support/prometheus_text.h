// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace voicectl {

/// What is wrong with a text in the exposition format of Prometheus (0.0.4); empty if nothing is.
///
/// Stricter than Prometheus itself: every metric has HELP and TYPE before its samples, comes in one
/// piece and once, has valid names and finite values; counters end in _total; the buckets of a
/// histogram grow, end with +Inf, and agree with its count.
std::vector<std::string> problems_of_metrics(const std::string& text);

}  // namespace voicectl
