// SPDX-License-Identifier: Apache-2.0
#include "runtime/parking/parking_lot.h"

#include <fmt/core.h>

#include <algorithm>

namespace voicectl::parking {
namespace {

/// Entries of one message about those that left, of at most 17 bytes each.
constexpr std::size_t kMostLeft = 4096;

/// Until whoever is at the other end of the lane has read some of what waits there.
constexpr Duration kTellWait = std::chrono::milliseconds(5);

}  // namespace

ParkingSpace::ParkingSpace(ParkingLot& lot, std::uint32_t number)
    : lot_(&lot), number_(number), lane_(lot.lane_count_) {}

ParkingSpace::ParkingSpace(ParkingSpace&& other) noexcept
    : lot_(std::exchange(other.lot_, nullptr)), number_(other.number_), lane_(other.lane_) {}

ParkingSpace& ParkingSpace::operator=(ParkingSpace&& other) noexcept {
  if (this != &other) {
    leave();
    lot_ = std::exchange(other.lot_, nullptr);
    number_ = other.number_;
    lane_ = other.lane_;
  }
  return *this;
}

bool ParkingSpace::is_taken() const {
  return lot_ != nullptr && lot_->slots_ && lot_->lane_count_ == lane_;
}

void ParkingSpace::doubt(SlotMark why) {
  if (is_taken()) {
    lot_->slots_->at(number_).mark.store(why, std::memory_order_release);
    // What follows must not be moved before it, however little it is.
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
}

void ParkingSpace::settle(const ParkedChange& change) {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  parking::settle(lot_->slots_->at(number_), change);
}

void ParkingSpace::leave() {
  if (is_taken()) {
    lot_->leave(number_);
  }
  lot_ = nullptr;
}

bool ParkingLot::has_lane() {
  if (!lane_) {
    return false;
  }
  // Nothing is left by it, so it may come as often as it likes.
  const Status asked = lane_->send_now(kLeave);
  return asked.has_value() || asked.error().code() == ErrorCode::kResourceExhausted;
}

Status ParkingLot::use_lane(std::unique_ptr<FdChannel> lane) {
  VC_TRY(SlotTable made, SlotTable::make());
  VC_TRY(lane->send_now(fmt::format("{} {}", kHello, layout_), {made.descriptor()}));
  drop_lane();
  slots_.emplace(std::move(made));
  ++lane_count_;
  lane_ = std::move(lane);
  FdChannel::Handlers handlers;
  handlers.on_close = [this] { drop_lane(); };
  lane_->start(std::move(handlers));
  for (const ParkingGate* const gate : gates_) {
    if (gate->on_lane_) {
      gate->on_lane_();
    }
  }
  return ok_status();
}

void ParkingLot::drop_lane() {
  // We live: whoever has that memory has nothing to give away.
  for (ParkingGate* const gate : gates_) {
    if (gate->number_) {
      slots_->give_back(*std::exchange(gate->number_, std::nullopt));
    }
  }
  slots_.reset();
  left_.clear();
  parked_ = 0;
  lane_.reset();
}

void ParkingLot::leave(std::uint32_t number) {
  left_.push_back({number, slots_->at(number).generation});
  slots_->give_back(number);
  --parked_;
  // Nobody waits for it: the slot says already that it is over, and the generation keeps it apart
  // from the next one's. Thousands that leave together are told in a few messages.
  tell_left_later(Duration::zero());
}

void ParkingLot::tell_left_later(Duration wait) {
  if (std::exchange(is_telling_, true)) {
    return;
  }
  const auto tell = [self = std::weak_ptr(self_)] {
    if (const auto lot = self.lock()) {
      (*lot)->is_telling_ = false;
      (*lot)->tell_left();
    }
  };
  if (wait == Duration::zero()) {
    reactor_.post(tell);
  } else {
    reactor_.call_after(wait, tell);
  }
}

void ParkingLot::tell_left() {
  while (lane_ && !left_.empty()) {
    const std::size_t count = std::min(left_.size(), kMostLeft);
    std::string text(kLeave);
    for (std::size_t i = 0; i < count; ++i) {
      text += fmt::format(" {}:{}", left_[i].number, left_[i].generation);
    }
    if (lane_->send_now(text).has_error()) {
      return tell_left_later(kTellWait);
    }
    left_.erase(left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(count));
  }
}

ParkingGate::ParkingGate(ParkingLot& lot, std::string tenant)
    : lot_(lot), tenant_(std::move(tenant)) {
  lot_.gates_.push_back(this);
}

ParkingGate::~ParkingGate() {
  std::erase(lot_.gates_, this);
  if (number_) {
    lot_.slots_->give_back(*number_);
  }
}

void ParkingGate::set(bool is_open) {
  is_open_ = is_open;
  if (number_) {
    write();
  }
}

void ParkingGate::write() {
  lot_.slots_->at(*number_).mark.store(is_open_ ? SlotMark::kClean : SlotMark::kFree,
                                       std::memory_order_release);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

bool ParkingGate::take_slot() {
  if (!number_ && lot_.slots_) {
    number_ = lot_.slots_->take("");
    if (number_) {
      write();
    }
  }
  return number_.has_value();
}

ParkingGate::Parked ParkingGate::park(const std::vector<Request>& requests) {
  Parked parked;
  parked.spaces.resize(requests.size());
  std::size_t next = 0;
  while (next < requests.size() && !parked.is_full && take_slot()) {
    std::vector<std::uint32_t> slots;
    std::vector<int> sockets;
    std::vector<std::size_t> places;
    for (; next < requests.size() && slots.size() < kMaxChannelDescriptors; ++next) {
      if (const std::optional<std::uint32_t> number = lot_.slots_->take(requests[next].tag)) {
        slots.push_back(*number);
        sockets.push_back(requests[next].socket);
        places.push_back(next);
      }
    }
    const Status told = slots.empty() ? ok_status() : tell(slots, sockets);
    parked.is_full = told.has_error() && told.error().code() == ErrorCode::kResourceExhausted;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (told.has_error()) {
        lot_.slots_->give_back(slots[i]);
      } else {
        parked.spaces[places[i]] = ParkingSpace(lot_, slots[i]);
        ++lot_.parked_;
      }
    }
  }
  return parked;
}

Status ParkingGate::tell(const std::vector<std::uint32_t>& slots, const std::vector<int>& sockets) {
  std::string text = fmt::format("{} {} {}", kPark, tenant_, *number_);
  for (const std::uint32_t slot : slots) {
    text += fmt::format(" {}:{}", slot, lot_.slots_->at(slot).generation);
  }
  return lot_.lane_->send_now(text, sockets);
}

}  // namespace voicectl::parking
