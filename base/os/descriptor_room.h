// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace voicectl {

/// How many descriptors this process may open beside those it has, up to `enough`.
///
/// Looks at numbers from the lowest free one on until enough are free, so it costs as much as is
/// asked for, not as much as is open. THREADS: any; others may open some meanwhile.
std::uint64_t free_descriptors(std::uint64_t enough);

}  // namespace voicectl
