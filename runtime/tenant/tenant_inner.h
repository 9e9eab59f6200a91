// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/backend/builtin/builtin_backend.h"
#include "runtime/net/http_server.h"
#include "runtime/outbox/outbox.h"
#include "runtime/tenant/erp_side.h"
#include "runtime/tenant/gatekeeper.h"
#include "runtime/tenant/insight_api.h"
#include "runtime/tenant/live_api.h"
#include "runtime/tenant/retention.h"
#include "runtime/tenant/session_api.h"
#include "runtime/tenant/session_watch.h"
#include "runtime/tenant/tenant_carry.h"
#include "runtime/tenant/tenant_host.h"
#include "runtime/tenant/tenant_scope.h"
#include "runtime/tenant/webhook_api.h"
#include "runtime/webhook/call_deliverer.h"
#include "runtime/webhook/record_poll.h"

/// For tenant_host.cpp and tenant_handover.cpp only.
namespace voicectl::runtime {

struct LoadedConfig {
  TenantConfig config;
  TimeZone zone;
  SiteClocks clocks;
};

Result<LoadedConfig> load_config(FileSystem& files, const std::string& path);

/// To which what it does is charged from now on; null if nobody counts.
WorkAccountPtr open_account(const TenantDeps& deps);

/// What a tenant cannot be served without, beside its store's own. ERRORS: kResourceExhausted.
Status require_descriptors(const TenantLease& lease);

struct TenantHost::Inner {
  /// Until when a closing tenant waits for each kind of connection.
  struct Deadlines {
    MonoTime requests;
    MonoTime goodbyes;
  };

  Inner(const TenantDeps& of, Offload& offload, TenantLease with, Notice tell, LoadedConfig loaded);
  ~Inner() {
    if (close_timer) {
      deps.reactor.cancel(*close_timer);
    }
  }

  std::shared_ptr<ultravox::UltravoxClient> make_client() const;
  void adopt_store(const StoreContents& contents);
  bool records_may_come() const;
  void serve_listeners();
  void take(HttpRequest request, std::shared_ptr<Responder> responder);
  void carry_out(const std::shared_ptr<Exchange>& exchange);
  void show_health(const std::shared_ptr<Exchange>& exchange) const;
  void show_session(const std::shared_ptr<Exchange>& exchange);
  void with_session(const std::shared_ptr<Exchange>& exchange,
                    std::function<void(const Session&)> found);
  void wait_for_connections(Deadlines until, std::function<void()> done);
  /// Waits until the last connection has ended, or until then.
  void wait_gone(MonoTime until, std::function<void()> done);
  TenantCarry carry() const;
  void go_on_with(const TenantCarry& carried);
  void take_adopted(const std::string& tag,
                    const std::string& note,
                    const std::shared_ptr<WebSocket>& socket);

  TenantDeps deps;
  /// Null where nobody counts. Set before what is charged to it.
  WorkAccountPtr account{present_account()};
  TenantLease lease;
  Notice notice;
  std::shared_ptr<const TenantConfig> config;
  std::shared_ptr<TenantCounters> counters = std::make_shared<TenantCounters>();
  EventHub hub;
  /// What an operator should know of how the store keeps its word.
  std::string store_warning;
  std::unique_ptr<SessionStore> store_owner;
  SessionStore& store;
  SessionBook book;
  Outbox outbox;
  RequestMemory memory;
  BuiltinBackend backend;
  ErpSide erp;
  TenantScope scope;
  CallDeliverer calls;
  RecordNews news;
  RecordPoll poll;
  /// Replaced clients whose requests may still be under way.
  std::vector<std::shared_ptr<ultravox::UltravoxClient>> old_clients;
  CallEvents events;
  SessionApi sessions;
  SessionWatch watch;
  WebhookApi webhooks;
  LiveApi live;
  InsightApi insight;
  Retention retention;
  Gatekeeper gatekeeper;
  bool was_broken = false;
  bool is_recovering = false;
  RecoveredCount recovered;
  /// Why a connection that was adopted has no place here.
  std::optional<Error> misfit;
  std::optional<TimerId> close_timer;
  /// Absent where nothing is kept. It outlives the server, whose WebSockets are behind it.
  std::optional<parking::ParkingGate> gate;
  HttpServer server;
};

}  // namespace voicectl::runtime
