// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/os/descriptor_store.h"
#include "base/os/fd_channel.h"
#include "base/os/file_system.h"
#include "base/os/host_scan.h"
#include "base/os/listener_factory.h"
#include "base/os/process_spawner.h"
#include "base/os/reactor.h"
#include "base/random.h"
#include "provisioner/apply/action_journal.h"
#include "provisioner/apply/host_actions.h"
#include "provisioner/certs/certificate_store.h"
#include "provisioner/certs/certificates.h"
#include "provisioner/daemon/api_keys.h"
#include "provisioner/daemon/apply_lock.h"
#include "provisioner/daemon/drift_watch.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/daemon/forecast_book.h"
#include "provisioner/daemon/hand_over_metrics.h"
#include "provisioner/daemon/hook_runner.h"
#include "provisioner/daemon/reconcile_loop.h"
#include "provisioner/daemon/upgrade_driver.h"
#include "provisioner/daemon/webhook_secrets.h"
#include "provisioner/instances/instance_manager.h"
#include "provisioner/registry/registry.h"

namespace voicectl {

/// Everything that the daemon reaches the world through. All must outlive the Daemon.
struct DaemonSeams {
  Reactor& reactor;
  Offload& registry_offload;
  Registry& registry;
  FileSystem& files;
  HostScan& scan;
  ProcessSpawner& processes;
  ListenerFactory& listeners;
  /// Where the tenants' listeners are kept while no process of ours lives.
  DescriptorStore& descriptors;
  /// Keeps instances' connections against their death; null: nobody does.
  ConnectionKeeper* keeper;
  FdChannelFactory& channels;
  LogPipeFactory& log_pipes;
  Random& random;
  const WallClock& wall;
  const Log& log;
  CertificateSource& authority;
  EdgeProxy& edge;
  /// Takes over an edge of an earlier run.
  std::function<void(Completion<bool>)> adopt_edge;
  /// Copies programs off the loop, and runs them once.
  Offload& program_offload;
  ProgramInspector& inspector;
  HttpProbe& probe;
  HookStreamFactory& hook_streams;
  /// Of the program file that the daemon was started with, as it is now.
  std::function<std::string()> installed_fingerprint;
  /// As last sampled. May be empty: then nothing is known.
  std::function<LiveLoad()> load = {};
};

struct DaemonOptions {
  DaemonPaths paths;
  LaunchTemplate launch;
  std::uint32_t own_uid = 0;
  /// Number of our own process; 0: none is ours.
  int own_pid = 0;
  /// How tenants' socket files are made reachable for nginx.
  SocketAccess tenant_socket_access;
  /// Owner of the certificates' copies when nginx's processes are another user.
  std::optional<UserIds> certificate_owner;
  EdgeSettings edge;
  RestartPolicy restart;
  SupervisionTimes times;
};

/// What the registry held when the daemon started.
struct LoadedState {
  Snapshot snapshot;
  std::optional<DesiredState> desired;
  /// The newest one: what it asks for is desired.
  std::optional<Revision> revision;
  FieldOwners owners;
  std::vector<ApiKeyRecord> keys;
  /// What was last written into which file: path and SHA-256. The snapshot does not say it any
  /// more.
  std::map<std::string, std::string> written;
  std::vector<JournalEntry> open_intents;
  /// How long actions took, newest first.
  std::vector<TimedAction> times;
  /// Who held the lock, as ApplyLock has noted it.
  std::optional<std::string> lock_note;
  /// What a rollout has left, as RolloutDriver has noted it.
  std::optional<std::string> rollout_note{};
};

/// Reads all of it.
Result<LoadedState> load_state(Registry& registry, Epoch epoch);

/// The daemon without its sockets: all modules put together. The simulator runs this very class.
///
/// THREADS: loop thread only.
class Daemon {
 public:
  Daemon(const DaemonSeams& seams, DaemonOptions options, LoadedState loaded);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Makes the folders, takes over what runs and brings it to the desired state.
  Status start(std::function<void()> done);

  ReconcileLoop& loop() { return *loop_; }
  RecordedState& recorded() { return recorded_; }
  const WallClock& wall() const { return seams_.wall; }
  InstanceManager& instances() { return *instances_; }
  RegistryQueue& registry() { return registry_; }
  EventLog& events() { return events_; }
  ApiKeys& keys() { return *keys_; }
  WebhookSecretRotation& secrets() { return *secrets_; }
  EdgeProxy& edge() { return seams_.edge; }
  UpgradeDriver& upgrade() { return *upgrade_; }
  ApplyLock& lock() { return *lock_; }
  DriftWatch& drift() { return *drift_; }
  HookRunner& hooks() { return hooks_; }
  const Log& log() const { return seams_.log; }
  /// For Prometheus.
  std::string metrics() const {
    return hand_overs_.render(recorded_.snapshot()) + forecasts_.render_metrics();
  }

 private:
  InstanceCallbacks callbacks();
  FileMode folder_mode() const;
  /// Instances run copies of the program that the daemon was started with, from the first start on.
  void take_first_program(std::function<void()> done);
  void tell_of_recovery(const InstanceId& instance,
                        const TenantId& tenant,
                        const RecoveredConnections& recovered);
  void tell_of_standby(const InstanceId& instance, const Result<InstanceReady>& ready);
  /// From its start until an instance must be ready.
  Duration ready_patience() const;
  void tell_of_hand_over(const LendListener& action, const MoveOutcome& outcome);
  void tell_of_no_hand_over(const LendListener& action, const MoveOutcome& outcome);
  FileRules file_rules() const;
  Status make_folders();
  /// One of ours, with the mode that it was adopted with, if it was.
  Status make_folder(const std::string& name, const std::string& path, FileMode mode);
  Result<bool> clear_lost_socket(const TenantId& tenant);
  void make_drift();
  /// Takes back the listeners that an earlier run kept; then `done`.
  void take_back_listeners(std::function<void()> done);
  void start_loop(const std::function<void()>& done);

  DaemonSeams seams_;
  DaemonOptions options_;
  std::vector<JournalEntry> open_intents_;
  std::vector<ApiKeyRecord> key_records_;
  RecordedState recorded_;
  RegistryQueue registry_;
  EventLog events_;
  ForecastBook forecasts_;
  WrittenFiles written_;
  HookRunner hooks_;
  TenantFiles files_;
  ListenerBank bank_;
  CertificateStore certificates_;
  ProgramStore programs_;
  std::unique_ptr<InstanceManager> instances_;
  std::unique_ptr<TenantActions> tenant_actions_;
  std::unique_ptr<SessionMigrator> migrator_;
  std::unique_ptr<PlacementActions> placement_actions_;
  std::unique_ptr<EdgeActions> edge_actions_;
  std::unique_ptr<DriftWatch> drift_;
  std::unique_ptr<DriftActions> drift_actions_;
  std::unique_ptr<HostActions> actions_;
  RegistryJournal journal_{registry_};
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<ReconcileLoop> loop_;
  std::unique_ptr<ApiKeys> keys_;
  std::unique_ptr<WebhookSecretRotation> secrets_;
  std::unique_ptr<UpgradeDriver> upgrade_;
  std::unique_ptr<ApplyLock> lock_;
  HandOverMetrics hand_overs_;
};

}  // namespace voicectl
