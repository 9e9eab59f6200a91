// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace voicectl {

/// How many descriptors this process may open beside those it has, up to `enough`.
///
/// Opens and closes as many, so it costs as much as is asked for, not as much as is open.
/// THREADS: any; others may open some meanwhile.
std::uint64_t free_descriptors(std::uint64_t enough);

/// Lets this process open as many as it may be allowed to. Refused, the limit stays as it is.
void raise_descriptor_limit();

/// ERRORS: kResourceExhausted if this process may open fewer than `count` more; `what` needs them:
/// "take over 10 tenants".
Status require_free_descriptors(std::uint64_t count, std::string_view what);

}  // namespace voicectl
