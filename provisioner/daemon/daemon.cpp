// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/daemon.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl {

namespace {

/// Enough that each kind is among them, also after a plan of ten thousand steps.
constexpr std::size_t kReadTimes = kKeptJournalEntries;

api::MoveProgress move_progress(const handoff::HandOverProgress& progress) {
  api::MoveProgress out;
  out.phase = progress.phase;
  out.percent = percent_of(progress);
  out.connections = progress.connections;
  out.copied = progress.copied;
  return out;
}

}  // namespace

Result<LoadedState> load_state(Registry& registry, Epoch epoch) {
  LoadedState loaded;
  VC_TRY(loaded.snapshot, registry.load());
  loaded.snapshot.epoch = epoch;
  loaded.written = std::exchange(loaded.snapshot.written, {});
  VC_TRY(loaded.desired, registry.load_desired());
  VC_TRY(const std::vector<Revision> newest,
         registry.read_revisions(std::numeric_limits<std::int64_t>::max(), 1));
  loaded.revision = newest.empty() ? std::nullopt : std::optional(newest.front());
  VC_TRY(loaded.owners, registry.load_owners());
  VC_TRY(loaded.keys, registry.load_api_keys());
  VC_TRY(loaded.open_intents, registry.open_intents());
  VC_TRY(loaded.times, registry.read_action_times(kReadTimes));
  VC_TRY(loaded.lock_note, registry.find_note(ApplyLock::kNote));
  VC_TRY(loaded.rollout_note, registry.find_note(RolloutDriver::kNote));
  return loaded;
}

Daemon::Daemon(const DaemonSeams& seams, DaemonOptions options, LoadedState loaded)
    : seams_(seams),
      options_(std::move(options)),
      open_intents_(std::move(loaded.open_intents)),
      key_records_(std::move(loaded.keys)),
      recorded_(std::move(loaded.snapshot)),
      registry_(seams_.registry, seams_.registry_offload),
      events_(seams_.reactor, registry_, seams_.wall, seams_.log),
      forecasts_(ForecastBook::Deps{seams_.reactor, seams_.wall, registry_, seams_.edge, seams_.log,
                                    seams_.authority.limit(), seams_.load},
                 ActionTimes(loaded.times)),
      written_(seams_.files,
               seams_.wall,
               options_.paths.state + "/kept",
               std::move(loaded.written),
               [this](const std::string& path, const std::string& copy) {
                 events_.add("file.kept", "platform", dump_json({{"path", path}, {"copy", copy}}));
               }),
      hooks_(HookRunner::Deps{seams_.reactor, seams_.processes, seams_.files, seams_.scan,
                              seams_.hook_streams, events_, options_.paths.run + "/hook.json",
                              options_.own_uid}),
      files_(seams_.files,
             seams_.random,
             TenantFiles::Options{options_.paths, options_.launch.user,
                                  options_.edge.plain_http == PlainHttp::kServe, &written_}),
      bank_(seams_.listeners, seams_.files, seams_.descriptors),
      certificates_(seams_.files,
                    CertificateFolders{options_.paths.state + "/certs",
                                       edge_certificate_folder(options_.edge.folders),
                                       options_.certificate_owner}),
      programs_({seams_.files, seams_.program_offload, seams_.inspector, seams_.wall},
                options_.paths.state + "/programs",
                folder_mode()) {
  instances_ = std::make_unique<InstanceManager>(
      InstanceManager::Deps{seams_.reactor, seams_.processes, seams_.listeners, bank_,
                            seams_.channels, seams_.files, seams_.log_pipes, seams_.random,
                            seams_.keeper},
      InstanceManager::Settings{options_.launch,
                                InstancePaths{options_.paths.run, options_.paths.log},
                                recorded_.snapshot().epoch, options_.own_uid, options_.restart,
                                options_.times, [this] { return ready_patience(); }},
      callbacks());
  tenant_actions_ = std::make_unique<TenantActions>(
      TenantActions::Deps{recorded_, files_, *instances_, key_records_, seams_.wall});
  migrator_ = std::make_unique<SessionMigrator>(
      SessionMigrator::Deps{seams_.reactor, *instances_, seams_.channels});
  placement_actions_ = std::make_unique<PlacementActions>(PlacementActions::Deps{
      recorded_, files_, *instances_, bank_, seams_.wall, options_.tenant_socket_access, *migrator_,
      programs_, [this](const TenantId& tenant) { return clear_lost_socket(tenant); },
      [this](const RecordedTenant& tenant) { return tenant_actions_->ensure_config(tenant); },
      [this](const RecordedTenant& tenant, Completion<void> delivered) {
        tenant_actions_->deliver_config(tenant, std::move(delivered));
      },
      [this](const LendListener& action, const MoveOutcome& outcome) {
        tell_of_hand_over(action, outcome);
      },
      [this](const LendListener& action, const handoff::HandOverProgress& progress) {
        executor_->tell_move(action.tenant, move_progress(progress));
      }});
  edge_actions_ = std::make_unique<EdgeActions>(
      EdgeActions::Deps{recorded_, files_, seams_.edge, seams_.authority, certificates_,
                        options_.edge, seams_.files, written_});
  make_drift();
  actions_ = std::make_unique<HostActions>(*tenant_actions_, *placement_actions_, *edge_actions_,
                                           *drift_actions_, written_);
  executor_ = std::make_unique<Executor>(
      Executor::Deps{seams_.reactor, journal_, recorded_, *actions_, seams_.wall,
                     [this](const Action& action, const ActionTime& time) {
                       forecasts_.note_time(kind_of(action), time);
                     },
                     [this](RecordedChange& change) { keys_->bring_up_to_date(change); }});
  loop_ = std::make_unique<ReconcileLoop>(
      ReconcileLoop::Deps{seams_.reactor,
                          registry_,
                          recorded_,
                          *executor_,
                          *placement_actions_,
                          *edge_actions_,
                          *instances_,
                          bank_,
                          seams_.edge,
                          certificates_,
                          events_,
                          forecasts_,
                          seams_.log,
                          seams_.wall,
                          options_.edge,
                          seams_.listeners,
                          files_,
                          [this](const RecordedTenant& tenant, Completion<void> delivered) {
                            tenant_actions_->deliver_config(tenant, std::move(delivered));
                          },
                          seams_.adopt_edge,
                          [this] { return lock_ && lock_->held(); },
                          seams_.load,
                          [this](const Snapshot& seen) { return drift_->look(seen); },
                          seams_.probe,
                          hooks_,
                          options_.paths},
      std::move(loaded.desired), std::move(loaded.revision), std::move(loaded.owners),
      loaded.rollout_note);
  keys_ = std::make_unique<ApiKeys>(ApiKeys::Deps{seams_.reactor, registry_, recorded_, *loop_,
                                                  files_, *instances_, events_, seams_.random,
                                                  seams_.wall, key_records_});
  secrets_ = std::make_unique<WebhookSecretRotation>(
      WebhookSecretRotation::Deps{seams_.reactor, recorded_, *loop_, files_, events_, seams_.wall});
  upgrade_ = std::make_unique<UpgradeDriver>(UpgradeDriver::Deps{
      seams_.reactor, *loop_, recorded_, *instances_, programs_, seams_.probe, events_, seams_.wall,
      options_.paths, options_.launch.program, seams_.installed_fingerprint});
  lock_ = std::make_unique<ApplyLock>(
      ApplyLock::Deps{seams_.reactor, registry_, events_, seams_.wall, seams_.log,
                      [this] { return loop_->is_busy(); },
                      [this](const Error& why) { loop_->cut_short(why); },
                      [this](std::function<void()> task) { loop_->when_idle(std::move(task)); }},
      loaded.lock_note);
}

