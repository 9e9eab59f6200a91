// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"

namespace voicectl {

/// Keeps what is logged, for a test to read.
class KeepingSink final : public LogSink {
 public:
  void write(LogLevel, std::string_view line) override { lines.emplace_back(line); }

  std::vector<std::string> lines;
};

}  // namespace voicectl
