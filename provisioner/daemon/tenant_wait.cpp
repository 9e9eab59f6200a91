// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/tenant_wait.h"

#include <fmt/core.h>

#include <array>
#include <utility>

namespace voicectl {
namespace {

constexpr std::array kConditions = {
    std::pair<std::string_view, TenantCondition>{"ready", TenantCondition::kReady},
    std::pair<std::string_view, TenantCondition>{"promoted", TenantCondition::kPromoted},
    std::pair<std::string_view, TenantCondition>{"pooled", TenantCondition::kPooled},
    std::pair<std::string_view, TenantCondition>{"deleted", TenantCondition::kDeleted},
    std::pair<std::string_view, TenantCondition>{"applied", TenantCondition::kApplied},
};

const TenantSpec* desired_spec(const TenantSight& sight, const TenantId& tenant) {
  return sight.loop.desired() ? find_tenant(*sight.loop.desired(), tenant) : nullptr;
}

/// REQUIRES: it is placed.
std::optional<InstanceView> home_of(const TenantSight& sight, const RecordedTenant& tenant) {
  for (InstanceView& view : sight.instances.observe()) {
    if (view.instance == *tenant.placement) {
      return std::move(view);
    }
  }
  return std::nullopt;
}

std::optional<std::string> why_not_ready(const TenantSight& sight, const RecordedTenant& tenant) {
  if (tenant.phase != TenantPhase::kServing) {
    return fmt::format("it is {}", name_of(tenant.phase));
  }
  if (!tenant.placement) {
    return "no instance serves it";
  }
  const std::optional<InstanceView> home = home_of(sight, tenant);
  if (!home || home->state != InstanceState::kReady) {
    return fmt::format("its instance '{}' is {}", tenant.placement->str(),
                       home ? name_of(home->state) : "not there");
  }
  if (!home->tenants.contains(tenant.spec.tenant)) {
    return fmt::format("its instance '{}' has not taken it yet", tenant.placement->str());
  }
  return std::nullopt;
}

std::optional<std::string> why_not_in(const TenantSight& sight,
                                      const RecordedTenant& tenant,
                                      InstanceKind kind) {
  const RecordedInstance* const home = sight.recorded.find_instance(*tenant.placement);
  const bool is_there = home != nullptr && home->kind == kind;
  return is_there ? std::nullopt
                  : std::optional(fmt::format("its instance is '{}'", tenant.placement->str()));
}

std::optional<std::string> why_not_applied(const TenantSight& sight, const RecordedTenant& tenant) {
  const TenantSpec* const wanted = desired_spec(sight, tenant.spec.tenant);
  if (wanted == nullptr) {
    return "it is to be deleted";
  }
  if (!(*wanted == tenant.spec)) {
    return "what is desired of it is not carried out yet";
  }
  const bool is_to_be_alone = wants_own_instance(*wanted, sight.recorded.snapshot());
  if (why_not_in(sight, tenant,
                 is_to_be_alone ? InstanceKind::kDedicated : InstanceKind::kShared)) {
    return fmt::format("it is not in {} yet",
                       is_to_be_alone ? "an instance of its own" : "the pool");
  }
  const std::optional<InstanceView> home = home_of(sight, tenant);
  const bool is_taken = home && home->tenants.contains(tenant.spec.tenant) &&
                        home->tenants.at(tenant.spec.tenant).generation >= tenant.generation;
  return is_taken ? std::nullopt
                  : std::optional<std::string>(
                        "its instance has not taken its newest configuration yet");
}

}  // namespace

std::optional<TenantCondition> tenant_condition_named(std::string_view name) {
  for (const auto& [known, condition] : kConditions) {
    if (known == name) {
      return condition;
    }
  }
  return std::nullopt;
}

std::optional<std::string> why_not_yet(const TenantSight& sight,
                                       const TenantId& id,
                                       TenantCondition condition) {
  const RecordedTenant* const tenant = sight.recorded.find_tenant(id);
  if (condition == TenantCondition::kDeleted) {
    if (desired_spec(sight, id) != nullptr) {
      return "it is desired";
    }
    return tenant == nullptr ? std::nullopt
                             : std::optional(fmt::format("it is {}", name_of(tenant->phase)));
  }
  if (tenant == nullptr) {
    return "there is no such tenant";
  }
  if (const auto why = why_not_ready(sight, *tenant)) {
    return why;
  }
  switch (condition) {
    case TenantCondition::kPromoted:
      return why_not_in(sight, *tenant, InstanceKind::kDedicated);
    case TenantCondition::kPooled:
      return why_not_in(sight, *tenant, InstanceKind::kShared);
    case TenantCondition::kApplied:
      return why_not_applied(sight, *tenant);
    case TenantCondition::kReady:
    case TenantCondition::kDeleted:
      break;
  }
  return std::nullopt;
}

std::shared_ptr<TenantWait> TenantWait::begin(const TenantSight& sight,
                                              const TenantId& tenant,
                                              TenantCondition condition,
                                              Duration patience,
                                              OnEnd on_end) {
  std::shared_ptr<TenantWait> self(new TenantWait(sight, tenant, condition, std::move(on_end)));
  self->events_ = sight.events.follow([self](const EventRecord&) { self->look_soon(); });
  self->records_ = self->sight_.recorded.watch([self] { self->look_soon(); });
  self->sight_.reactor.call_after(patience, [weak = std::weak_ptr(self)] {
    if (const std::shared_ptr<TenantWait> still = weak.lock()) {
      still->end(why_not_yet(still->sight_, still->tenant_, still->condition_));
    }
  });
  self->look_soon();
  self->look_now_and_then();
  return self;
}

void TenantWait::look_soon() {
  if (!std::exchange(is_looking_, true)) {
    sight_.reactor.post([self = shared_from_this()] { self->look(); });
  }
}

void TenantWait::look_now_and_then() {
  sight_.reactor.call_after(kLookAgain, [weak = weak_from_this()] {
    const std::shared_ptr<TenantWait> still = weak.lock();
    if (still && still->on_end_) {
      still->look();
      still->look_now_and_then();
    }
  });
}

void TenantWait::look() {
  is_looking_ = false;
  if (on_end_ && !why_not_yet(sight_, tenant_, condition_)) {
    end(std::nullopt);
  }
}

void TenantWait::stop() {
  on_end_ = nullptr;
  // What follows keeps it alive.
  const std::shared_ptr<TenantWait> self = shared_from_this();
  if (events_) {
    sight_.events.unfollow(*std::exchange(events_, std::nullopt));
  }
  if (records_) {
    sight_.recorded.unwatch(*std::exchange(records_, std::nullopt));
  }
}

void TenantWait::end(const std::optional<std::string>& why_not) {
  if (const OnEnd on_end = std::exchange(on_end_, nullptr)) {
    stop();
    on_end(why_not);
  }
}

}  // namespace voicectl
