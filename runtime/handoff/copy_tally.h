// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/net/connection_state.h"

namespace voicectl::handoff {

/// Adds up what one instance tells another of its connections. Both keep one, and compare.
class CopyTally {
 public:
  /// `checksum` is over what was told of it; whatever was told before no longer counts.
  /// REQUIRES: `is_next` or `knows`.
  void set(CopyId id, std::uint64_t checksum, const ConnectionState& state) {
    if (is_next(id)) {
      known_.emplace_back();
    }
    replace(known_[id - 1], {checksum, true, state.is_websocket});
  }
  /// REQUIRES: `knows`.
  void drop(CopyId id) { replace(known_[id - 1], {}); }

  bool is_next(CopyId id) const { return id == known_.size() + 1; }
  bool knows(CopyId id) const { return id > 0 && id <= known_.size() && known_[id - 1].is_there; }

  std::uint64_t connections() const { return connections_; }
  std::uint64_t websockets() const { return websockets_; }
  std::uint64_t checksum() const { return checksum_; }

 private:
  struct Known {
    std::uint64_t checksum = 0;
    bool is_there = false;
    bool is_websocket = false;
  };

  void replace(Known& before, const Known& now) {
    checksum_ += now.checksum - before.checksum;
    connections_ += std::uint64_t{now.is_there} - std::uint64_t{before.is_there};
    websockets_ += std::uint64_t{now.is_websocket} - std::uint64_t{before.is_websocket};
    before = now;
  }

  /// By id: what was told of a connection last.
  std::vector<Known> known_;
  std::uint64_t connections_ = 0;
  std::uint64_t websockets_ = 0;
  std::uint64_t checksum_ = 0;
};

}  // namespace voicectl::handoff
