// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/os/reactor.h"
#include "base/result.h"
#include "base/units.h"

namespace voicectl {

/// Where to ask whether somebody is well.
struct ProbeTarget {
  /// Path of a unix socket; empty: `port` on 127.0.0.1.
  std::string socket{};
  std::optional<Port> port{};
  /// Name that is asked for.
  std::string host = "127.0.0.1";
  std::string path = "/health";
};

/// Asks over HTTP whether somebody is well.
class HttpProbe {
 public:
  virtual ~HttpProbe() = default;

  /// Success is an answer with status 200. `done` runs once, in a later turn.
  /// ERRORS: kTimeout; kUnavailable for every other answer, and for none.
  virtual void ask(const ProbeTarget& target, Duration timeout, Completion<void> done) = 0;
};

}  // namespace voicectl
