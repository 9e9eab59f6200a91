// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace voicectl {

/// SHA-256 as 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view text);

/// SHA-256 of something that comes in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(std::string_view piece);
  /// As `sha256_hex` of all pieces. REQUIRES: called once, last.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// HMAC-SHA256 as 64 lower-case hexadecimal digits.
std::string hmac_sha256_hex(std::string_view key, std::string_view message);

/// The same in base64, with padding.
std::string hmac_sha256_base64(std::string_view key, std::string_view message);

/// SHA-1 of `text`, then base64: the WebSocket handshake asks for it (RFC 6455, 4.2.2).
std::string sha1_base64(std::string_view text);

/// Compares without telling by its time where two texts differ. Length is not hidden.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace voicectl