Daemon::~Daemon() = default;

FileMode Daemon::folder_mode() const {
  // Instances of another user must be able to pass through to what is theirs.
  return options_.launch.user ? kSharedDirectory : kPrivateDirectory;
}

InstanceCallbacks Daemon::callbacks() {
  return InstanceCallbacks{[this](const InstanceId& instance, ReadyCause cause) {
                             loop_->on_instance_ready(instance, cause);
                           },
                           [this](const InstanceId& instance, const InstanceExit& exit) {
                             loop_->on_instance_exit(instance, exit);
                           },
                           [this](const InstanceId& instance, const Error& why) {
                             loop_->on_instance_failed(instance, why);
                           },
                           [this](const InstanceId& instance, const TenantId& tenant,
                                  const RecoveredConnections& recovered) {
                             tell_of_recovery(instance, tenant, recovered);
                           },
                           [this](const InstanceId& instance, const Result<InstanceReady>& ready) {
                             tell_of_standby(instance, ready);
                           }};
}

Duration Daemon::ready_patience() const {
  const std::optional<PlatformSpec>& platform = recorded_.snapshot().platform;
  return platform ? Duration(platform->liveness.start_timeout) : options_.times.ready;
}

Status Daemon::make_folders() {
  const DaemonPaths& paths = options_.paths;
  // Instances of another user must be able to pass through to their own tenants' folders. They run
  // already, so the mode is never another one in between.
  VC_TRY(seams_.files.make_directory(paths.state, folder_mode()));
  // The latter made by us, so that whoever imports or exports as root does not make what is root's.
  VC_TRY(make_folder("state/certs", paths.state + "/certs", kPrivateDirectory));
  VC_TRY(seams_.files.make_directory(paths.transfer(), kPrivateDirectory));
  VC_TRY(make_folder("state/tenants", paths.state + "/tenants", folder_mode()));
  for (const char* const below : {"", "/tenants", "/domains", "/instances"}) {
    VC_TRY(make_folder(std::string("run") + below, paths.run + below, kSharedDirectory));
  }
  return make_folder("log", paths.log, kPrivateDirectory);
}

