// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/os/rotating_log.h"

namespace voicectl {

/// The real side of LogFiles.
class PosixLogFiles : public LogFiles {
 public:
  Result<UniqueFd> open_fifo(const std::string& path) override;
  Result<std::string> read(const UniqueFd& fifo, std::size_t max_bytes) override;
  Status append(const std::string& path, std::string_view lines) override;
  std::optional<LogFileState> find(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
};

}  // namespace voicectl
