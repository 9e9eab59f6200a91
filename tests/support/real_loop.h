// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/os/asio_reactor.h"

namespace voicectl {

/// The real loop, for tests of real sides: run until something has happened.
class RealLoop {
 public:
  AsioReactor& reactor() { return reactor_; }

  /// Runs until `condition` holds, which is asked after every turn that may have changed it, or
  /// until `limit` is over. Returns whether it holds.
  bool run_until(const std::function<bool()>& condition, Duration limit = std::chrono::seconds(10));

  /// Runs for `length`.
  void run_for(Duration length);

 private:
  AsioReactor reactor_;
};

}  // namespace voicectl
