// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/os/fd_channel.h"
#include "runtime/parking/slot.h"

namespace voicectl::parking {

/// A connection of a process that died.
struct ParkedConnection {
  UniqueFd socket;
  std::variant<ParkedState, Doubt> state;
};

/// Gets what an earlier instance of a tenant had parked.
///
/// THREADS: loop thread only.
class GiftReader {
 public:
  struct Handlers {
    /// Some of them. Whoever goes on with them says `took` before it touches one.
    std::function<void(std::uint64_t batch, std::vector<ParkedConnection> connections)> on_batch;
    /// Once: that was all. Not before the last batch.
    std::function<void()> on_end;
  };

  /// `layout` is what slots must have to be read; others are in doubt.
  GiftReader(std::unique_ptr<FdChannel> channel, std::string layout, Handlers handlers);

  /// They are ours from now on, which is so if this succeeds: then the holder learns it whatever
  /// becomes of this process.
  /// ERRORS: kUnavailable if they are not, and will not be; kResourceExhausted: later, perhaps.
  Status took(std::uint64_t batch);

 private:
  void take(const std::string& text, std::vector<UniqueFd> sockets);
  void end();

  std::unique_ptr<FdChannel> channel_;
  std::string layout_;
  Handlers handlers_;
};

/// What one "slots" message says. ERRORS: kCorrupt.
struct SlotsMessage {
  std::uint64_t batch = 0;
  std::string_view layout;
  std::vector<std::uint32_t> generations;
  /// Of all slots, one behind the other.
  std::string_view bytes;
};
Result<SlotsMessage> parse_slots(std::string_view text);

}  // namespace voicectl::parking
