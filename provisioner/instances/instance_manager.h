// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/os/fd_channel.h"
#include "base/os/file_system.h"
#include "base/os/listener_factory.h"
#include "base/os/process_spawner.h"
#include "base/os/reactor.h"
#include "base/random.h"
#include "base/result.h"
#include "provisioner/instances/connection_keeper.h"
#include "provisioner/instances/instance_types.h"
#include "provisioner/instances/launch_template.h"
#include "provisioner/instances/listeners.h"
#include "provisioner/instances/log_pipe.h"
#include "provisioner/instances/restart_policy.h"
#include "runtime/handoff/protocol.h"

namespace voicectl {

class Adoption;
class SupervisedInstance;
struct Supervision;

/// How patient supervision is.
struct SupervisionTimes {
  /// From spawn to ready.
  Duration ready = std::chrono::seconds(15);
  /// For a running instance to answer a daemon that came back.
  Duration adopt = std::chrono::seconds(5);
  /// For the answer to a request that opens, moves or closes sockets.
  Duration request = std::chrono::seconds(10);
  /// Between tries to connect again after a broken channel.
  Duration reconnect_wait = std::chrono::milliseconds(200);
  /// Tries before the instance counts as hung.
  int reconnect_tries = 5;
  /// Between SIGTERM and SIGKILL for an instance without a record.
  Duration orphan_grace = std::chrono::seconds(10);
  /// For a killed process to be gone; then who waits is told, and the wait goes on.
  Duration kill = std::chrono::seconds(10);
};

/// Starts, watches, restarts, stops and adopts the native processes that serve tenants, and speaks
/// with them.
///
/// Everything is idempotent: asking for what is there already is success. Results and callbacks
/// come in a later turn of the loop, never within the call. Once an instance was ready (or was
/// adopted), the manager keeps it up by itself until `stop`.
/// THREADS: loop thread only.
class InstanceManager {
 public:
  /// Collaborators; all must outlive the manager.
  struct Deps {
    Reactor& reactor;
    ProcessSpawner& processes;
    ListenerFactory& listeners;
    /// Gets the tenants' listeners that `adopt` regains.
    ListenerBank& bank;
    FdChannelFactory& channels;
    FileSystem& files;
    LogPipeFactory& log_pipes;
    Random& random;
    /// Keeps instances' connections against their death; null: nobody does.
    ConnectionKeeper* keeper = nullptr;
  };

  struct Settings {
    LaunchTemplate launch;
    InstancePaths paths;
    /// This run of the daemon; instances refuse an older one.
    Epoch epoch;
    /// Our own user id: who must be at the other end of a control socket.
    std::uint32_t own_uid = 0;
    RestartPolicy restart;
    SupervisionTimes times;
    /// From spawn to ready, where it is not `times.ready`. May be empty.
    std::function<Duration()> ready_patience = {};
  };

  InstanceManager(const Deps& deps, Settings settings, InstanceCallbacks callbacks);
  /// As `detach`, but drops what is pending without an answer.
  ~InstanceManager();
  InstanceManager(const InstanceManager&) = delete;
  InstanceManager& operator=(const InstanceManager&) = delete;

  /// Makes the folder and sockets, spawns the program, and answers when it has said that it is
  /// ready. Calling it for one that waits or has failed starts it now; for one that is ready it
  /// answers at once.
  /// ERRORS: kTimeout if it does not get ready; kUnavailable if it ends while starting (both name
  /// the step and its last log lines); kAlreadyExists if the admin port is taken; kConflict while
  /// it is stopping.
  void start(const InstanceOptions& options, Completion<InstanceReady> done);

  /// Asks it to end (kStop, then SIGTERM), kills its group after `grace`, removes its folder and
  /// forgets it. One that is not known is success.
  void stop(const InstanceId& instance, Duration grace, Completion<void> done);

  /// Gives it a tenant with its listeners.
  /// ERRORS: kUnavailable if it is not ready (lend again when told on_ready); kFenced if it has
  /// the tenant with a newer token; kTimeout; what the instance answers.
  void lend(const LendOptions& options, Completion<void> done);

