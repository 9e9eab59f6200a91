// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/os/unique_fd.h"
#include "base/result.h"
#include "base/units.h"

namespace voicectl {

/// Where the standard output and standard error of one instance go: a FIFO that daemon and
/// instance both hold open for reading and writing. The death of either leaves the other's end
/// whole: no SIGPIPE, no end of file, and a new daemon reads on where the old one stopped. A full
/// FIFO (dead daemon) costs the instance lines, never time.
///
/// THREADS: loop thread only.
class LogPipe {
 public:
  /// Stops reading; what the instance writes waits in the FIFO.
  virtual ~LogPipe() = default;

  /// The end to grant to the child. Stays the pipe's.
  virtual int descriptor() const = 0;

  /// The last lines that came through, oldest first, for the message of a failed start.
  /// Takes in first what waits in the FIFO.
  virtual std::vector<std::string> last_lines() = 0;
};

/// Opens log pipes.
class LogPipeFactory {
 public:
  virtual ~LogPipeFactory() = default;

  /// Makes the FIFO unless it is there, and goes on with `log_path`.
  virtual Result<std::unique_ptr<LogPipe>> open(const std::string& fifo_path,
                                                const std::string& log_path) = 0;
};

}  // namespace voicectl
