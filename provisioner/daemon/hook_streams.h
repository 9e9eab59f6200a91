// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace voicectl {

/// What a hook reads and writes.
///
/// THREADS: loop thread only.
class HookStreams {
 public:
  virtual ~HookStreams() = default;

  /// The ends to grant to the child; they stay ours.
  virtual int input() const = 0;
  virtual int output() const = 0;

  /// What it has written so far, the beginning of it, whatever it goes on writing.
  virtual std::string output_so_far() = 0;
};

/// Opens them.
class HookStreamFactory {
 public:
  virtual ~HookStreamFactory() = default;

  /// The child reads `input` to its end, at its own pace.
  virtual Result<std::unique_ptr<HookStreams>> open(const std::string& input) = 0;
};

}  // namespace voicectl
