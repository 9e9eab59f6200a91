// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/os/fd_message.h"
#include "base/os/unique_fd.h"

namespace voicectl::holder {

/// Open connections of instances, kept against their death (runtime/parking/protocol.h).
///
/// What is in a slot is the instances' own business: here it is bytes. A connection has one owner
/// at any time: the living instance that parked it, or us, or whoever took it from us.
class Lanes {
 public:
  struct Limits {
    /// Looks that what nobody asked for survives.
    unsigned keep_checks = 0;
    /// Connections of all instances together. Those beyond live and die with their instance.
    std::size_t most = 0;
  };

  explicit Lanes(Limits limits) : limits_(limits) {}

  /// `instance` will speak over `socket`.
  void open(std::string_view instance, UniqueFd socket);
  /// From now on `instance` may park connections of `tenant`.
  void allow(std::string_view instance, std::string_view tenant);
  /// It has that tenant no more: nothing of it is its own to leave behind.
  void forbid(std::string_view instance, std::string_view tenant);
  /// Gives what dead instances had of `tenant` to whoever is behind `socket`.
  void give(std::string_view tenant, UniqueFd socket);

  /// Adds what is to be watched; `act` gets the list back.
  void watch(std::vector<pollfd>& list) const;
  void act(const std::vector<pollfd>& seen);
  /// Something has to wait until the daemon has been heard: look at once, without sleeping.
  bool is_waiting() const;

  /// One look: what has waited too long is closed.
  void tick();
  bool is_empty() const { return lanes_.empty() && gifts_.empty() && loose_.empty(); }

 private:
  using Name = std::shared_ptr<const std::string>;
  struct Entry {
    UniqueFd socket;
    std::uint32_t generation = 0;
    std::uint32_t gate = 0;
    Name tenant;
  };
  struct Message {
    std::string text;
    std::vector<UniqueFd> descriptors;
  };
  struct Lane {
    std::string instance;
    UniqueFd socket;
    UniqueFd memory;
    std::string layout;
    std::map<std::string, Name, std::less<>> allowed;
    std::vector<Entry> entries;
    std::size_t parked = 0;
    /// What waits for the daemon's word, and everything behind it.
    std::deque<Message> waiting;
    bool is_dead = false;
    unsigned age = 0;
  };
  /// As many connections as fit into a message.
  struct Batch {
    std::uint64_t number = 0;
    std::string text;
    std::vector<UniqueFd> sockets;
    unsigned age = 0;
  };
  struct Gift {
    std::string tenant;
    UniqueFd socket;
    std::deque<Batch> batches;
    /// Batches that were sent.
    std::size_t sent = 0;
    bool is_told = false;
    bool is_over = false;
    unsigned age = 0;
  };

  void hear_everything();
  /// Whether there may be more.
  bool hear(Lane& lane);
  void take(Lane& lane, std::string_view text, std::vector<UniqueFd> descriptors);
  void take_waiting(Lane& lane);
  static bool must_wait(const Lane& lane, std::string_view text);
  static void take_memory(Lane& lane, std::string_view layout, UniqueFd memory);
  void park(Lane& lane, std::string_view words, std::vector<UniqueFd> sockets) const;
  static void leave(Lane& lane, std::string_view words);
  static void close(Lane& lane, Entry& entry);
  /// Sockets of connections that are here, parked, on their way or being closed.
  std::size_t held() const;
  void hear(Gift& gift);
  void withdraw(Gift& gift);
  static void send(Gift& gift);
  void collect(Lane& lane, std::string_view tenant, std::deque<Batch>& out);
  static char first_byte(const Lane& lane, std::uint32_t slot);
  Batch make_batch(Lane& lane, const std::vector<std::uint32_t>& slots);
  void clean_up();

  Limits limits_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<std::unique_ptr<Gift>> gifts_;
  /// What a dead instance had been given and did not take.
  std::map<std::string, std::deque<Batch>, std::less<>> loose_;
  std::uint64_t last_batch_ = 0;
};

}  // namespace voicectl::holder
