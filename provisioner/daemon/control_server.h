// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/os/asio_reactor.h"
#include "base/os/unique_fd.h"
#include "monitor/instance_monitor.h"
#include "provisioner/daemon/api_keys.h"
#include "provisioner/daemon/apply_lock.h"
#include "provisioner/daemon/document_reader.h"
#include "provisioner/daemon/drift_watch.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/daemon/reconcile_loop.h"
#include "provisioner/daemon/status_view.h"
#include "provisioner/daemon/upgrade_driver.h"
#include "provisioner/daemon/webhook_secrets.h"
#include "provisioner/plan/ownership.h"
#include "provisioner/plan/pool_moves.h"
#include "provisioner/plan/protection.h"
#include "runtime/net/http_server.h"

namespace voicectl {

/// Serves the control API (provisioner/api/control_protocol.h) on a unix socket: checks who asks,
/// finds the route, and hands the work to the modules.
///
/// THREADS: loop thread only.
class ControlServer {
 public:
  struct Deps {
    AsioReactor& reactor;
    ReconcileLoop& loop;
    RecordedState& recorded;
    RegistryQueue& registry;
    InstanceManager& instances;
    ApiKeys& keys;
    WebhookSecretRotation& secrets;
    EventLog& events;
    UpgradeDriver& upgrade;
    const InstanceMonitor& monitor;
    ApplyLock& lock;
    /// For Prometheus, as text.
    std::function<std::string()> metrics;
    DriftWatch& drift;
    const StatusView& status;
    const WallClock& wall;
    DaemonPaths paths;
    /// Of the registry.
    std::string platform_id;
    /// User that may ask, beside root.
    std::uint32_t own_uid = 0;
    /// Live sessions, as last sampled.
    std::function<LoadView()> load;
    /// Ends the daemon, after everything was stopped.
    std::function<void()> on_stopped;
  };

  explicit ControlServer(Deps deps);
  ~ControlServer();

  /// OWNS: `listener`.
  void serve(UniqueFd listener);

 private:
  struct Call {
    HttpRequest request;
    std::shared_ptr<Responder> responder;
    /// What stood for each "*" of the route.
    std::vector<std::string> captures;
  };
  /// Whether "dry_run" in a request's body means that nothing is changed.
  enum class DryRun { kNo, kYes };
  struct Route {
    std::string_view method;
    std::string_view pattern;
    void (ControlServer::*serve)(const Call&);
    /// How it stands in the audit log; empty: it changes nothing.
    std::string_view what{};
    DryRun has_dry_run = DryRun::kNo;
  };
  /// Something that is carried out under the lock.
  struct LockedRun {
    FencingToken token;
    /// Set if whoever asks had it before.
    std::optional<FencingToken> given;
  };
  static const std::vector<Route>& routes();

  void dispatch(HttpRequest request, std::shared_ptr<Responder> responder);
  void answer(const Call& call, const Json& body);
  void refuse(const Call& call, const Error& error);
  /// What an instance answered, if it can be read.
  void pass_on(const Call& call, const InstanceId& instance, const Result<std::string>& reply);
  /// Who asks and why is kept and shown again: short, and nothing that steers a terminal.
  static Status check_words(const Json& body);
  /// The body of what is asked about one finding: its "name" is there, and who asks in fit words.
  static Result<Json> about_finding(const Call& call);
  /// ERRORS: kNotFound if no tenant of that name is recorded. No name is no error.
  Status require_known(const std::string& tenant) const;

  // control_keys.cpp
  void create_key(const Call& call);
  void rotate_key(const Call& call);
  void list_keys(const Call& call);
  void revoke_key(const Call& call);
  void rotate_secret(const Call& call);
  void answer_new_key(const Call& call, const Result<NewApiKey>& made);

