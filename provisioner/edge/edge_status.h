// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/os/reactor.h"
#include "base/result.h"

namespace voicectl {

/// What the proxy says about itself.
struct EdgeStatus {
  /// Of the configuration that the answering process serves.
  std::string fingerprint;
  /// Number of the process that opened the status socket, as the kernel tells it: the proxy's
  /// first process, whoever answered.
  int opener_pid = 0;
};

/// Asks the proxy over its status socket. There is no other way to learn when a reload is served:
/// a signal has no answer.
///
/// THREADS: loop thread only.
class EdgeStatusSource {
 public:
  virtual ~EdgeStatusSource() = default;

  /// `done` runs once, in a later turn, unless the source dies first.
  /// ERRORS: kUnavailable if nobody answers at `socket_path`; kTimeout; kCorrupt.
  virtual void fetch(const std::string& socket_path, Completion<EdgeStatus> done) = 0;
};

/// The real side: one short HTTP exchange over a unix socket.
class UnixEdgeStatusSource final : public EdgeStatusSource {
 public:
  /// REQUIRES: both outlive it.
  UnixEdgeStatusSource(Reactor& reactor, FdWatcher& watcher);
  ~UnixEdgeStatusSource() override;

  void fetch(const std::string& socket_path, Completion<EdgeStatus> done) override;

 private:
  struct Exchange;
  struct Inner;
  std::shared_ptr<Inner> inner_;
};

}  // namespace voicectl
