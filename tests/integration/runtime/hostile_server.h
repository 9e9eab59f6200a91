// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/os/asio_reactor.h"
#include "base/os/unique_fd.h"

namespace voicectl::runtime {

/// Ways in which another side can fail those who ask it.
enum class Misdeed {
  kGigabyte,     ///< says 1 GB, and sends as much as is taken
  kEndlessBody,  ///< chunks without end
  kUntilClosed,  ///< a body without a length, without end
  kEndlessHeaders,
  kEndlessLine,     ///< one header without end
  kEndlessInterim,  ///< informational answers without end
  kDrip,            ///< one byte now and then
  kMute,
  kReset,         ///< a reset instead of an answer
  kResetHalfWay,  ///< a reset within the body
  kEndHalfWay,    ///< less than it said
  kNoHttp,
  kRedirect,    ///< to itself, under another path
  kTwoLengths,  ///< two lengths that differ
};

/// A server of one misdeed, on a port of the loopback address. It sends as fast as it may, so that
/// whoever does not stop reading has his memory filled.
class HostileServer {
 public:
  /// REQUIRES: `reactor` outlives it.
  HostileServer(AsioReactor& reactor, Misdeed misdeed);
  ~HostileServer();
  HostileServer(const HostileServer&) = delete;
  HostileServer& operator=(const HostileServer&) = delete;

  std::uint16_t port() const { return port_; }
  /// Requests that came, redirected ones included.
  int requests() const { return requests_; }
  std::uint64_t sent() const { return sent_; }

 private:
  struct Peer;
  void accept();
  void serve(const std::shared_ptr<Peer>& peer);
  void misbehave(const std::shared_ptr<Peer>& peer);
  void pour(const std::shared_ptr<Peer>& peer, const std::string& piece);
  void drip(const std::shared_ptr<Peer>& peer);
  void drop(const std::shared_ptr<Peer>& peer);

  AsioReactor& reactor_;
  Misdeed misdeed_;
  UniqueFd listener_;
  WatchId watch_{};
  std::uint16_t port_ = 0;
  int requests_ = 0;
  std::uint64_t sent_ = 0;
  std::map<int, std::shared_ptr<Peer>> peers_;
};

/// Memory that this process holds.
std::uint64_t resident_bytes();

}  // namespace voicectl::runtime
