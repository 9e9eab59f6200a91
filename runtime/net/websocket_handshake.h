// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "runtime/net/request_reader.h"

namespace voicectl {

/// What Sec-WebSocket-Accept says to that Sec-WebSocket-Key.
std::string websocket_accept(std::string_view key);

/// The Sec-WebSocket-Accept for a valid upgrade request.
/// ERRORS: kInvalidArgument if it is none.
Result<std::string> check_upgrade(const ReceivedRequest& received);

/// The 101 that completes the handshake.
std::string render_upgrade(std::string_view accept);

/// A fresh Sec-WebSocket-Key: 16 random bytes, base64.
std::string make_websocket_key(Random& random);

}  // namespace voicectl
