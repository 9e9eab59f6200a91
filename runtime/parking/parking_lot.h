// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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

class ParkingLot;

/// One connection's slot. Gives it back when it dies.
class ParkingSpace {
 public:
  ParkingSpace() = default;
  ParkingSpace(ParkingLot& lot, std::uint32_t number) : lot_(&lot), number_(number) {}
  ParkingSpace(ParkingSpace&& other) noexcept
      : lot_(std::exchange(other.lot_, nullptr)), number_(other.number_) {}
  ParkingSpace& operator=(ParkingSpace&& other) noexcept;
  ~ParkingSpace() { leave(); }

  bool is_taken() const { return lot_ != nullptr; }
  /// From now on what the slot says may be wrong.
  void doubt(SlotMark why);
  /// What it says now is true. REQUIRES: it is taken.
  void settle(const ParkedChange& change);
  /// The connection ends here, or goes on elsewhere.
  void leave();

 private:
  ParkingLot* lot_ = nullptr;
  std::uint32_t number_ = 0;
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
  ParkingLot(const ParkingLot&) = delete;
  ParkingLot& operator=(const ParkingLot&) = delete;

  const std::string& layout() const { return layout_; }

  /// Whether somebody keeps our sockets.
  bool has_lane() const { return lane_ != nullptr; }
  /// From now on `lane` leads there; everything that is parked is told again.
  /// ERRORS: those of SlotTable; kUnavailable if it is closed.
  Status use_lane(std::unique_ptr<FdChannel> lane);
  /// Nobody keeps our sockets any more.
  void drop_lane() { lane_.reset(); }

  std::size_t parked() const { return parked_; }

 private:
  friend class ParkingGate;
  friend class ParkingSpace;
  struct Place {
    int socket = -1;
    std::uint32_t gate = 0;
  };

  /// Tells of connections behind one gate; false if nobody hears it.
  bool tell(std::uint32_t gate, const std::string& tenant, const std::vector<std::uint32_t>& slots);
  void tell_all();
  void leave(std::uint32_t number);
  void tell_left();

  Reactor& reactor_;
  std::string layout_;
  std::optional<SlotTable> slots_;
  std::unique_ptr<FdChannel> lane_;
  std::vector<Place> places_;
  /// Tenants of gates that have a slot.
  std::vector<std::pair<std::uint32_t, std::string>> gates_;
  /// Entries that were left and are not told yet.
  std::string left_;
  std::size_t parked_ = 0;
  std::shared_ptr<ParkingLot*> self_ = std::make_shared<ParkingLot*>(this);
};

/// All parked connections of one tenant in this process. While the gate is closed none of them is
/// ours to leave behind, whatever their slots say: one write for any number of them.
class ParkingGate {
 public:
  ParkingGate(ParkingLot& lot, std::string tenant) : lot_(lot), tenant_(std::move(tenant)) {}
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
  /// Keeps the sockets, which stay the caller's and must be open until their spaces are left. A
  /// space that is not taken is of one that cannot be kept.
  std::vector<ParkingSpace> park(const std::vector<Request>& requests);

 private:
  void set(bool is_open);
  bool take_slot();

  ParkingLot& lot_;
  std::string tenant_;
  std::optional<std::uint32_t> number_;
  bool is_open_ = true;
};

}  // namespace voicectl::parking
