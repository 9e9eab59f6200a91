// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/port_allocator.h"

#include <fmt/core.h>

#include <algorithm>

namespace voicectl {

PortAllocator::PortAllocator(PortRange range,
                             const std::vector<PortLease>& leases,
                             WallTime now,
                             Duration quarantine)
    : range_(range), next_(range.first().value()) {
  for (const PortLease& lease : leases) {
    if (!lease.released_at) {
      held_.emplace(lease.holder, lease.port);
      taken_.insert(lease.port);
    } else if (now < *lease.released_at + quarantine) {
      // A wall clock that was set back only lengthens the quarantine.
      taken_.insert(lease.port);
      in_quarantine_ += range_.contains(lease.port) ? 1 : 0;
    }
  }
}

Result<Port> PortAllocator::lease(const std::string& holder) {
  if (const auto own = held_.find(holder); own != held_.end() && !blocked_.contains(own->second)) {
    return own->second;
  }
  for (; next_ <= range_.last().value(); ++next_) {
    VC_TRY(const Port port, Port::make(next_));
    if (!blocked_.contains(port) && taken_.insert(port).second) {
      held_.insert_or_assign(holder, port);
      return port;
    }
  }
  const auto foreign = static_cast<std::size_t>(std::count_if(
      blocked_.begin(), blocked_.end(),
      [&](const Port& port) { return range_.contains(port) && !taken_.contains(port); }));
  return Error(
      ErrorCode::kResourceExhausted,
      fmt::format("cannot lease a port for '{}': range {} is full ({} leased, {} in "
                  "quarantine{}); widen ports.range",
                  holder, range_.str(), range_.size() - in_quarantine_ - foreign, in_quarantine_,
                  foreign > 0 ? fmt::format(", {} held by other programs", foreign) : ""));
}

void PortAllocator::reserve(Port port) {
  taken_.insert(port);
}

}  // namespace voicectl
