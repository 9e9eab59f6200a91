// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/os/reactor.h"

namespace voicectl {

/// A tenant whose outbox is asked for, and who has it.
struct OutboxAsked {
  TenantId tenant;
  InstanceId instance;
};
using AskForOutbox = std::function<void(const OutboxAsked&, Completion<std::string>)>;

/// Tenants that are asked at a time: an answer may be as long as a message may be, and there may be
/// thousands of tenants.
inline constexpr std::size_t kOutboxesAtOnce = 16;
/// Entries of all tenants together. Tenants that are not asked for it are told as a problem.
inline constexpr std::size_t kMostOutboxEntries = 10'000;

/// Asks the instances of tenants what those still owe to other systems, and answers
/// `{"entries": [...], "problems": [...]}`, once. An instance may be broken: it has no say in how
/// many entries are taken, `limit` of each tenant at most, or whose they are.
/// THREADS: loop thread only.
void gather_outboxes(std::vector<OutboxAsked> tenants,
                     std::size_t limit,
                     AskForOutbox ask,
                     std::function<void(const Json&)> done);

}  // namespace voicectl
