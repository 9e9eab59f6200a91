// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

/// What the daemon and its holder say to each other over message-framed sockets. The holder has
/// neither JSON nor a library: a message is a word, and what belongs to it behind a blank.
///
/// The daemon binds the holder's socket and passes it on. Nothing is acknowledged: what was sent is
/// in the socket, where it waits for a holder that lives and dies with one that does not.
namespace voicectl::holder {

/// Grows when what follows changes. `list`, `end` and `stop` never do, so that any daemon can empty
/// and replace any holder.
inline constexpr int kVersion = 2;

/// The number under which the holder inherits its listening socket.
inline constexpr int kListenerDescriptor = 3;

/// Longest name.
inline constexpr std::size_t kMaxName = 200;

/// "list": answered by `kept` for each name, then `end`.
inline constexpr std::string_view kList = "list";
/// "put <name>" with its descriptors: kept in place of what had the name.
inline constexpr std::string_view kPut = "put";
/// "drop <name>".
inline constexpr std::string_view kDrop = "drop";
/// "lane <instance>" with a socket: the instance parks its connections over it
/// (runtime/parking/protocol.h).
inline constexpr std::string_view kLane = "lane";
/// "allow <instance> <tenant>": from now on it may park connections of that tenant.
inline constexpr std::string_view kAllow = "allow";
/// "forbid <instance> <tenant>": it has that tenant no more, and nothing of it to leave behind.
inline constexpr std::string_view kForbid = "forbid";
/// "give <tenant>" with a socket: whoever is behind it gets what dead instances had parked of it.
inline constexpr std::string_view kGive = "give";
/// "stop": lets go of everything and ends.
inline constexpr std::string_view kStop = "stop";

/// "kept <name>" with its descriptors.
inline constexpr std::string_view kKept = "kept";
/// "end <count> <version>": so many `kept` were before it.
inline constexpr std::string_view kEnd = "end";
/// "refused <why>": something was not understood, or has no room.
inline constexpr std::string_view kRefused = "refused";

}  // namespace voicectl::holder
