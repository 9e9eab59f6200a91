// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/os/unique_fd.h"

namespace voicectl {

/// A request as it arrived: head with its blank line, and body.
struct SeenRequest {
  std::string head;
  std::string body;
  /// Value of a header; "" if it is not there.
  std::string header(std::string_view name) const;
};

/// Stands in for an instance: accepts on a unix socket and answers as it is told, each connection
/// on a thread of its own.
class TinyUpstream {
 public:
  /// The answer as text, or nullopt to hang up without one. After an answer with status 101 the
  /// connection echoes what it gets.
  using Answer = std::function<std::optional<std::string>(const SeenRequest&)>;

  TinyUpstream(const std::string& socket_path, Answer answer);
  ~TinyUpstream();
  TinyUpstream(const TinyUpstream&) = delete;
  TinyUpstream& operator=(const TinyUpstream&) = delete;

  /// Every request so far, oldest first.
  std::vector<SeenRequest> requests() const;

  /// "200 OK" with a body.
  static std::string ok(std::string_view body);

 private:
  void accept_all();
  void serve(const UniqueFd& socket);

  Answer answer_;
  UniqueFd listener_;
  UniqueFd stop_read_;
  UniqueFd stop_write_;
  mutable std::mutex mutex_;
  std::vector<SeenRequest> requests_;
  std::vector<std::thread> connections_;
  std::vector<int> open_;
  std::thread acceptor_;
};

}  // namespace voicectl
