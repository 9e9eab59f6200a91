// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "runtime/parking/protocol.h"

namespace voicectl::parking {

/// What a slot is worth when its process dies at this very moment.
enum class SlotMark : std::uint8_t {
  kFree = 0,  ///< no connection, or one that is ending
  kClean,     ///< it says all there is to know
  kReading,   ///< bytes may have left the socket, been acted on, or been answered
  kWriting,   ///< bytes may have been written
  kUnsent,    ///< bytes that belong to the peer are in the process alone
  kPartial,   ///< an unfinished message is longer than the slot has room for
};

inline constexpr std::size_t kTagRoom = 112;
inline constexpr std::size_t kNoteRoom = 64;
inline constexpr std::size_t kBytesRoom = 64;

/// Grows whenever Slot changes, or what is meant by what is in it.
inline constexpr int kSlotVersion = 1;

/// What a WebSocket's next process has to know of it, in memory that outlives the present one.
///
/// Whoever changes the connection first marks the slot as doubtful, then acts, then says what is
/// true now, then marks it as clean. The one process that writes can die between any two
/// instructions; nobody reads before it is dead.
struct Slot {
  std::atomic<SlotMark> mark;
  std::uint8_t tag_size;
  std::uint8_t note_size;
  std::uint8_t unread_size;
  std::uint8_t fragments_size;
  std::uint8_t fragment_opcode;
  std::uint8_t unanswered_pings;
  std::uint8_t reserved;
  /// Which connection of those that had this slot.
  std::uint32_t generation;
  std::uint32_t reserved_too;
  char tag[kTagRoom];
  char note[kNoteRoom];
  /// Received bytes of an unfinished frame, then payload of the message being joined.
  char bytes[kBytesRoom];
};
static_assert(sizeof(Slot) == kSlotBytes);
static_assert(static_cast<char>(SlotMark::kClean) == kOpenGate, "a gate is a slot, clean or free");
static_assert(std::atomic<SlotMark>::is_always_lock_free);

/// What changes of a connection.
struct ParkedChange {
  std::string_view note;
  std::string_view unread;
  std::string_view fragments;
  std::uint8_t fragment_opcode = 0;
  std::uint8_t unanswered_pings = 0;
  bool has_unsent = false;
};

/// Says what is true from now on. While it does so, the slot is in doubt.
void settle(Slot& slot, const ParkedChange& change);

/// A connection that can be gone on with.
struct ParkedState {
  std::string tag;
  std::string note;
  std::string unread;
  std::string fragments;
  std::uint8_t fragment_opcode = 0;
  std::uint8_t unanswered_pings = 0;
  friend bool operator==(const ParkedState&, const ParkedState&) = default;
};

/// Why one cannot.
enum class Doubt { kEnded, kReading, kWriting, kUnsent, kPartial, kBroken };
std::string_view name_of(Doubt doubt);

/// Judges the bytes of a dead process's slot. Nothing in them is trusted.
std::variant<ParkedState, Doubt> read_slot(std::string_view bytes, std::uint32_t generation);

}  // namespace voicectl::parking
