// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/backend/backend.h"

namespace voicectl::runtime {

/// Sorts an issue into a category. The ticket has no id yet. Pure.
///
/// The category is found by its name or keywords in what the agent gave as category, else in the
/// description. An issue that fits none is taken all the same, with the category's text as given
/// and middle priority: nobody who calls for help is turned away.
TicketOutcome decide_ticket(const Business& business, const TicketRequest& request);

}  // namespace voicectl::runtime
