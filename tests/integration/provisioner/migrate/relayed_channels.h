// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "base/os/fd_channel.h"

namespace voicectl {

/// Pairs of sockets whose messages pass through the test on their way, in both directions, with
/// their descriptors: so that a test can act between any two of them.
class RelayedChannels final : public FdChannelFactory {
 public:
  /// Told of each message of the latest pair, counted from 1, before it goes on. While it is empty,
  /// pairs are as they ever are.
  std::function<void(std::size_t number)> on_message;

  explicit RelayedChannels(PosixFdChannelFactory& real) : real_(real) {}

  Result<std::unique_ptr<FdChannel>> connect(const std::string& path) override {
    return real_.connect(path);
  }
  Result<std::pair<UniqueFd, UniqueFd>> make_pair() override;

 private:
  struct Relay;
  void pass_on(const std::shared_ptr<Relay>& relay,
               std::unique_ptr<FdChannel> Relay::*from,
               std::unique_ptr<FdChannel> Relay::*to);

  PosixFdChannelFactory& real_;
  std::shared_ptr<Relay> relay_;
};

}  // namespace voicectl