  /// Runs `then` at once, or, if its connection has just broken, when there is another or it is
  /// clear that there will be none: a question would be answered with a guess till then.
  void when_reachable(const InstanceId& instance, std::function<void()> then);

  /// Takes a tenant from it: it finishes requests, closes its sockets and lets go. An instance
  /// that has no process has nothing to let go of: success.
  /// ERRORS: kFenced if it has the tenant with a newer token; kUnavailable; kTimeout.
  void reclaim(const InstanceId& instance,
               const TenantId& tenant,
               FencingToken token,
               Completion<void> done);

  /// Makes it give a tenant to whoever has the other end of `peer`, connections included. What the
  /// order asks to be told meanwhile goes to `on_progress`, which may be empty.
  /// ERRORS: kNotFound, kUnavailable, kFenced, kTimeout; those mean that nobody knows what came of
  /// it.
  void hand_over(const InstanceId& instance,
                 const handoff::HandOverOrder& order,
                 int peer,
                 OnHandOverProgress on_progress,
                 Completion<handoff::HandOverReport> done);

  /// As `lend`, but it gets the tenant from whoever has the other end of `peer`. Done when it
  /// serves the tenant. ERRORS: why it does not.
  void receive(const LendOptions& options, int peer, Duration timeout, Completion<void> done);

  /// Makes it read a tenant's configuration file again.
  void reconfigure(const InstanceId& instance,
                   const TenantId& tenant,
                   Generation generation,
                   const std::string& config_path,
                   Completion<void> done);

  /// Any other question of runtime/control/protocol.h: `body` is a JSON object, the answer is the
  /// body of its `ok`.
  /// ERRORS: kNotFound for an unknown instance; kUnavailable if it is not ready or goes away;
  /// kTimeout; what the instance answers.
  void request(const InstanceId& instance,
               std::string_view type,
               std::string body,
               Duration timeout,
               Completion<std::string> done);

  /// It does not answer: from now on its tenants are not waited for (`reclaim` is answered when it
  /// is known what becomes of it), and unless it is only to be told, a process is started beside
  /// it. That has greeted us when it is ready and has no tenant; it takes the place of `process` as
  /// soon as that has ended, if it is ready by then. Nothing is killed. Does nothing if `process`
  /// is not the one that runs, or it is known already.
  void doubt(const InstanceId& instance, const ProcessIdentity& process, Doubt how);
  /// It answers again: what was started beside it is ended.
  void trust(const InstanceId& instance, const ProcessIdentity& process);

  /// Kills a ready instance that is of no more use, for that reason; whoever waits to take its
  /// place does, else it is started again as after any end that nobody asked for. While somebody is
  /// being started for that, it is killed when he is ready or has failed, unless it is trusted
  /// before. Does nothing if `process` is not the one that runs.
  void give_up(const InstanceId& instance, const ProcessIdentity& process, const Error& why);

  /// After a restart of the daemon: takes over what runs, ends what nobody recorded, regains the
  /// tenants' listeners into the bank, cleans up what is gone. Once, before anything else.
  void adopt(std::vector<AdoptRecord> records, Completion<AdoptReport> done);

  /// The admin port that the last process of that name was given, as its file says; nullopt if
  /// there is none that can be read.
  std::optional<Port> noted_port(const InstanceId& instance) const;

  /// All instances known, in order of their names.
  std::vector<InstanceView> observe() const;

  /// Forgets everything and touches no process: the daemon ends, instances go on. What is pending
  /// is answered with kCancelled.
  void detach();

 private:
  friend class Adoption;

  SupervisedInstance* find(const InstanceId& instance);
  SupervisedInstance& find_or_make(const InstanceOptions& options);
  void forget(const InstanceId& instance);
  void open_lanes();

  std::unique_ptr<Supervision> supervision_;
  std::map<InstanceId, std::unique_ptr<SupervisedInstance>> instances_;
  std::unique_ptr<Adoption> adoption_;
};

}  // namespace voicectl
