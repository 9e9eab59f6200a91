// SPDX-License-Identifier: Apache-2.0
#include "runtime/parking/parking_lot.h"

#include <fmt/core.h>

#include <algorithm>

namespace voicectl::parking {
namespace {

/// Bytes of one message about those that left.
constexpr std::size_t kMostLeft = kMaxChannelMessage / 2;

}  // namespace

ParkingSpace& ParkingSpace::operator=(ParkingSpace&& other) noexcept {
  if (this != &other) {
    leave();
    lot_ = std::exchange(other.lot_, nullptr);
    number_ = other.number_;
  }
  return *this;
}

void ParkingSpace::doubt(SlotMark why) {
  if (lot_ != nullptr) {
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
  if (ParkingLot* const lot = std::exchange(lot_, nullptr)) {
    lot->leave(number_);
  }
}

Status ParkingLot::use_lane(std::unique_ptr<FdChannel> lane) {
  if (!slots_) {
    VC_TRY(SlotTable made, SlotTable::make());
    slots_.emplace(std::move(made));
  }
  VC_TRY(lane->send(fmt::format("{} {}", kHello, layout_), {slots_->descriptor()}));
  lane_ = std::move(lane);
  FdChannel::Handlers handlers;
  handlers.on_close = [this] { lane_.reset(); };
  lane_->start(std::move(handlers));
  tell_all();
  return ok_status();
}

bool ParkingLot::tell(std::uint32_t gate,
                      const std::string& tenant,
                      const std::vector<std::uint32_t>& slots) {
  for (std::size_t from = 0; from < slots.size(); from += kMaxChannelDescriptors) {
    std::string text = fmt::format("{} {} {}", kPark, tenant, gate);
    std::vector<int> sockets;
    for (std::size_t i = from; i < std::min(from + kMaxChannelDescriptors, slots.size()); ++i) {
      text += fmt::format(" {}:{}", slots[i], slots_->at(slots[i]).generation);
      sockets.push_back(places_[slots[i]].socket);
    }
    if (!lane_ || lane_->send(text, sockets).has_error()) {
      return false;
    }
  }
  return true;
}

void ParkingLot::tell_all() {
  for (const auto& [gate, tenant] : gates_) {
    std::vector<std::uint32_t> slots;
    for (std::uint32_t number = 0; number < places_.size(); ++number) {
      if (places_[number].socket >= 0 && places_[number].gate == gate) {
        slots.push_back(number);
      }
    }
    // A lane that takes no more has a holder that stands still: it will be replaced.
    (void)tell(gate, tenant, slots);
  }
}

void ParkingLot::leave(std::uint32_t number) {
  const bool is_first = left_.empty();
  left_ += fmt::format(" {}:{}", number, slots_->at(number).generation);
  slots_->give_back(number);
  places_[number].socket = -1;
  --parked_;
  // Nobody waits for it: the slot says already that it is over, and the generation keeps it apart
  // from the next one's. Thousands that leave together are told in a few messages.
  if (left_.size() >= kMostLeft) {
    tell_left();
  } else if (is_first) {
    reactor_.post([self = std::weak_ptr(self_)] {
      if (const auto lot = self.lock()) {
        (*lot)->tell_left();
      }
    });
  }
}

void ParkingLot::tell_left() {
  const std::string left = std::exchange(left_, std::string());
  if (lane_ && !left.empty()) {
    (void)lane_->send(std::string(kLeave) + left, {});
  }
}

ParkingGate::~ParkingGate() {
  if (number_) {
    std::erase_if(lot_.gates_, [this](const auto& gate) { return gate.first == *number_; });
    lot_.slots_->give_back(*number_);
  }
}

void ParkingGate::set(bool is_open) {
  is_open_ = is_open;
  if (number_) {
    lot_.slots_->at(*number_).mark.store(is_open ? SlotMark::kClean : SlotMark::kFree,
                                         std::memory_order_release);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
}

bool ParkingGate::take_slot() {
  if (!number_ && lot_.lane_) {
    number_ = lot_.slots_->take("");
    if (number_) {
      lot_.gates_.emplace_back(*number_, tenant_);
      set(is_open_);
    }
  }
  return number_ && lot_.lane_;
}

std::vector<ParkingSpace> ParkingGate::park(const std::vector<Request>& requests) {
  std::vector<ParkingSpace> spaces(requests.size());
  std::vector<std::uint32_t> slots;
  for (std::size_t i = 0; take_slot() && i < requests.size(); ++i) {
    if (const std::optional<std::uint32_t> number = lot_.slots_->take(requests[i].tag)) {
      lot_.places_.resize(std::max<std::size_t>(lot_.places_.size(), *number + 1));
      lot_.places_[*number] = ParkingLot::Place{requests[i].socket, *number_};
      ++lot_.parked_;
      spaces[i] = ParkingSpace(lot_, *number);
      slots.push_back(*number);
    }
  }
  if (!slots.empty() && !lot_.tell(*number_, tenant_, slots)) {
    // Those that were told are left again, by which they are told so.
    return std::vector<ParkingSpace>(requests.size());
  }
  return spaces;
}

}  // namespace voicectl::parking
