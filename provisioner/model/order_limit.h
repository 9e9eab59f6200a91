// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace voicectl {

/// How many certificates an authority is known to give.
struct OrderLimit {
  /// What people call it: "the local development authority".
  std::string authority;
  /// Within `span`; absent: as many as one likes.
  std::optional<std::size_t> orders{};
  std::chrono::hours span{0};
};

}  // namespace voicectl
