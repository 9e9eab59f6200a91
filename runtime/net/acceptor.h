// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "base/os/asio_reactor.h"
#include "base/os/unique_fd.h"

namespace voicectl {

/// Accepts on one listener, many connections at a time.
///
/// When the process is out of descriptors, connections wait in the kernel's queue and accepting
/// pauses for 100 ms: the listener stays readable, and trying at once would spin.
/// THREADS: loop thread only.
class Acceptor {
 public:
  struct Handlers {
    std::function<void(UniqueFd socket)> on_connection;
    /// The process is out of descriptors: whoever can spare one should close it.
    std::function<void()> on_exhausted;
  };

  /// Accepting is charged to whom we work for now. OWNS: `listener`. Closing it takes nothing from
  /// duplicates in other processes.
  Acceptor(AsioReactor& reactor, UniqueFd listener, Handlers handlers);
  /// No handler runs afterwards.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  struct Inner;
  std::shared_ptr<Inner> inner_;
};

}  // namespace voicectl
