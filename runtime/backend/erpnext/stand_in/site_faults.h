// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "runtime/net/http_message.h"

namespace voicectl::runtime {

/// What the stand-in does wrong on request: a value that is set over /dev/faults.
struct SiteFaults {
  /// Status of the next answers instead of their own; absent: none.
  std::optional<int> status{};
  /// Their Retry-After, in seconds.
  std::optional<int> retry_after{};
  /// How many answers; absent: until it is switched off.
  std::optional<int> times{};
  /// The request is carried out, and its answer never sent.
  bool is_mute = false;
  /// How long each answer waits.
  std::chrono::milliseconds delay{0};
};

/// Reads {"status": 503 | "mute" | "off", "retry_after"?, "times"?, "delay_ms"?}.
/// ERRORS: kInvalidArgument, naming the member.
Result<SiteFaults> parse_site_faults(std::string_view body);
Json to_json(const SiteFaults& faults);

/// The answer that the faults make of a request, in a Frappe site's manner; nullopt for none.
/// Counts it.
std::optional<HttpResponse> take_fault(SiteFaults& faults);

}  // namespace voicectl::runtime
