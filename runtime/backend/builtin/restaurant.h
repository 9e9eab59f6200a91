// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "runtime/backend/backend.h"

namespace voicectl::runtime {

/// Prices an order by the menu. The order has no id yet. Pure.
///
/// The estimated time is that of the slowest item: a kitchen works on all of them at once.
OrderOutcome decide_order(const std::vector<MenuItem>& menu, const OrderRequest& request);

}  // namespace voicectl::runtime
