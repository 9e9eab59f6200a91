// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/signature.h"

#include <string>
#include <vector>

#include "base/crypto.h"
#include "runtime/ultravox/timestamp.h"

namespace voicectl::runtime {
namespace {

/// More signatures than a sender has secrets would only make us compute.
constexpr std::size_t kMaxSignatures = 8;

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string_view> split_signatures(std::string_view text) {
  std::vector<std::string_view> parts;
  while (!text.empty() && parts.size() < kMaxSignatures) {
    const std::size_t comma = text.find(',');
    parts.push_back(trimmed(text.substr(0, comma)));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return parts;
}

Error refuse(std::string_view why) {
  return {ErrorCode::kPermissionDenied, "cannot accept the webhook: " + std::string(why)};
}

}  // namespace

Status verify_signature(std::span<const Secret> secrets,
                        const SignedMessage& message,
                        WallTime now) {
  if (message.timestamp.empty() || message.signatures.empty()) {
    return refuse("it is not signed");
  }
  const Result<WallTime> at = ultravox::parse_timestamp(message.timestamp);
  if (at.has_error()) {
    return refuse("its timestamp is not readable");
  }
  // In milliseconds: in nanoseconds a year that a stranger makes up does not fit.
  constexpr auto kWindow = std::chrono::duration_cast<std::chrono::milliseconds>(kSignatureWindow);
  if (*at > now + kWindow || *at < now - kWindow) {
    return refuse("its timestamp is too far from the present; check both clocks");
  }
  const std::string signed_text = std::string(message.body) + std::string(message.timestamp);
  const std::vector<std::string_view> given = split_signatures(message.signatures);
  bool matches = false;
  for (const Secret& secret : secrets) {
    const std::string expected = hmac_sha256_hex(secret.reveal(), signed_text);
    for (const std::string_view signature : given) {
      // No early end: the time must not tell which secret or signature fitted.
      matches = equal_in_constant_time(expected, signature) || matches;
    }
  }
  return matches ? ok_status() : Status(refuse("no signature fits"));
}

}  // namespace voicectl::runtime
