// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace voicectl {

/// A program that the daemon runs, without a shell.
struct HookSpec {
  /// The program, by its absolute path, and its arguments.
  std::vector<std::string> command{};
  /// How long it may run; then it is ended, and has failed.
  std::chrono::seconds timeout{30};
  friend bool operator==(const HookSpec&, const HookSpec&) = default;
};

/// What is run around what the daemon does, each list in its order. A failing one of `before_`
/// refuses; one of `after_` is told of, and takes nothing back.
struct HooksSpec {
  std::vector<HookSpec> before_apply{};
  std::vector<HookSpec> after_apply{};
  std::vector<HookSpec> before_promotion{};
  std::vector<HookSpec> after_promotion{};
  friend bool operator==(const HooksSpec&, const HooksSpec&) = default;
};

}  // namespace voicectl
