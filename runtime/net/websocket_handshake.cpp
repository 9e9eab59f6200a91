// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/websocket_handshake.h"

#include "base/crypto.h"
#include "runtime/net/http_text.h"

namespace voicectl {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// 16 bytes in base64: 21 full digits, one that carries two bits, and padding.
constexpr std::size_t kKeyDigits = 22;

Error bad(std::string message) {
  return Error(ErrorCode::kInvalidArgument, "cannot upgrade to WebSocket: " + message);
}

bool is_key(std::string_view text) {
  return text.size() == kKeyDigits + 2 && text.ends_with("==") &&
         text.substr(0, kKeyDigits).find_first_not_of(kAlphabet) == std::string_view::npos;
}

}  // namespace

std::string websocket_accept(std::string_view key) {
  return sha1_base64(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
}

Result<std::string> check_upgrade(const ReceivedRequest& received) {
  const HttpRequest& request = received.request;
  if (request.method != "GET" || received.version != HttpVersion::k11) {
    return bad("only a GET of HTTP/1.1 can be upgraded");
  }
  if (!lists_token(request.headers, "Upgrade", "websocket") ||
      !lists_token(request.headers, "Connection", "upgrade")) {
    return bad("no 'Upgrade: websocket' with 'Connection: upgrade'");
  }
  if (request.header("Sec-WebSocket-Version").value_or("") != "13") {
    return bad("Sec-WebSocket-Version is not 13");
  }
  const std::string_view key = request.header("Sec-WebSocket-Key").value_or("");
  if (!is_key(key)) {
    return bad("Sec-WebSocket-Key is not 16 bytes in base64");
  }
  return websocket_accept(key);
}

std::string render_upgrade(std::string_view accept) {
  std::string text =
      "HTTP/1.1 101 Switching Protocols\r\n"
      "Upgrade: websocket\r\n"
      "Connection: Upgrade\r\n"
      "Sec-WebSocket-Accept: ";
  text.append(accept).append("\r\n\r\n");
  return text;
}

std::string make_websocket_key(Random& random) {
  std::string key;
  for (std::size_t i = 0; i + 1 < kKeyDigits; ++i) {
    key += kAlphabet[random.below(kAlphabet.size())];
  }
  key += kAlphabet[random.below(4) * 16];
  return key + "==";
}

}  // namespace voicectl
