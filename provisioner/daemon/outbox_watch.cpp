// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/outbox_watch.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/json.h"

namespace voicectl {
namespace {

/// Events of earlier daemons that are looked at: whatever is older was told of longer ago than
/// anybody asks.
constexpr std::size_t kRecalledDeaths = 10'000;
constexpr std::string_view kTenantKind = "tenant/";

}  // namespace

OutboxWatch::OutboxWatch(Deps deps) : deps_(deps), self_(std::make_shared<OutboxWatch*>(this)) {}

void OutboxWatch::hear(const InstanceStats& told) {
  for (const TenantStats& stats : told.tenants) {
    const auto dead = told.dead.find(stats.tenant);
    if (dead != told.dead.end()) {
      take(stats.tenant, dead->second);
    } else if (const auto known = known_.find(stats.tenant); known != known_.end()) {
      // Whoever has it next counts from the beginning what is given up.
      known->second.count = 0;
      known->second.given_up = 0;
    }
  }
}

std::uint64_t OutboxWatch::dead_of(const TenantId& tenant) const {
  const auto known = known_.find(tenant);
  return known == known_.end() ? 0 : known->second.count;
}

void OutboxWatch::take(const TenantId& tenant, const DeadEffects& dead) {
  if (recall_ != Recall::kDone) {
    recall();  // it is heard again with the next sample
    return;
  }
  const auto [entry, is_new] = known_.try_emplace(tenant, DeadEffects{});
  DeadEffects& last = entry->second;
  if (is_new) {
    last.entry = std::exchange(told_before_[tenant], 0);
    last.given_up = dead.given_up;
  }
  // One that was retried and given up again has its old number. An instance that has just got the
  // tenant counts from the beginning.
  const bool is_news =
      dead.entry > last.entry || (dead.given_up != last.given_up && dead.given_up > 0);
  const std::uint64_t newest = std::max(dead.entry, last.entry);
  last = dead;
  last.entry = newest;
  if (is_news) {
    tell(tenant, dead);
  }
}

void OutboxWatch::recall() {
  if (std::exchange(recall_, Recall::kAsked) == Recall::kAsked) {
    return;
  }
  deps_.registry.run<std::vector<EventRecord>>(
      [](Registry& registry) {
        return registry.latest_events_named("outbox.dead", kRecalledDeaths);
      },
      [this, alive = std::weak_ptr(self_)](const Result<std::vector<EventRecord>>& told) {
        if (alive.expired()) {
          return;
        }
        // What cannot be read now is asked for again with the next sample.
        recall_ = told.has_error() ? Recall::kDue : Recall::kDone;
        if (told.has_value()) {
          take_recalled(*told);
        }
      });
}

void OutboxWatch::take_recalled(const std::vector<EventRecord>& told) {
  for (const EventRecord& event : told) {
    const Result<TenantId> tenant =
        TenantId::parse(event.subject.substr(std::min(event.subject.size(), kTenantKind.size())));
    const Result<Json> detail = parse_json(event.detail);
    if (tenant.has_value() && detail.has_value()) {
      // The newest come first.
      told_before_.try_emplace(*tenant, static_cast<std::uint64_t>(std::max<std::int64_t>(
                                            0, integer_or(*detail, "entry", 0))));
    }
  }
}

void OutboxWatch::tell(const TenantId& tenant, const DeadEffects& dead) {
  deps_.events.add("outbox.dead", "tenant/" + tenant.str(),
                   dump_json({{"dead", dead.count}, {"entry", dead.entry}, {"kind", dead.kind}}));
}

}  // namespace voicectl
