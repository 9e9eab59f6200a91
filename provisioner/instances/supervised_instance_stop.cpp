// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <csignal>
#include <utility>

#include "provisioner/instances/supervised_instance.h"

namespace voicectl {

void SupervisedInstance::stop(Duration grace, Completion<void> done) {
  const InstanceState before = state_;
  stoppers_.push_back(std::move(done));
  (void)take(InstanceEvent::kStopAsked);  // legal in every state
  end_doubt();
  drop_standby();
  answer_starters(
      Error(ErrorCode::kCancelled, fmt::format("cannot start {}: it was told to stop", quoted())));
  if (state_ == InstanceState::kStopped) {
    return finish_stop();
  }
  if (state_ == InstanceState::kStopping) {
    if (before != InstanceState::kStopping) {
      cancel_timers();
      grace_ends_.reset();
    }
    begin_stop(grace);
  }
}

void SupervisedInstance::begin_stop(Duration grace) {
  const MonoTime ends = supervision_.deps.reactor.now() + grace;
  const bool is_first = !grace_ends_;
  if (!is_first && *grace_ends_ <= ends) {
    return;  // the earlier stop is the stricter one
  }
  grace_ends_ = ends;
  set_timer(Timer::kGrace, grace, &SupervisedInstance::on_grace_elapsed);
  if (!is_first) {
    return;
  }
  // One that took the request but does not come to an end is asked once more, as any process is.
  set_timer(Timer::kTerm, grace / 2, &SupervisedInstance::on_term_due);
  ask_to_stop(grace);
}

void SupervisedInstance::ask_to_stop(Duration grace) {
  if (!link_ || !ready_since_) {
    return signal(SIGTERM);
  }
  const ControlLink::Question question{.type = std::string(control::request::kStop),
                                       .timeout = grace};
  link_->ask(question, guarded([this, mine = incarnation_](const Result<std::string>& answer) {
               if (answer.has_error() && mine == incarnation_) {
                 signal(SIGTERM);
               }
             }));
}

void SupervisedInstance::on_term_due() {
  signal(SIGTERM);
}

void SupervisedInstance::on_grace_elapsed() {
  if (take(InstanceEvent::kGraceElapsed).has_error()) {
    return;
  }
  cancel_timers();
  kill_group();
}

void SupervisedInstance::signal(int number) {
  if (process_) {
    // An error here is a process that stays: the grace, then the wait after the kill tell of it.
    (void)supervision_.deps.processes.signal_group(*process_, number);
  }
}

void SupervisedInstance::kill_group() {
  set_timer(Timer::kKill, supervision_.settings.times.kill, &SupervisedInstance::on_kill_overdue);
  signal(SIGKILL);
}

void SupervisedInstance::on_kill_overdue() {
  const Error why(ErrorCode::kTimeout,
                  fmt::format("cannot end {}: process {} is still there {} after SIGKILL; look at "
                              "its state in /proc",
                              quoted(), process_ ? process_->pid : 0,
                              format_duration(supervision_.settings.times.kill)));
  last_error_ = why;
  is_unkillable_ = true;
  answer_starters(why);
  answer_stoppers(why);
  answer_reclaims(why);  // it may have what it was to let go of
  // The signal may not have got there; to one that waits for a disk it comes twice.
  kill_group();
}

void SupervisedInstance::answer_reclaims(const Status& result) {
  for (Reclaim& waiting : std::exchange(waiting_reclaims_, {})) {
    supervision_.answer<void>(std::move(waiting.done), result);
  }
  settle_asking();
}

void SupervisedInstance::finish_stop() {
  cancel_timers();
  grace_ends_.reset();
  ready_since_.reset();
  tenants_.clear();
  drop_link(Error(ErrorCode::kUnavailable, fmt::format("cannot ask {}: it stopped", quoted())));
  log_.reset();
  supervision_.deps.listeners.close(std::move(admin_listener_));
  Status removed =
      supervision_.deps.files.remove(supervision_.settings.paths.folder(options_.instance));
  if (removed.has_error()) {
    removed = removed.error().with_context("stopping " + quoted());
  }
  answer_stoppers(removed);
  settle_reclaims();
  supervision_.forget(options_.instance);
}

void SupervisedInstance::answer_stoppers(const Status& result) {
  for (Completion<void>& done : std::exchange(stoppers_, {})) {
    supervision_.answer<void>(std::move(done), result);
  }
}

void SupervisedInstance::detach(const Error& why) {
  incarnation_ = ++incarnations_;
  cancel_timers();
  answer_starters(why);
  answer_stoppers(why);
  answer_reclaims(why);
  kill_standby();
  drop_link(why);
}

}  // namespace voicectl
