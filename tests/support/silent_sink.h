// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/log.h"

namespace voicectl {

/// For what logs where nobody reads it.
class SilentSink final : public LogSink {
 public:
  void write(LogLevel, std::string_view) override {}
};

}  // namespace voicectl
