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
  /// If it is set, it says what is asked for instead of all that is above.
  std::string url{};
  /// "127.0.0.1:443": where to connect to for `url`, whatever it says.
  std::string connect_to{};
  /// PEM file of the authorities that the certificate must be good by; empty: the system's.
  std::string ca_file{};
};

/// Asks over HTTP whether somebody is well.
class HttpProbe {
 public:
  virtual ~HttpProbe() = default;

  /// Success is an answer with status 200. `done` runs once, in a later turn.
  /// ERRORS: kTimeout; kConflict for 503: it answers, and cannot do everything, as one whose store
  /// takes no changes; kUnavailable for every other answer, and for none; kResourceExhausted if
  /// this process could not ask, which says nothing of whoever was to be asked.
  virtual void ask(const ProbeTarget& target, Duration timeout, Completion<void> done) = 0;
};

}  // namespace voicectl
