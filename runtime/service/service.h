// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/log.h"
#include "base/os/asio_reactor.h"
#include "base/os/fd_channel.h"
#include "base/os/unique_fd.h"
#include "base/os/work_account.h"
#include "base/result.h"
#include "runtime/control/token_book.h"
#include "runtime/handoff/handoff_source.h"
#include "runtime/handoff/handoff_target.h"
#include "runtime/handoff/protocol.h"
#include "runtime/service/admin.h"
#include "runtime/service/control_link.h"
#include "runtime/service/loop_lag.h"
#include "runtime/service/recovery.h"
#include "runtime/tenant/tenant_host.h"

namespace voicectl::runtime {

/// Whether what each tenant costs is counted; else the daemon estimates it from requests.
enum class Metering { kOn, kOff };

/// One instance: a process that serves the tenants that the daemon lends to it.
///
/// THREADS: loop thread only, except that helper threads serve the stores.
class Service {
 public:
  /// REQUIRES: all in `deps` and `log` outlive it.
  Service(const TenantDeps& deps,
          const Log& log,
          UniqueFd control,
          UniqueFd admin,
          Metering metering = Metering::kOn);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Closes every tenant as it is closed when it is reclaimed, then runs `done`. Later calls join
  /// the first.
  void stop(std::function<void()> done);

 private:
  /// A tenant here, from the moment when it is lent until it has been let go.
  struct Place {
    enum class State {
      kOpening,
      kServing,
      kHandingOver,  ///< still served here, unless another instance has just taken it
      kReceiving,    ///< another instance still serves it
      kClosing,
    };
    State state = State::kOpening;
    /// Set once it serves.
    std::unique_ptr<TenantHost> host;
    /// Who waits for the tenant to be let go.
    std::vector<ControlRequest> reclaims;
    std::unique_ptr<handoff::HandoffSource> giving;
    std::unique_ptr<handoff::HandoffTarget> getting;
    /// What an instance that died left open, until it is gone on with.
    std::unique_ptr<Recovery> recovery;

    bool is_served() const { return state == State::kServing || state == State::kHandingOver; }
  };
  struct Page;

  void take(const ControlRequest& request, std::vector<UniqueFd> descriptors);
  void lend(const ControlRequest& request, const Json& body, std::vector<UniqueFd> descriptors);
  void open_tenant(const ControlRequest& request, const TenantId& tenant, TenantLease lease);
  void lend_again(const ControlRequest& request,
                  Place& place,
                  const Json& body,
                  std::vector<UniqueFd> descriptors);
  void keep(const ControlRequest& request, std::vector<UniqueFd> descriptors);
  void recover(const ControlRequest& request, const Json& body, std::vector<UniqueFd> descriptors);
  void answer_lend(const ControlRequest& request,
                   const TenantId& tenant,
                   const RecoveredCount& recovered);
  void finish_lend(const ControlRequest& request,
                   const TenantId& tenant,
                   Result<std::unique_ptr<TenantHost>> opened);
  void settle_lend(const ControlRequest& request,
                   const TenantId& tenant,
                   Result<std::unique_ptr<TenantHost>> opened);
  void reconfigure(const ControlRequest& request, const Json& body);
  void reload_keys(const ControlRequest& request, const Json& body);
  void reclaim(const ControlRequest& request, const Json& body);
  void finish_reclaim(const TenantId& tenant);
  void close_if_asked(const TenantId& tenant, Place& place);
  void hand_over(const ControlRequest& request, UniqueFd peer);
  void begin_hand_over(const ControlRequest& request,
                       const handoff::HandOverOrder& order,
                       UniqueFd peer);
  void finish_hand_over(const ControlRequest& request,
                        const TenantId& tenant,
                        const handoff::HandOverReport& report);
  void let_go(const TenantId& tenant, std::unique_ptr<TenantHost> host);
  void receive(const ControlRequest& request, const Json& body, std::vector<UniqueFd> descriptors);
  void finish_receive(const ControlRequest& request,
                      const TenantId& tenant,
                      Result<handoff::HandoffTarget::Taken> outcome);
  TenantHost::Notice notice_for(const TenantId& tenant);
  void answer_regains();
  void cancel_hand_overs(const Error& why);
  void regain(const ControlRequest& request);
  void answer_regain(const ControlRequest& request) const;
  /// Whether it is not settled yet which tenants are here.
  bool is_opening() const;
  void list_sessions(const ControlRequest& request, const Json& body);
  void show_session(const ControlRequest& request, const Json& body);
  void end_session(const ControlRequest& request, const Json& body);
  void list_outbox(const ControlRequest& request, const Json& body);
  void show_outbox(const ControlRequest& request, const Json& body);
  /// Retries or drops, as the request's type says.
  void change_outbox(const ControlRequest& request, const Json& body);
  void tell_stats(const ControlRequest& request, const Json& body) const;
  void tell_sample(const ControlRequest& request, const std::string& after);

  Result<Place*> find_place(const Json& body);
  Result<std::pair<TenantHost*, SessionId>> find_session_host(const Json& body);
  std::string describe() const;
  std::vector<TenantMetrics> look(Look depth);
  Offload& offload_for(const TenantId& tenant);
  void finish_stop();

  parking::ParkingLot parking_;
  WorkMeter meter_;
  LoopLag lag_;
  TenantDeps deps_;
  const Log& log_;
  /// Threads for the stores; a tenant always uses the same one.
  std::vector<std::unique_ptr<ThreadOffload>> offloads_;
  std::map<TenantId, std::unique_ptr<Place>> places_;
  /// For tenants that are to be lent next.
  std::map<TenantId, std::unique_ptr<Recovery>> recoveries_;
  /// Tenants that another instance has taken, while the last connections end here.
  std::map<std::uint64_t, std::unique_ptr<TenantHost>> leaving_;
  std::uint64_t last_leaving_ = 0;
  PosixFdChannelFactory channels_;
  /// What was told of stores already.
  std::set<std::string> store_warnings_;
  TokenBook tokens_;
  HandOverFigures hand_overs_;
  /// For a daemon that has none any more.
  UniqueFd admin_listener_;
  Admin admin_;
  ControlLink link_;
  std::vector<std::function<void()>> on_stopped_;
  /// Wait until every tenant that is being opened serves: its listeners count too.
  std::vector<ControlRequest> regains_;
};

}  // namespace voicectl::runtime
