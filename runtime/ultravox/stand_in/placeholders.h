// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/json.h"

/// Scripts speak about things that are known only when they are played: `{{customer_name}}`,
/// `{{date+3 business days}}`, `{{result.order_id | 'your order'}}`.
namespace voicectl::ultravox {

/// Replaces the placeholders of a text.
///
/// Between the braces stand alternatives, divided by `|`; the first one that is known wins, and
/// nothing stands where none is. An alternative is a path into `facts` (`result.slots.0.time`; a
/// text that holds a date and a time has these two as members), a text in single quotes, or a day
/// (`date`, `date+2 days`, `date+3 business days`), which is written as 2026-11-24.
std::string fill_in_text(std::string_view pattern, const Json& facts, std::chrono::sys_days today);

/// The same in every text of a value. A text that is one placeholder becomes the value it stands
/// for, with its type; members and elements that stand for nothing known are left out.
Json fill_in(const Json& pattern, const Json& facts, std::chrono::sys_days today);

/// The day that comes `count` working days (Monday to Friday) after `day`.
std::chrono::sys_days add_business_days(std::chrono::sys_days day, int count);

}  // namespace voicectl::ultravox
