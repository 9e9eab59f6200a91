// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/os/reactor.h"
#include "provisioner/daemon/hook_streams.h"

namespace voicectl {

/// Most of a hook's output that is kept.
inline constexpr std::size_t kKeptHookOutput = 8U << 10;

/// The real side: the input is a file in memory, the output a pipe that is read in the loop, so
/// that neither can make the other wait.
class PosixHookStreamFactory final : public HookStreamFactory {
 public:
  /// REQUIRES: `watcher` outlives it and what it opens.
  explicit PosixHookStreamFactory(FdWatcher& watcher) : watcher_(watcher) {}

  Result<std::unique_ptr<HookStreams>> open(const std::string& input) override;

 private:
  FdWatcher& watcher_;
};

}  // namespace voicectl
