// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "provisioner/instances/control_link.h"
#include "provisioner/instances/instance_manager.h"

namespace voicectl {

/// What all instances of one manager share.
struct Supervision {
  InstanceManager::Deps deps;
  InstanceManager::Settings settings;
  InstanceCallbacks callbacks;
  /// An instance that was stopped asks to be forgotten.
  std::function<void(const InstanceId&)> forget;
  std::shared_ptr<int> alive = std::make_shared<int>();
  /// Processes that wait to take another's place. A host on which many instances fall silent has
  /// too much to do already.
  int standbys = 0;

  Duration ready_patience() const {
    return settings.ready_patience ? settings.ready_patience() : settings.times.ready;
  }

  /// Runs `task` in a later turn, unless the manager is gone by then.
  void post(Reactor::Task task) const;

  /// Gives `result` to `done` in a later turn.
  template <typename T>
  void answer(Completion<T> done, Result<T> result) const {
    post([done = std::move(done), result = std::move(result)] { done(result); });
  }

  /// `done` as one that does nothing once the manager is gone.
  template <typename T>
  Completion<T> guarded(Completion<T> done) const {
    return [done = std::move(done), guard = std::weak_ptr<int>(alive)](Result<T> result) {
      if (!guard.expired()) {
        done(std::move(result));
      }
    };
  }
};

/// A running instance that was found after a restart of the daemon.
struct FoundInstance {
  ProcessIdentity process;
  /// Null for one that does not answer.
  std::unique_ptr<ControlLink> link;
  std::string version;
  std::map<TenantId, LentTenant> tenants;
  ControlSocket socket = ControlSocket::kFirst;
  /// The listener of its admin port, if it gave that.
  UniqueFd admin_listener{};
};

/// Most processes that wait at one time, of all instances of a manager.
inline constexpr int kMostStandbys = 4;

/// A process that waits beside the one of an instance to take its place. It has no tenant, and
/// nothing but its greeting was said to it.
struct Standby {
  std::uint64_t incarnation = 0;
  ControlSocket socket = ControlSocket::kFirst;
  ProcessIdentity process;
  MonoTime began{};
  std::unique_ptr<ControlLink> link{};
  /// What it answered to the greeting: there once it is ready.
  std::optional<std::string> hello{};
};

/// One instance: its state, its process, its sockets, its channel and its log.
///
/// THREADS: loop thread only.
class SupervisedInstance {
 public:
  /// OWNS nothing: `supervision` must outlive it.
  SupervisedInstance(Supervision& supervision, InstanceOptions options);
  /// Touches no process and gives no answer.
  ~SupervisedInstance();
  SupervisedInstance(const SupervisedInstance&) = delete;
  SupervisedInstance& operator=(const SupervisedInstance&) = delete;

  void start(Completion<InstanceReady> done);
  void stop(Duration grace, Completion<void> done);

  /// Supervises a process of an earlier daemon run. REQUIRES: stopped.
  /// ERRORS: kNotFound if the process is gone; nothing is supervised then.
  Status adopt(FoundInstance found);

  void ask(const ControlLink::Question& question, Completion<std::string> done);
  void give_up(const ProcessIdentity& process, const Error& why);
  void doubt(const ProcessIdentity& process, Doubt how);
  void trust(const ProcessIdentity& process);
  void lend(const LendOptions& options, Completion<void> done);
  void reclaim(const TenantId& tenant, FencingToken token, Completion<void> done);
  /// Runs `then` when it can be asked, or when it is clear that it cannot.
  void when_reachable(std::function<void()> then);
  void hand_over(const handoff::HandOverOrder& order,
                 int peer,
                 OnHandOverProgress on_progress,
                 Completion<handoff::HandOverReport> done);
  void receive(const LendOptions& options, int peer, Duration timeout, Completion<void> done);
  void reconfigure(const TenantId& tenant,
                   Generation generation,
                   const std::string& config_path,
                   Completion<void> done);

  /// Lets it park its connections, if somebody keeps them and it is ready. One that has a lane
  /// keeps that.
  void open_lane();

  const InstanceOptions& options() const { return options_; }
  InstanceState state() const { return state_; }
  InstanceView view() const;

  /// Answers everything pending with `why` and lets go of the process.
  void detach(const Error& why);

 private:
  // supervised_instance.cpp: what its state does
  Status take(InstanceEvent event);
  void begin_try();
  Result<UniqueFd> make_ground();
  Status spawn(const UniqueFd& control_listener);
  Status write_process_file(const ProcessIdentity& who, ControlSocket socket);
  /// A program in its name that listens at `control_listener`. `note` is `before_run`.
  LaunchSpec launch_spec(const UniqueFd& control_listener,
                         std::function<Status(const ProcessIdentity&)> note) const;
  Result<ProcessIdentity> run(const LaunchSpec& spec, std::uint64_t incarnation);
  void take_exit_of(std::uint64_t incarnation, const ProcessExit& exit);
  void become_ready(const std::string& hello_body);
  void abandon(InstanceEvent event, const Error& why);
  void take_exit(const ProcessExit& exit);
  void end_try(const Error& why, const std::optional<ProcessExit>& exit);
  void wait_for_next_try(const Error& why, const std::optional<ProcessExit>& exit);
  void hold_admin_port();
  Error describe_end(const ProcessExit& exit) const;
  Error with_last_lines(const Error& why);
  InstanceReady ready_answer(Duration took) const;
  std::string quoted() const;
  void answer_starters(const Result<InstanceReady>& result);

