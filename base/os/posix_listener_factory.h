// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/os/listener_factory.h"

namespace voicectl {

/// The real side of ListenerFactory.
class PosixListenerFactory final : public ListenerFactory {
 public:
  Result<UniqueFd> bind_tcp(Port port) override;
  Result<UniqueFd> bind_unix(const std::string& path, const SocketAccess& access) override;
  Result<UniqueFd> bind_unix_packets(const std::string& path, const SocketAccess& access) override;
  void stop_listening(const UniqueFd& listener) override;
  void close(UniqueFd listener) override;
  std::string describe(const UniqueFd& listener) const override;
  bool is_same(const UniqueFd& one, const UniqueFd& other) const override;
};

}  // namespace voicectl
