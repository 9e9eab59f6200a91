// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/os/reactor.h"
#include "base/os/rotating_log.h"
#include "provisioner/instances/log_pipe.h"

namespace voicectl {

/// The real side of LogPipeFactory: FIFOs, read in the loop, into files that rotate.
class PosixLogPipeFactory final : public LogPipeFactory {
 public:
  /// OWNS nothing: all must outlive it and the pipes that it makes.
  PosixLogPipeFactory(FdWatcher& watcher,
                      LogFiles& files,
                      const WallClock& clock,
                      const LogRotation& rotation = {})
      : watcher_(watcher), files_(files), clock_(clock), rotation_(rotation) {}

  Result<std::unique_ptr<LogPipe>> open(const std::string& fifo_path,
                                        const std::string& log_path) override;

 private:
  FdWatcher& watcher_;
  LogFiles& files_;
  const WallClock& clock_;
  LogRotation rotation_;
};

}  // namespace voicectl