  struct Reclaim {
    TenantId tenant;
    FencingToken token;
    Completion<void> done;
    /// How often it may be asked again where the answer went with the connection.
    int tries = 0;
  };

  // supervised_instance_standby.cpp: who takes its place when it hangs
  void prepare_standby();
  Status spawn_standby();
  void connect_standby();
  void greet_standby();
  void take_standby_hello(const Result<std::string>& answer);
  void lose_standby(const Error& why);
  void drop_standby();
  void kill_standby();
  void tell_standby(const Result<InstanceReady>& ready);
  void on_standby_deadline();
  void settle_verdict();
  bool has_standby_ready() const { return standby_ && standby_->hello; }
  /// Notes that the other process takes its place. False if none can.
  bool note_next();
  void take_its_place();
  void settle_reclaims();
  /// Whoever waited for a connection goes on.
  void settle_asking();
  void end_doubt();

  // supervised_instance_stop.cpp: how it ends
  void begin_stop(Duration grace);
  void ask_to_stop(Duration grace);
  void signal(int number);
  void kill_group();
  void finish_stop();
  void answer_stoppers(const Status& result);
  void answer_reclaims(const Status& result);

  // supervised_instance_channel.cpp: how we talk
  void connect();
  void hold(std::unique_ptr<ControlLink> link);
  void say_hello();
  void take_hello(const Result<std::string>& answer);
  void lose_channel(const Error& why);
  void change_tenants(const ControlLink::Question& question,
                      Completion<void> done,
                      std::function<void(const std::string& answer)> on_success);
  void drop_link(const Error& why);
  void allow(const TenantId& tenant);
  /// It has that tenant no more.
  void forget_tenant(const TenantId& tenant);
  /// Gives it what its predecessor left open of a tenant that it is about to be lent.
  void offer_connections(const TenantId& tenant);
  /// Its connection broke, and soon there is another or it is ended.
  bool is_reconnecting() const {
    return state_ == InstanceState::kReady && !is_fenced_ && !(link_ && link_->is_open());
  }
  void tell_recovered(const TenantId& tenant, const std::string& answer);
  void take_back(Reclaim wanted);
  void ask_back(Reclaim wanted);
  void ask_again(Reclaim wanted);
  /// `wanted` taken up again.
  std::function<void()> resumed(Reclaim wanted);
  Error not_ready() const;

  enum class Timer { kReady, kReconnect, kNextTry, kTerm, kGrace, kKill, kStandby, kStandbyLink };
  void set_timer(Timer timer, Duration wait, void (SupervisedInstance::*then)());
  void cancel_timer(Timer timer);
  void cancel_timers();
  void on_ready_deadline();
  void on_next_try();
  void on_term_due();
  void on_grace_elapsed();
  void on_kill_overdue();

  /// `task` as one that does nothing once this instance is gone.
  template <typename Task>
  auto guarded(Task task) const {
    return [task = std::move(task), alive = std::weak_ptr<int>(alive_)](auto&&... arguments) {
      if (!alive.expired()) {
        task(std::forward<decltype(arguments)>(arguments)...);
      }
    };
  }

  Supervision& supervision_;
  InstanceOptions options_;
  InstanceState state_ = InstanceState::kStopped;
  MonoTime since_;

  std::optional<ProcessIdentity> process_;
  MonoTime process_began_{};
  /// Which of our processes an exit or an answer belongs to.
  std::uint64_t incarnation_ = 0;
  /// The newest of any.
  std::uint64_t incarnations_ = 0;
  /// It obeys a newer daemon.
  bool is_fenced_ = false;
  /// Its process outlived SIGKILL, and `last_error_` says so: nobody knows when that ends.
  bool is_unkillable_ = false;
  /// Where the present process listens.
  ControlSocket socket_ = ControlSocket::kFirst;
  UniqueFd admin_listener_;
  std::unique_ptr<LogPipe> log_;
  std::unique_ptr<ControlLink> link_;
  std::uint64_t link_number_ = 0;
  int reconnects_ = 0;
  std::map<Timer, TimerId> timers_;

  std::vector<Completion<InstanceReady>> starters_;
  std::vector<Completion<void>> stoppers_;
  MonoTime try_began_{};
  std::optional<MonoTime> ready_since_;
  ReadyCause next_cause_ = ReadyCause::kStarted;
  bool was_ready_ = false;
  std::string_view start_step_;
  std::optional<MonoTime> grace_ends_;

  std::string version_;
  LentTenants tenants_;
  std::vector<InstanceEnd> ends_;
  int restarts_ = 0;
  std::optional<ProcessExit> last_exit_;
  /// Why we gave up on the present process, until it is gone.
  std::optional<Error> fault_;
  std::optional<Error> last_error_;
  /// It does not answer.
  std::optional<Doubt> doubt_;
  std::optional<Standby> standby_;
  /// Why it is to be killed as soon as it is settled who takes its place.
  std::optional<Error> verdict_;
  /// Wait until it is known what becomes of it.
  std::vector<Reclaim> waiting_reclaims_;
  /// Wait for a connection.
  std::vector<std::function<void()>> waiting_to_ask_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace voicectl
