// SPDX-License-Identifier: Apache-2.0
#include "runtime/parking/slot_table.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/os/posix_error.h"

namespace voicectl::parking {
namespace {

constexpr std::size_t kWhole = kMostSlots * kSlotBytes;

}  // namespace

Result<SlotTable> SlotTable::make() {
  UniqueFd memory(::memfd_create("voicectl-slots", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.is_open() || ::ftruncate(memory.get(), static_cast<off_t>(kWhole)) != 0) {
    return posix_error("make memory for connections' slots", errno);
  }
  // Whoever gets it cannot take away the ground that we write on.
  if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return posix_error("seal the memory of connections' slots", errno);
  }
  void* const mapped = ::mmap(nullptr, kWhole, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) {
    return posix_error("map the memory of connections' slots", errno);
  }
  return SlotTable(std::move(memory), static_cast<Slot*>(mapped));
}

SlotTable::SlotTable(SlotTable&& other) noexcept
    : memory_(std::move(other.memory_)),
      slots_(std::exchange(other.slots_, nullptr)),
      used_(other.used_),
      free_(std::move(other.free_)) {}

SlotTable::~SlotTable() {
  if (slots_ != nullptr) {
    ::munmap(slots_, kWhole);
  }
}

std::optional<std::uint32_t> SlotTable::take(std::string_view tag) {
  if (tag.size() > kTagRoom || (free_.empty() && used_ == kMostSlots)) {
    return std::nullopt;
  }
  std::uint32_t number = used_;
  if (free_.empty()) {
    ++used_;
  } else {
    number = free_.back();
    free_.pop_back();
  }
  Slot& slot = slots_[number];
  slot.mark.store(SlotMark::kWriting, std::memory_order_release);
  ++slot.generation;
  std::memcpy(slot.tag, tag.data(), tag.size());
  slot.tag_size = static_cast<std::uint8_t>(tag.size());
  return number;
}

void SlotTable::give_back(std::uint32_t number) {
  slots_[number].mark.store(SlotMark::kFree, std::memory_order_release);
  free_.push_back(number);
}

}  // namespace voicectl::parking
