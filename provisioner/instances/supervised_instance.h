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
  void lend(const LendOptions& options, Completion<void> done);
  void reclaim(const TenantId& tenant, FencingToken token, Completion<void> done);
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
  Status write_process_file(const ProcessIdentity& who);
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

  // supervised_instance_stop.cpp: how it ends
  void begin_stop(Duration grace);
  void ask_to_stop(Duration grace);
  void signal(int number);
  void kill_group();
  void finish_stop();
  void answer_stoppers(const Status& result);

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
  void tell_recovered(const TenantId& tenant, const std::string& answer);
  Error not_ready() const;

  enum class Timer { kReady, kReconnect, kNextTry, kTerm, kGrace, kKill };
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
  std::map<TenantId, LentTenant> tenants_;
  std::vector<InstanceEnd> ends_;
  int restarts_ = 0;
  std::optional<ProcessExit> last_exit_;
  /// Why we gave up on the present process, until it is gone.
  std::optional<Error> fault_;
  std::optional<Error> last_error_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace voicectl
