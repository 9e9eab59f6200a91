// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "base/os/asio_reactor.h"
#include "base/os/unique_fd.h"
#include "base/result.h"
#include "runtime/redis/redis_address.h"

namespace voicectl {

/// One attempt to connect a socket to a Redis server.
class RedisDial {
 public:
  using Done = std::function<void(Result<UniqueFd>)>;

  /// `done` runs once, in a later turn, unless the object dies first.
  /// ERRORS: kUnavailable; kNotFound (the host's name).
  RedisDial(AsioReactor& reactor, const RedisAddress& address, Done done);
  ~RedisDial();

 private:
  struct Attempt;
  std::shared_ptr<Attempt> attempt_;
};

}  // namespace voicectl
