// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace voicectl::ultravox {

/// Reads an ISO 8601 date and time, as "2025-01-02T03:04:05.678901+00:00". The fraction may have
/// any number of digits and is cut to milliseconds; without an offset it is UTC, because the
/// service's own samples disagree about sending one.
/// ERRORS: kInvalidArgument.
Result<WallTime> parse_timestamp(std::string_view text);

/// Reads a length as the API writes it: "3600s", "0.384s". ERRORS: kInvalidArgument.
Result<Duration> parse_seconds(std::string_view text);

/// Writes a length as the API reads it: "30s", "2.5s".
std::string render_seconds(Duration length);

}  // namespace voicectl::ultravox
