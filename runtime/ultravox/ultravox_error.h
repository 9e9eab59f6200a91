// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <utility>

#include "base/result.h"

namespace voicectl::ultravox {

/// Why the service did not do what it was asked.
struct UltravoxError {
  Error error;
  /// Status of its answer; absent when there was none (time-out, no connection).
  std::optional<int> status = std::nullopt;
  /// How long it asks us to wait before the next try (429 and 503).
  std::optional<std::chrono::seconds> retry_after = std::nullopt;
};

[[noreturn]] void throw_exception_from_error(const UltravoxError& error,
                                             const boost::source_location&);

/// The value, or why there is none. Used like Result: has_error(), error(), *result.
template <typename T>
using UltravoxResult = boost::system::result<T, UltravoxError>;

/// Called once, in a later turn of the loop.
template <typename T>
using UltravoxCompletion = std::function<void(UltravoxResult<T>)>;

}  // namespace voicectl::ultravox
