// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/outbox_watch.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace voicectl {
namespace {

/// The newest entry that was told of; 0: none.
std::uint64_t entry_in(const Result<std::vector<EventRecord>>& told) {
  const Result<Json> detail = told.has_value() && !told->empty() ? parse_json(told->front().detail)
                                                                 : Result<Json>(Json::object());
  const std::int64_t entry = detail.has_value() ? integer_or(*detail, "entry", 0) : 0;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, entry));
}

}  // namespace

OutboxWatch::OutboxWatch(Deps deps) : deps_(deps), self_(std::make_shared<OutboxWatch*>(this)) {}

void OutboxWatch::hear(const InstanceStats& told) {
  for (const TenantStats& stats : told.tenants) {
    const auto dead = told.dead.find(stats.tenant);
    if (dead != told.dead.end()) {
      take(stats.tenant, dead->second);
    } else if (const auto known = known_.find(stats.tenant); known != known_.end()) {
      known->second.last.count = 0;
    }
  }
}

std::uint64_t OutboxWatch::dead_of(const TenantId& tenant) const {
  const auto known = known_.find(tenant);
  return known == known_.end() ? 0 : known->second.last.count;
}

void OutboxWatch::take(const TenantId& tenant, const DeadEffects& dead) {
  const auto [entry, is_new] = known_.try_emplace(tenant);
  Known& known = entry->second;
  if (is_new) {
    look_up(tenant, dead);
  } else if (known.is_looked_up) {
    // One that was retried and given up again has its old number. An instance that has just got
    // the tenant counts from the beginning.
    const bool is_news = dead.entry > known.last.entry ||
                         (dead.given_up != known.last.given_up && dead.given_up > 0);
    const std::uint64_t newest = std::max(dead.entry, known.last.entry);
    known.last = dead;
    known.last.entry = newest;
    if (is_news) {
      tell(tenant, dead);
    }
  }
}

void OutboxWatch::look_up(const TenantId& tenant, const DeadEffects& dead) {
  deps_.registry.run<std::vector<EventRecord>>(
      [subject = "tenant/" + tenant.str()](Registry& registry) {
        return registry.latest_events(subject, "outbox.dead", 1);
      },
      [this, tenant, dead,
       alive = std::weak_ptr(self_)](const Result<std::vector<EventRecord>>& told) {
        if (alive.expired()) {
          return;
        }
        Known& known = known_[tenant];
        known = {true, dead};
        if (dead.entry > entry_in(told)) {
          tell(tenant, dead);
        }
      });
}

void OutboxWatch::tell(const TenantId& tenant, const DeadEffects& dead) {
  deps_.events.add("outbox.dead", "tenant/" + tenant.str(),
                   dump_json({{"dead", dead.count}, {"entry", dead.entry}, {"kind", dead.kind}}));
}

}  // namespace voicectl
