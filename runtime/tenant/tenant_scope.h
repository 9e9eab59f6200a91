// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/os/reactor.h"
#include "base/random.h"
#include "runtime/backend/time_zone.h"
#include "runtime/outbox/outbox.h"
#include "runtime/session/event_hub.h"
#include "runtime/session/session_book.h"
#include "runtime/session/session_store.h"
#include "runtime/tenant/config.h"
#include "runtime/tenant/forgery_guard.h"
#include "runtime/tenant/request_memory.h"
#include "runtime/tenant/traffic_control.h"
#include "runtime/ultravox/ultravox_client.h"

namespace voicectl::runtime {

/// What the parts of one tenant share. Belongs to its TenantHost, and outlives the parts.
struct TenantScope {
  Reactor& reactor;
  const WallClock& clock;
  Random& random;
  /// Replaced as a whole when the tenant is reconfigured.
  std::shared_ptr<const TenantConfig> config;
  TimeZone zone;
  EventHub& hub;
  SessionStore& store;
  SessionBook& book;
  Outbox& outbox;
  RequestMemory& memory;
  std::shared_ptr<ultravox::UltravoxClient> ultravox;
  std::shared_ptr<TenantCounters> counters;
  TrafficControl traffic{};
  ForgeryGuard forgeries{};
};

}  // namespace voicectl::runtime
