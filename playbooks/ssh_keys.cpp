// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>

#include "playbooks/libssh2_transport.h"

namespace voicectl {
namespace {

/// Value of a base64 digit; -1 for anything else.
int digit_value(char c) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t at = kDigits.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

/// What stands between the first line and the "-----END" of a PEM text.
std::string decode_pem(std::string_view text) {
  const std::size_t begin = text.find('\n');
  const std::string_view body =
      begin == std::string_view::npos ? "" : text.substr(begin, text.find("-----END") - begin);
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : body) {
    const int value = digit_value(c);
    if (value < 0) {
      continue;
    }
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>((bits >> count) & 0xff);
    }
  }
  return out;
}

}  // namespace

bool is_rsa_private_key(std::string_view text) {
  const std::size_t begin = text.find("-----BEGIN ");
  if (begin == std::string_view::npos) {
    return false;
  }
  text.remove_prefix(begin);
  if (text.starts_with("-----BEGIN RSA ")) {
    return true;
  }
  // OpenSSH's own format names the kind in its public part, which is never encrypted; PKCS #8 has
  // the object identifier of RSA.
  constexpr std::string_view kOpenSshName("\0\0\0\7ssh-rsa", 11);
  constexpr std::string_view kRsaIdentifier("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9);
  const std::string bytes = decode_pem(text);
  return bytes.find(kOpenSshName) != std::string::npos ||
         bytes.find(kRsaIdentifier) != std::string::npos;
}

}  // namespace voicectl
