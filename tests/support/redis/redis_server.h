// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/redis/redis_client.h"
#include "tests/support/real_loop.h"
#include "tests/support/temp_dir.h"

namespace voicectl {

/// A real redis-server for one test: on a unix socket in a folder of its own, without a TCP port.
/// It dies with the object, and with the test program.
class RedisServer {
 public:
  /// `options` are the server's own, such as {"--appendonly", "yes"}.
  explicit RedisServer(std::vector<std::string> options = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  /// As kill -9, and waits for its end.
  void kill();
  /// Starts it again, on the same files. It takes connections a little later: clients wait.
  void start();
  /// Stops its process where it is, as an overloaded host does; and lets it go on.
  void freeze();
  void thaw();

  RedisAddress address() const;
  /// For a configuration file.
  std::string url() const { return "unix://" + socket(); }
  RedisOptions client_options() const;
  std::string folder() const { return folder_.path(); }

 private:
  std::string socket() const { return folder_.path("redis.sock"); }

  TempDir folder_;
  std::vector<std::string> options_;
  pid_t pid_ = -1;
};

/// Sends one command at a time and waits for its reply.
class RedisConsole {
 public:
  RedisConsole(RealLoop& loop, const RedisServer& server);

  RedisReply ask(std::initializer_list<std::string_view> words);
  /// Every key of the server's first database, in order.
  std::vector<std::string> keys();

 private:
  RealLoop& loop_;
  SeededRandom random_{7};
  RedisClient client_;
};

}  // namespace voicectl
