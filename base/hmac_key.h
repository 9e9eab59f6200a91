// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace voicectl {

/// HMAC-SHA256 with one key for many messages: the key is prepared once, which costs more than a
/// short message.
class HmacSha256Key {
 public:
  explicit HmacSha256Key(std::string_view key);
  ~HmacSha256Key();
  HmacSha256Key(HmacSha256Key&&) noexcept;
  HmacSha256Key& operator=(HmacSha256Key&&) noexcept;

  /// As `hmac_sha256_hex` with the key.
  std::string hex(std::string_view message);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace voicectl
