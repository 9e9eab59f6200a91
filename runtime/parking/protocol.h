// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

/// How an instance's open WebSockets are kept outside of it, so that they outlive its death. Spoken
/// over message-framed sockets between instances and voicectl-holder (provisioner/holder); a
/// message is a word and what belongs to it, behind blanks.
///
/// A lane is an instance's connection to the holder. Nothing in it is acknowledged: what was sent
/// is in the socket and outlives the sender.
namespace voicectl::parking {

/// Bytes of one slot.
inline constexpr std::size_t kSlotBytes = 256;
/// Most slots of one instance.
inline constexpr std::size_t kMostSlots = 65536;
/// Longest name of a layout.
inline constexpr std::size_t kMaxLayout = 64;

// Instance to holder, over its lane. A lane that ends is that of an instance that died, or of one
// that has closed all gates.

/// "hello <layout>" with the memory of the slots: first of all. `layout` names the form of what is
/// in them; only who has the same can read them.
inline constexpr std::string_view kHello = "hello";
/// "park <tenant> <gate> <slot>:<generation> ..." with as many sockets. `gate` is the slot that
/// says whether they are this instance's to leave behind at all: its first byte is kOpenGate then.
inline constexpr std::string_view kPark = "park";
inline constexpr char kOpenGate = 1;
/// "leave <slot>:<generation> ...": they are closed, or go on elsewhere. There may be none.
inline constexpr std::string_view kLeave = "leave";

// Holder to the tenant's next instance, over a connection that the daemon made for the two.

/// "slots <batch> <layout> <generation> ...\n" and the slots' bytes, with as many sockets.
inline constexpr std::string_view kSlots = "slots";
/// "end": that was all.
inline constexpr std::string_view kEnd = "end";
/// Its answer, "took <batch>": said before any of them is touched. Until then they are the
/// holder's, and whoever asks next gets them; who finds then that the holder's end is closed has
/// none.
inline constexpr std::string_view kTook = "took";

}  // namespace voicectl::parking
