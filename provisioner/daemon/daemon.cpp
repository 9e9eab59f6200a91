// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/daemon.h"

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl {

Result<LoadedState> load_state(Registry& registry, Epoch epoch) {
  LoadedState loaded;
  VC_TRY(loaded.snapshot, registry.load());
  loaded.snapshot.epoch = epoch;
  VC_TRY(loaded.desired, registry.load_desired());
  VC_TRY(loaded.keys, registry.load_api_keys());
  VC_TRY(loaded.open_intents, registry.open_intents());
  return loaded;
}

Daemon::Daemon(const DaemonSeams& seams, DaemonOptions options, LoadedState loaded)
    : seams_(seams),
      options_(std::move(options)),
      open_intents_(std::move(loaded.open_intents)),
      key_records_(std::move(loaded.keys)),
      recorded_(std::move(loaded.snapshot)),
      registry_(seams_.registry, seams_.registry_offload),
      events_(registry_, seams_.wall, seams_.log),
      files_(seams_.files,
             seams_.random,
             TenantFiles::Options{options_.paths, options_.launch.user,
                                  options_.edge.plain_http == PlainHttp::kServe}),
      bank_(seams_.listeners, seams_.files, seams_.descriptors),
      certificates_(seams_.files,
                    CertificateFolders{options_.paths.state + "/certs",
                                       edge_certificate_folder(options_.edge.folders),
                                       options_.certificate_owner}) {
  instances_ = std::make_unique<InstanceManager>(
      InstanceManager::Deps{seams_.reactor, seams_.processes, seams_.listeners, bank_,
                            seams_.channels, seams_.files, seams_.log_pipes, seams_.random},
      InstanceManager::Settings{
          options_.launch, InstancePaths{options_.paths.run, options_.paths.log},
          recorded_.snapshot().epoch, options_.own_uid, options_.restart, options_.times},
      callbacks());
  tenant_actions_ = std::make_unique<TenantActions>(
      TenantActions::Deps{recorded_, files_, *instances_, key_records_, seams_.wall});
  migrator_ = std::make_unique<SessionMigrator>(
      SessionMigrator::Deps{seams_.reactor, *instances_, seams_.channels});
  placement_actions_ = std::make_unique<PlacementActions>(PlacementActions::Deps{
      recorded_, files_, *instances_, bank_, seams_.wall, options_.tenant_socket_access, *migrator_,
      [this](const RecordedTenant& tenant) { return tenant_actions_->ensure_config(tenant); },
      [this](const RecordedTenant& tenant, Completion<void> delivered) {
        tenant_actions_->deliver_config(tenant, std::move(delivered));
      },
      [this](const LendListener& action, const MoveOutcome& outcome) {
        tell_of_hand_over(action, outcome);
      }});
  edge_actions_ = std::make_unique<EdgeActions>(EdgeActions::Deps{
      recorded_, files_, seams_.edge, seams_.authority, certificates_, options_.edge});
  actions_ = std::make_unique<HostActions>(*tenant_actions_, *placement_actions_, *edge_actions_);
  executor_ = std::make_unique<Executor>(
      Executor::Deps{seams_.reactor, registry_, recorded_, *actions_, seams_.wall});
  loop_ = std::make_unique<ReconcileLoop>(
      ReconcileLoop::Deps{seams_.reactor, registry_, recorded_, *executor_, *placement_actions_,
                          *edge_actions_, *instances_, bank_, seams_.edge, certificates_, events_,
                          seams_.log, seams_.wall, options_.edge, seams_.listeners, files_,
                          [this](const RecordedTenant& tenant, Completion<void> delivered) {
                            tenant_actions_->deliver_config(tenant, std::move(delivered));
                          },
                          seams_.instance_fingerprint, seams_.adopt_edge},
      std::move(loaded.desired));
  keys_ = std::make_unique<ApiKeys>(ApiKeys::Deps{seams_.reactor, registry_, recorded_, *loop_,
                                                  files_, *instances_, events_, seams_.random,
                                                  seams_.wall, key_records_});
}

Daemon::~Daemon() = default;

InstanceCallbacks Daemon::callbacks() {
  return InstanceCallbacks{[this](const InstanceId& instance, ReadyCause cause) {
                             loop_->on_instance_ready(instance, cause);
                           },
                           [this](const InstanceId& instance, const InstanceExit& exit) {
                             loop_->on_instance_exit(instance, exit);
                           },
                           [this](const InstanceId& instance, const Error& why) {
                             loop_->on_instance_failed(instance, why);
                           }};
}

void Daemon::tell_of_hand_over(const LendListener& action, const MoveOutcome& outcome) {
  const handoff::HandOverReport& report = outcome.report;
  Json detail = {
      {"from", action.from->str()}, {"to", action.instance.str()}, {"tries", outcome.tries}};
  if (outcome.verdict == Verdict::kMoved) {
    detail.update({{"connections", report.connections},
                   {"websockets", report.websockets},
                   {"dropped", report.dropped},
                   {"copied", report.copied},
                   {"told_late", report.told_late},
                   {"pause_us", report.pause.count()},
                   {"wait_us", report.wait.count()},
                   {"took_us", report.took.count()}});
    events_.add("tenant.handed_over", "tenant/" + action.tenant.str(), dump_json(detail));
    return;
  }
  detail["error"] = outcome.why.text();
  detail["refused"] = report.refused;
  detail["instead"] = outcome.remedy == Remedy::kLend ? "lent, WebSockets come again" : "it stays";
  events_.add("tenant.not_handed_over", "tenant/" + action.tenant.str(), dump_json(detail));
}

Status Daemon::make_folders() {
  const DaemonPaths& paths = options_.paths;
  // Instances of another user must be able to pass through to their own tenants' folders. They run
  // already, so the mode is never another one in between.
  const bool is_shared = options_.launch.user.has_value();
  VC_TRY(
      seams_.files.make_directory(paths.state, is_shared ? kSharedDirectory : kPrivateDirectory));
  // The latter made by us, so that whoever imports or exports as root does not make what is root's.
  for (const std::string& folder : {paths.state + "/certs", paths.transfer()}) {
    VC_TRY(seams_.files.make_directory(folder, kPrivateDirectory));
  }
  VC_TRY(seams_.files.make_directory(paths.state + "/tenants",
                                     is_shared ? kSharedDirectory : kPrivateDirectory));
  for (const std::string& folder :
       {paths.run, paths.run + "/tenants", paths.run + "/domains", paths.run + "/instances"}) {
    VC_TRY(seams_.files.make_directory(folder, kSharedDirectory));
  }
  return seams_.files.make_directory(paths.log, kPrivateDirectory);
}

Status Daemon::start(std::function<void()> done) {
  VC_TRY(make_folders());
  take_back_listeners([this, done = std::move(done)] {
    loop_->start(std::move(open_intents_), [this, done] {
      keys_->publish_all();
      done();
    });
  });
  return ok_status();
}

void Daemon::take_back_listeners(std::function<void()> done) {
  DescriptorStore::Handlers handlers;
  handlers.on_empty = [this] { bank_.keep_all(); };
  handlers.on_error = [this](const Error& error) {
    seams_.log.warn("listeners.not_kept", {{"error", error}});
  };
  // What was bound and never recorded is bound anew, by a step that knows of it.
  const auto is_recorded = [this](const TenantId& name, const ListenerPlaces& places) {
    const RecordedTenant* const tenant = recorded_.find_tenant(name);
    return tenant != nullptr && tenant->has_listener && tenant->port &&
           places.tcp_listener == "127.0.0.1:" + tenant->port->str() &&
           places.unix_listener == "unix:" + options_.paths.tenant_socket(name);
  };
  seams_.descriptors.open(std::move(handlers), [this, is_recorded, done = std::move(done)](
                                                   std::vector<KeptDescriptors> kept) {
    if (const std::size_t taken = bank_.take_back(std::move(kept), is_recorded); taken > 0) {
      seams_.log.info("listeners.taken_back", {{"tenants", taken}});
    }
    done();
  });
}

}  // namespace voicectl