Status Daemon::make_folder(const std::string& name, const std::string& path, FileMode mode) {
  const auto adopted = recorded_.snapshot().adoptions.find("access/" + name);
  if (adopted != recorded_.snapshot().adoptions.end()) {
    const std::string& state = adopted->second.state;  // "0711 0:0"
    std::uint32_t bits = 0;
    const auto [end, problem] = std::from_chars(
        state.data(), state.data() + std::min(state.find(' '), state.size()), bits, 8);
    mode = problem == std::errc() ? FileMode{bits} : mode;
  }
  return seams_.files.make_directory(path, mode);
}

FileRules Daemon::file_rules() const {
  return FileRules{options_.paths,       options_.edge.folders,      options_.own_uid,
                   options_.launch.user, options_.certificate_owner, options_.tenant_socket_access,
                   folder_mode()};
}

void Daemon::make_drift() {
  drift_ = std::make_unique<DriftWatch>(
      DriftWatch::Deps{seams_.reactor, recorded_, seams_.scan, seams_.files, bank_, *instances_,
                       seams_.edge, written_, events_, seams_.wall, file_rules(), options_.own_pid,
                       [this] { return loop_->snapshot(); }, [this] { return loop_->is_busy(); }});
  drift_actions_ = std::make_unique<DriftActions>(DriftActions::Deps{
      seams_.reactor, recorded_, seams_.files, seams_.scan, seams_.processes, files_, written_,
      *edge_actions_, certificates_, key_records_,
      [this](const std::optional<TenantId>& tenant) { return drift_->expected(tenant); },
      [this](const TenantId& tenant) { keys_->publish(tenant, [](const Status&) {}); }});
}

Result<bool> Daemon::clear_lost_socket(const TenantId& tenant) {
  for (const ExpectedFile& file : drift_->expected(tenant)) {
    if (file.kind != FileKind::kSocket) {
      continue;
    }
    VC_TRY(const std::optional<FileFacts> seen, seams_.scan.look(file.path));
    if (!seen) {
      return true;
    }
    if (seen->kind != FileKind::kSocket) {
      VC_TRY(written_.set_aside(file.path));
      return true;
    }
    return file.identity && *file.identity != seen->identity;
  }
  return false;
}

void Daemon::take_first_program(std::function<void()> done) {
  const std::string current = recorded_.snapshot().programs.current;
  if (!current.empty() && programs_.find(current)) {
    done();
    return;
  }
  programs_.take_in(options_.launch.program, [this, current,
                                              done](const Result<ProgramRecord>& taken) {
    if (taken.has_error()) {
      // Instances are started with the file itself meanwhile; the next start tries again.
      seams_.log.error("program.not_taken_in", {{"error", taken.error()}});
      done();
      return;
    }
    if (!current.empty()) {
      // Its copy was lost. The one that is installed takes its place only if it is the same.
      if (taken->fingerprint != current) {
        seams_.log.error("program.lost", {{"program", current}, {"installed", taken->fingerprint}});
      }
      done();
      return;
    }
    Programs programs = recorded_.snapshot().programs;
    programs.current = taken->fingerprint;
    programs.known.insert_or_assign(taken->fingerprint, *taken);
    const Status begun = loop_->run_single(
        SetPrograms{programs, {}}, "the first program", [this, done](const Status& recorded) {
          if (recorded.has_error()) {
            seams_.log.error("program.not_recorded", {{"error", recorded.error()}});
          }
          done();
        });
    if (begun.has_error()) {
      done();
    }
  });
}

Status Daemon::start(std::function<void()> done) {
  VC_TRY(make_folders());
  VC_TRY(programs_.look());
  hooks_.end_left_over();
  take_back_listeners(
      [this, done = std::move(done)] { take_first_program([this, done] { start_loop(done); }); });
  return ok_status();
}

void Daemon::start_loop(const std::function<void()>& done) {
  loop_->start(std::move(open_intents_), [this, done] {
    keys_->publish_all();
    secrets_->finish_all();
    upgrade_->resume();
    drift_->begin();
    done();
  });
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
           places == places_of_listeners(options_.paths.tenant_socket(name), *tenant->port);
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
