// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/os/unique_fd.h"
#include "base/result.h"
#include "runtime/parking/slot.h"

namespace voicectl::parking {

/// Slots in memory that can be given to another process (memfd). What is not used costs nothing.
class SlotTable {
 public:
  /// ERRORS: kResourceExhausted.
  static Result<SlotTable> make();
  SlotTable(SlotTable&& other) noexcept;
  SlotTable& operator=(SlotTable&&) = delete;
  ~SlotTable();

  int descriptor() const { return memory_.get(); }

  /// A slot for a connection with that tag, in doubt until it is settled; nullopt if there is none
  /// left or the tag is too long.
  std::optional<std::uint32_t> take(std::string_view tag);
  void give_back(std::uint32_t number);
  Slot& at(std::uint32_t number) { return slots_[number]; }

 private:
  SlotTable(UniqueFd memory, Slot* slots) : memory_(std::move(memory)), slots_(slots) {}

  UniqueFd memory_;
  Slot* slots_;
  /// Slots below this one have been used.
  std::uint32_t used_ = 0;
  std::vector<std::uint32_t> free_;
};

}  // namespace voicectl::parking
