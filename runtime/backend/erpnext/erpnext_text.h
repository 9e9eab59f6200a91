// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "runtime/backend/time_zone.h"

/// Texts as a Frappe site writes them. All pure.
namespace voicectl::runtime {

/// Words that can be spoken: without tags, entities and surplus blanks, at most 300 bytes, cut
/// between words. Script and style elements go with their content.
std::string plain_words(std::string_view html);

/// One part of a path or a value of a query: everything but letters, digits and "-._~" escaped.
std::string url_escaped(std::string_view text);

/// "2026-12-01 09:00:00.123456", which names no zone: it is the site's. nullopt for anything else.
std::optional<LocalTime> site_time_of(std::string_view text);

/// "2026-12-01 09:00:00".
std::string render_site_time(LocalTime at);
/// The same, of a moment, on the site's clock.
std::string render_site_time(const TimeZone& site, WallTime at);

}  // namespace voicectl::runtime
