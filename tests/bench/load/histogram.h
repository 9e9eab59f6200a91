// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/latency_histogram.h"

namespace voicectl::bench {

/// To 1.6 %.
using Histogram = BasicLatencyHistogram<6>;

}  // namespace voicectl::bench
