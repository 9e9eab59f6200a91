// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/os/fd_channel.h"
#include "base/os/reactor.h"
#include "runtime/parking/slot_table.h"

namespace voicectl::parking {

class ParkingGate;
class ParkingLot;

/// One connection's slot. Gives it back when it dies. It is lost with the lane that it was parked
/// over.
class ParkingSpace {
 public:
  ParkingSpace() = default;
  ParkingSpace(ParkingLot& lot, std::uint32_t number);
  ParkingSpace(ParkingSpace&& other) noexcept;
  ParkingSpace& operator=(ParkingSpace&& other) noexcept;
  ~ParkingSpace() { leave(); }

  bool is_taken() const;
  /// From now on what the slot says may be wrong.
  void doubt(SlotMark why);
  /// What it says now is true. REQUIRES: it is taken.
  void settle(const ParkedChange& change);
  /// The connection ends here, or goes on elsewhere.
  void leave();

 private:
  ParkingLot* lot_ = nullptr;
  std::uint32_t number_ = 0;
  std::uint32_t lane_ = 0;
};

/// Where a process's open WebSockets are kept against its own death: their state in shared slots,
/// their sockets at whoever has the other end of the lane. Without a lane nothing is parked.
///
/// THREADS: loop thread only. It outlives its gates, and they their spaces.
class ParkingLot {
 public:
  /// `layout` names the form of notes, in one word. OWNS nothing: `reactor` must outlive it.
  ParkingLot(Reactor& reactor, std::string layout)
      : reactor_(reactor), layout_(std::move(layout)) {}
  ~ParkingLot() { drop_lane(); }
  ParkingLot(const ParkingLot&) = delete;
  ParkingLot& operator=(const ParkingLot&) = delete;

  const std::string& layout() const { return layout_; }

  /// Whether somebody keeps our sockets. Asks the kernel, since an end that has not been read yet
  /// is one.
  bool has_lane();
  /// From now on `lane` leads there. What was parked is not any more: gates are told.
  /// ERRORS: those of SlotTable; kUnavailable if it is closed.
  Status use_lane(std::unique_ptr<FdChannel> lane);
  /// Nobody keeps our sockets any more.
  void drop_lane();

  std::size_t parked() const { return parked_; }

 private:
  friend class ParkingGate;
  friend class ParkingSpace;
  struct Left {
    std::uint32_t number;
    std::uint32_t generation;
  };

  void leave(std::uint32_t number);
  void tell_left();
  void tell_left_later(Duration wait);

  Reactor& reactor_;
  std::string layout_;
  /// Memory of the present lane, and how many there were before.
  std::optional<SlotTable> slots_;
  std::uint32_t lane_count_ = 0;
  std::unique_ptr<FdChannel> lane_;
  std::vector<ParkingGate*> gates_;
  /// What was left and is not told yet: at most what was parked.
  std::vector<Left> left_;
  bool is_telling_ = false;
  std::size_t parked_ = 0;
  std::shared_ptr<ParkingLot*> self_ = std::make_shared<ParkingLot*>(this);
};

/// All parked connections of one tenant in this process. While the gate is closed none of them is
/// ours to leave behind, whatever their slots say: one write for any number of them.
class ParkingGate {
 public:
  ParkingGate(ParkingLot& lot, std::string tenant);
  ~ParkingGate();
  ParkingGate(const ParkingGate&) = delete;
  ParkingGate& operator=(const ParkingGate&) = delete;

  /// Another process may have them now.
  void close() { set(false); }
  /// It has not.
  void open() { set(true); }

  struct Request {
    int socket = -1;
    std::string_view tag;
  };
  struct Parked {
    /// One for each request. A space that is not taken is of one that cannot be kept.
    std::vector<ParkingSpace> spaces;
    /// Some of those can be kept later: whoever is at the other end has to read first.
    bool is_full = false;
  };
  /// Keeps the sockets, which stay the caller's.
  Parked park(const std::vector<Request>& requests);
  /// `task` runs whenever there is a lane again, along which nothing is parked yet.
  void when_lane_comes(std::function<void()> task) { on_lane_ = std::move(task); }

 private:
  friend class ParkingLot;

  void set(bool is_open);
  void write();
  bool take_slot();
  /// ERRORS: of FdChannel::send_now.
  Status tell(const std::vector<std::uint32_t>& slots, const std::vector<int>& sockets);

  ParkingLot& lot_;
  std::string tenant_;
  /// In the memory of the present lane.
  std::optional<std::uint32_t> number_;
  bool is_open_ = true;
  std::function<void()> on_lane_;
};

}  // namespace voicectl::parking
