// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/backend/business.h"

namespace voicectl::runtime {

/// Whether a word of `words` ("Technical, Website") also stands in `topic`. Words of one or two
/// letters say nothing.
bool shares_word(std::string_view words, std::string_view topic);

/// Those whose specialty fits the topic, in the order of the list. Borrowed from `business`.
std::vector<const StaffMember*> staff_for(const Business& business, std::string_view topic);

}  // namespace voicectl::runtime
