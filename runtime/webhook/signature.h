// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

namespace voicectl::runtime {

/// How far the time in a webhook may be from ours, either way. A delivery that is repeated is
/// signed again, so a minute is enough for the network and for clocks that differ.
inline constexpr Duration kSignatureWindow = std::chrono::seconds(60);

/// A webhook as it came: the raw body, and the two headers that vouch for it.
struct SignedMessage {
  std::string_view body;
  std::string_view timestamp;
  /// One or more, separated by commas: the sender may have several secrets.
  std::string_view signatures;
};

/// Checks that the message was signed with one of `secrets` and is fresh. Pure.
///
/// The signature is the hexadecimal HMAC-SHA256 of the body followed by the timestamp's text.
/// ERRORS: kPermissionDenied; which part was wrong is told only to the log, never to the sender.
Status verify_signature(std::span<const Secret> secrets,
                        const SignedMessage& message,
                        WallTime now);

}  // namespace voicectl::runtime