  // control_routes.cpp
  void show_version(const Call& call);
  void show_metrics(const Call& call);
  void show_status(const Call& call);
  void list_instances(const Call& call);
  void list_tenants(const Call& call);
  void show_tenant(const Call& call);
  void show_desired(const Call& call);
  void make_plan(const Call& call);
  void apply(const Call& call);
  struct ApplyWish;
  Result<ApplyWish> apply_wish_in(const Call& call);
  void stop(const Call& call);
  void restart_instance(const Call& call);
  void preview_restart(const Call& call);
  /// An instance that is to be replaced, and how.
  struct Replacement;
  Result<Replacement> replacement_in(const Call& call) const;
  /// How an apply is carried out that somebody listens to.
  struct Streamed {
    /// What holds although the apply was refused.
    std::string if_refused{};
    std::size_t moves_at_once = kActionsInFlight;
    /// Absent: to everything.
    std::optional<Agreement> agreement{};
  };
  void stream_apply(
      const Call& call, const LockedRun& run, OwnedState wanted, const Json& body, Streamed how);
  /// What is to be desired by the request's document and by what others have set, and whose it is.
  Result<OwnedState> wanted_state(const Json& body);
  /// The plan for `wanted`, with its forecast and whose the fields are.
  Result<std::string> planned_json(const OwnedState& wanted, const Json& body) const;
  /// How the request wants its tenants to be taken: the document's way, with what it says
  /// otherwise.
  Result<RolloutSpec> rollout_in(const Json& body, const DesiredState& desired) const;
  Result<std::string> forecast_json_of(const Plan& plan, const DesiredState& desired) const;

  // control_moves.cpp
  void move_tenant(const Call& call);
  void rebalance_pool(const Call& call);
  void migrate_sessions(const Call& call);
  /// With "dry_run" only shows what `choose` says. With "moves" does those, which were shown
  /// before.
  void show_or_run(
      const Call& call,
      const std::string& note,
      const std::function<Result<std::vector<PoolMove>>(const Snapshot&, const Json&)>& choose);

  // control_upgrade.cpp
  void show_upgrade(const Call& call);
  void begin_upgrade(const Call& call);
  void abort_upgrade(const Call& call);

  // control_promotion.cpp
  void explain_placement(const Call& call);
  // control_load.cpp
  void show_load(const Call& call);
  void show_recent_load(const Call& call);
  void show_instance_load(const Call& call);
  void show_host_load(const Call& call);
  void show_usage(const Call& call, const UsageSubject& subject);
  bool is_instance(const InstanceId& name) const;
  // control_audit.cpp
  /// Serves it once it is recorded that it was asked for.
  void serve_audited(const Route& route, Call call);
  void serve_before_audit(const Route& route, Call call, AuditRecord record);
  void close_audit(std::int64_t number, const std::string& result, const std::string& message);
  void list_audit(const Call& call);

  // control_drift.cpp
  void show_drift(const Call& call);
  void adopt_drift(const Call& call);
  void give_up_drift(const Call& call);
  void record_adoption(const Call& call, const Json& body, const RecordAdoption& action);

  // control_wait.cpp
  void wait_for_tenant(const Call& call);

  // control_lock.cpp
  void show_lock(const Call& call);
  void take_lock(const Call& call);
  void renew_lock(const Call& call);
  void release_lock(const Call& call);
  void steal_lock(const Call& call);
  /// Puts what is about to be carried out under the lock: that of the body, or one of its own.
  Result<LockedRun> begin_run(const Json& body, const std::string& purpose);
  /// It could not begin.
  void abandon(const LockedRun& run);
  /// Ends the run before `listener` is told of its end.
  ReconcileLoop::ApplyListener ending(const LockedRun& run, ReconcileLoop::ApplyListener listener);

  // control_revisions.cpp
  void list_revisions(const Call& call);
  void show_revision(const Call& call);
  void list_forecasts(const Call& call);

  // control_data.cpp
  void forget_tenant(const Call& call);

  // control_sessions.cpp
  void list_sessions(const Call& call);
  void show_session(const Call& call);
  void end_session(const Call& call);
  void ask_about_session(const Call& call, std::string_view type);

  // control_outbox.cpp
  void list_outbox(const Call& call);
  void show_outbox(const Call& call);
  void retry_outbox(const Call& call);
  void drop_outbox(const Call& call);
  void ask_about_outbox(const Call& call, std::string_view type);

  // control_streams.cpp
  void stream_events(const Call& call);
  void stream_logs(const Call& call);

  Deps deps_;
  DocumentReader documents_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace voicectl
