// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/edge_watch.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl {
namespace {

bool can_be_asked(const RecordedTenant& tenant) {
  return tenant.phase == TenantPhase::kServing && tenant.placement && !tenant.routes.empty();
}

}  // namespace

std::string edge_door(const EdgeSpec& edge) {
  if (edge.address == "0.0.0.0") {
    return fmt::format("127.0.0.1:{}", edge.https_port);
  }
  if (edge.address == "::") {
    return fmt::format("[::1]:{}", edge.https_port);
  }
  const bool is_v6 = edge.address.find(':') != std::string::npos;
  return is_v6 ? fmt::format("[{}]:{}", edge.address, edge.https_port)
               : fmt::format("{}:{}", edge.address, edge.https_port);
}

EdgeProbeSpec EdgeWatch::spec() const {
  const std::optional<PlatformSpec>& platform = deps_.recorded.snapshot().platform;
  return platform ? platform->edge.probe : EdgeProbeSpec{};
}

std::size_t EdgeWatch::unreachable() const {
  return static_cast<std::size_t>(
      std::count_if(seen_.begin(), seen_.end(),
                    [this](const auto& entry) { return is_unreachable(entry.second); }));
}

void EdgeWatch::begin() {
  const Snapshot& recorded = deps_.recorded.snapshot();
  const bool has_edge = recorded.platform && recorded.platform->edge.mode != EdgeMode::kNone;
  std::erase_if(seen_, [&](const auto& entry) {
    const RecordedTenant* const tenant = deps_.recorded.find_tenant(entry.first);
    return !has_edge || tenant == nullptr || !can_be_asked(*tenant);
  });
  std::erase_if(doubted_, [&](const TenantId& tenant) { return !seen_.contains(tenant); });
  if (const RecordedTenant* const tenant = has_edge ? next() : nullptr) {
    ask(*tenant);
  } else {
    deps_.reactor.call_after(limits_.pace, [this] { begin(); });
  }
}

bool EdgeWatch::is_due(const RecordedTenant& tenant) const {
  const auto known = seen_.find(tenant.spec.tenant);
  const Duration interval = spec().interval;
  return can_be_asked(tenant) &&
         (known == seen_.end() ||
          deps_.reactor.now() - known->second.asked_at >=
              (known->second.missed > 0 ? std::min(limits_.doubt, interval) : interval));
}

const RecordedTenant* EdgeWatch::next() {
  // By turns: many who do not answer must not keep everybody else from being asked.
  is_turn_of_doubted_ = !is_turn_of_doubted_;
  const RecordedTenant* const doubted = is_turn_of_doubted_ ? next_doubted() : nullptr;
  return doubted != nullptr ? doubted : next_of_all();
}

const RecordedTenant* EdgeWatch::next_doubted() {
  auto at = last_doubted_ ? doubted_.upper_bound(*last_doubted_) : doubted_.begin();
  for (std::size_t i = 0; i < doubted_.size(); ++i) {
    at = at == doubted_.end() ? doubted_.begin() : at;
    const RecordedTenant* const tenant = deps_.recorded.find_tenant(*at++);
    if (tenant != nullptr && is_due(*tenant)) {
      last_doubted_ = tenant->spec.tenant;
      return tenant;
    }
  }
  return nullptr;
}

const RecordedTenant* EdgeWatch::next_of_all() {
  const std::map<TenantId, RecordedTenant>& tenants = deps_.recorded.snapshot().tenants;
  auto at = last_ ? tenants.upper_bound(*last_) : tenants.begin();
  for (std::size_t i = 0; i < tenants.size(); ++i) {
    at = at == tenants.end() ? tenants.begin() : at;
    const auto& [name, tenant] = *at++;
    if (is_due(tenant)) {
      last_ = name;
      return &tenant;
    }
  }
  return nullptr;
}

void EdgeWatch::ask(const RecordedTenant& tenant) {
  const ProbeTarget target{.url = fmt::format("https://{}/health", tenant.routes.front()),
                           .connect_to = edge_door(deps_.recorded.snapshot().platform->edge),
                           .ca_file = deps_.ca_file};
  deps_.probe.ask(target, spec().timeout,
                  [this, name = tenant.spec.tenant,
                   at = deps_.reactor.now()](const Status& answer) { take(name, at, answer); });
}

void EdgeWatch::take(const TenantId& tenant, MonoTime asked_at, const Status& answer) {
  deps_.reactor.call_after(limits_.pace, [this] { begin(); });
  EdgeSight& sight = seen_[tenant];
  const bool was_unreachable = is_unreachable(sight);
  sight.asked_at = asked_at;
  if (answer.has_error() && answer.error().code() == ErrorCode::kResourceExhausted) {
    return;  // it could not be asked
  }
  const bool is_read_only = answer.has_error() && answer.error().code() == ErrorCode::kConflict;
  if (answer.has_error() && !is_read_only) {
    ++failed_;
    ++sight.missed;
    doubted_.insert(tenant);
    sight.why = answer.error().text();
  } else {
    ++answered_;
    sight.missed = 0;
    doubted_.erase(tenant);
    sight.why = is_read_only ? "it answers, and takes no changes (503)" : "";
    LatencyHistogram took;
    took.record(deps_.reactor.now() - asked_at);
    took_.add(took);
  }
  const std::string subject = "tenant/" + tenant.str();
  if (is_unreachable(sight) && !was_unreachable) {
    deps_.events.add("tenant.unreachable", subject,
                     dump_json({{"missed", sight.missed}, {"error", sight.why}}));
  } else if (was_unreachable && !is_unreachable(sight)) {
    deps_.events.add("tenant.reachable", subject, "{}");
  }
}

}  // namespace voicectl
