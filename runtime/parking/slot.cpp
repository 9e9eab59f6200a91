// SPDX-License-Identifier: Apache-2.0
#include "runtime/parking/slot.h"

#include <cstring>

namespace voicectl::parking {
namespace {

/// Copies what fits; false if it does not.
template <std::size_t kRoom>
bool fill(char (&room)[kRoom], std::uint8_t& size, std::string_view text) {
  if (text.size() > kRoom) {
    return false;
  }
  std::memcpy(room, text.data(), text.size());
  size = static_cast<std::uint8_t>(text.size());
  return true;
}

Doubt doubt_of(SlotMark mark) {
  switch (mark) {
    case SlotMark::kFree:
      return Doubt::kEnded;
    case SlotMark::kReading:
      return Doubt::kReading;
    case SlotMark::kWriting:
      return Doubt::kWriting;
    case SlotMark::kUnsent:
      return Doubt::kUnsent;
    case SlotMark::kPartial:
      return Doubt::kPartial;
    case SlotMark::kClean:
      break;
  }
  return Doubt::kBroken;
}

}  // namespace

void settle(Slot& slot, const ParkedChange& change) {
  // A slot that is clean may be settled anew, and be left half written.
  slot.mark.store(SlotMark::kWriting, std::memory_order_release);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const std::size_t partial = change.unread.size() + change.fragments.size();
  const bool has_room =
      fill(slot.note, slot.note_size, change.note) && partial <= sizeof slot.bytes;
  if (has_room && partial > 0) {
    std::memcpy(slot.bytes, change.unread.data(), change.unread.size());
    std::memcpy(slot.bytes + change.unread.size(), change.fragments.data(),
                change.fragments.size());
  }
  slot.unread_size = static_cast<std::uint8_t>(has_room ? change.unread.size() : 0);
  slot.fragments_size = static_cast<std::uint8_t>(has_room ? change.fragments.size() : 0);
  slot.fragment_opcode = change.fragment_opcode;
  slot.unanswered_pings = change.unanswered_pings;
  const SlotMark mark = change.has_unsent ? SlotMark::kUnsent
                        : has_room        ? SlotMark::kClean
                                          : SlotMark::kPartial;
  slot.mark.store(mark, std::memory_order_release);
}

std::string_view name_of(Doubt doubt) {
  switch (doubt) {
    case Doubt::kEnded:
      return "ended";
    case Doubt::kReading:
      return "reading";
    case Doubt::kWriting:
      return "writing";
    case Doubt::kUnsent:
      return "unsent";
    case Doubt::kPartial:
      return "partial";
    case Doubt::kBroken:
      return "broken";
  }
  return "broken";
}

std::variant<ParkedState, Doubt> read_slot(std::string_view bytes, std::uint32_t generation) {
  if (bytes.size() != kSlotBytes) {
    return Doubt::kBroken;
  }
  Slot slot{};
  std::memcpy(static_cast<void*>(&slot), bytes.data(), kSlotBytes);
  const SlotMark mark = slot.mark.load(std::memory_order_relaxed);
  if (slot.generation != generation) {
    return Doubt::kEnded;  // the slot had been given to another connection, or to none
  }
  if (mark != SlotMark::kClean) {
    return doubt_of(mark);
  }
  if (slot.tag_size > kTagRoom || slot.note_size > kNoteRoom ||
      std::size_t{slot.unread_size} + slot.fragments_size > kBytesRoom) {
    return Doubt::kBroken;
  }
  ParkedState state;
  state.tag.assign(slot.tag, slot.tag_size);
  state.note.assign(slot.note, slot.note_size);
  state.unread.assign(slot.bytes, slot.unread_size);
  state.fragments.assign(slot.bytes + slot.unread_size, slot.fragments_size);
  state.fragment_opcode = slot.fragment_opcode;
  state.unanswered_pings = slot.unanswered_pings;
  return state;
}

}  // namespace voicectl::parking
