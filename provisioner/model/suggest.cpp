// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/suggest.h"

#include <algorithm>
#include <array>

namespace voicectl {
namespace {

constexpr std::size_t kLongestCompared = 64;

std::string lower_case(std::string_view text) {
  std::string out(text.substr(0, kLongestCompared));
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  a = a.substr(0, kLongestCompared);
  b = b.substr(0, kLongestCompared);
  std::array<std::array<std::size_t, kLongestCompared + 1>, kLongestCompared + 1> cost{};
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const std::size_t replaced = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U);
      cost[i][j] = std::min({replaced, cost[i - 1][j] + 1, cost[i][j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

std::optional<std::string> find_nearest(std::string_view word,
                                        const std::vector<std::string>& candidates) {
  const std::string wanted = lower_case(word);
  const std::size_t allowed = std::max<std::size_t>(1, wanted.size() / 3);
  std::optional<std::string> nearest;
  std::size_t least = allowed + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(wanted, lower_case(candidate));
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  constexpr std::size_t kShortestBeginning = 3;
  if (!nearest && wanted.size() >= kShortestBeginning) {
    const auto longer = std::find_if(
        candidates.begin(), candidates.end(),
        [&](const std::string& candidate) { return lower_case(candidate).starts_with(wanted); });
    return longer == candidates.end() ? std::nullopt : std::optional(*longer);
  }
  return nearest;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::optional<std::string> nearest = find_nearest(word, candidates);
  return nearest ? "did you mean '" + *nearest + "'?" : std::string();
}

}  // namespace voicectl
