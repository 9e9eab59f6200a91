// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/supervised_instance.h"

#include <fmt/core.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "provisioner/instances/process_file.h"

namespace voicectl {

void Supervision::post(Reactor::Task task) const {
  deps.reactor.post([task = std::move(task), guard = std::weak_ptr<int>(alive)] {
    if (!guard.expired()) {
      task();
    }
  });
}

SupervisedInstance::SupervisedInstance(Supervision& supervision, InstanceOptions options)
    : supervision_(supervision),
      options_(std::move(options)),
      since_(supervision.deps.reactor.now()) {}

SupervisedInstance::~SupervisedInstance() {
  cancel_timers();
}

void SupervisedInstance::start(Completion<InstanceReady> done) {
  const InstanceState before = state_;
  if (take(InstanceEvent::kStartAsked).has_error()) {
    const std::string text = fmt::format("cannot start {}: it is {}", quoted(), name_of(before));
    return supervision_.answer<InstanceReady>(std::move(done), Error(ErrorCode::kConflict, text));
  }
  if (state_ == InstanceState::kReady) {
    return supervision_.answer<InstanceReady>(std::move(done), ready_answer(Duration::zero()));
  }
  starters_.push_back(std::move(done));
  if (before != InstanceState::kStarting && before != InstanceState::kHung) {
    next_cause_ = ReadyCause::kStarted;
    begin_try();
  }
}

Status SupervisedInstance::adopt(FoundInstance found) {
  incarnation_ = ++incarnations_;
  VC_TRY(supervision_.deps.processes.adopt(
      found.process,
      guarded([this, mine = incarnation_](const ProcessExit& exit) { take_exit_of(mine, exit); })));
  VC_TRY(take(InstanceEvent::kAdopted));
  socket_ = found.socket;
  admin_listener_ = std::move(found.admin_listener);
  process_ = found.process;
  process_began_ =
      supervision_.deps.reactor.now() - supervision_.deps.processes.age_of(found.process);
  was_ready_ = true;
  ready_since_ = supervision_.deps.reactor.now();
  version_ = std::move(found.version);
  tenants_ = std::move(found.tenants);
  const InstancePaths& paths = supervision_.settings.paths;
  Result<std::unique_ptr<LogPipe>> log = supervision_.deps.log_pipes.open(
      paths.log_fifo(options_.instance), paths.log_file(options_.instance));
  if (log.has_error()) {
    last_error_ = log.error();  // it serves all the same; its lines wait in the FIFO
  } else {
    log_ = std::move(*log);
  }
  // Somebody may have taken it away, or written another.
  if (const Status written = write_process_file(found.process, socket_); written.has_error()) {
    last_error_ = written.error();
  }
  if (found.link) {
    hold(std::move(found.link));
    open_lane();
  }
  return ok_status();
}

Status SupervisedInstance::take(InstanceEvent event) {
  VC_TRY(const InstanceState next, step(state_, event));
  if (next != state_) {
    state_ = next;
    since_ = supervision_.deps.reactor.now();
  }
  return ok_status();
}

void SupervisedInstance::begin_try() {
  cancel_timers();
  incarnation_ = ++incarnations_;
  socket_ = ControlSocket::kFirst;
  fault_.reset();
  reconnects_ = 0;
  is_fenced_ = false;
  try_began_ = supervision_.deps.reactor.now();
  const Result<UniqueFd> control_listener = make_ground();
  const Status spawned =
      control_listener.has_error() ? Status(control_listener.error()) : spawn(*control_listener);
  if (spawned.has_error()) {
    (void)take(InstanceEvent::kSpawnFailed);  // legal: we are starting
    return end_try(
        spawned.error().with_context(fmt::format("starting {} ({})", quoted(), start_step_)),
        std::nullopt);
  }
  process_began_ = try_began_;
  (void)take(InstanceEvent::kSpawned);  // legal: we are starting
  set_timer(Timer::kReady, supervision_.ready_patience(), &SupervisedInstance::on_ready_deadline);
  connect();
}

Result<UniqueFd> SupervisedInstance::make_ground() {
  const InstanceManager::Deps& deps = supervision_.deps;
  const InstancePaths& paths = supervision_.settings.paths;
  start_step_ = "making its folder";
  VC_TRY(deps.files.make_directory(paths.folder(options_.instance), kPrivateDirectory));
  if (!log_) {
    start_step_ = "opening its log";
    VC_TRY(deps.files.make_directory(paths.log_folder(), kPrivateDirectory));
    VC_TRY(log_, deps.log_pipes.open(paths.log_fifo(options_.instance),
                                     paths.log_file(options_.instance)));
  }
  if (!admin_listener_.is_open()) {
    start_step_ = "binding its admin port";
    VC_TRY(admin_listener_, deps.listeners.bind_tcp(options_.admin_port));
  }
  start_step_ = "binding its control socket";
  return deps.listeners.bind_unix_packets(paths.control_socket(options_.instance, socket_),
                                          SocketAccess{});
}

Status SupervisedInstance::spawn(const UniqueFd& control_listener) {
  start_step_ = "spawning its program";
  const auto note = [this](const ProcessIdentity& who) -> Status {
    const std::string_view step = std::exchange(start_step_, "recording its process");
    VC_TRY(write_process_file(who, socket_));
    start_step_ = step;
    return ok_status();
  };
  VC_TRY(process_, run(launch_spec(control_listener, note), incarnation_));
  return ok_status();
}

LaunchSpec SupervisedInstance::launch_spec(
    const UniqueFd& control_listener, std::function<Status(const ProcessIdentity&)> note) const {
  const InstanceDescriptors descriptors{control_listener.get(), admin_listener_.get(),
                                        log_->descriptor()};
  LaunchTemplate launch = supervision_.settings.launch;
  if (!options_.program.empty()) {
    launch.program = options_.program;
  }
  LaunchSpec spec = make_launch_spec(launch, options_.instance, options_.kind, descriptors);
  spec.before_run = std::move(note);
  return spec;
}

Result<ProcessIdentity> SupervisedInstance::run(const LaunchSpec& spec, std::uint64_t incarnation) {
  return supervision_.deps.processes.spawn(
      spec,
      guarded([this, incarnation](const ProcessExit& exit) { take_exit_of(incarnation, exit); }));
}

void SupervisedInstance::take_exit_of(std::uint64_t incarnation, const ProcessExit& exit) {
  if (incarnation == incarnation_) {
    take_exit(exit);
  } else if (standby_ && standby_->incarnation == incarnation) {
    lose_standby(
        Error(ErrorCode::kUnavailable,
              fmt::format("cannot start a second process for {}: it {}", quoted(), exit.str())));
  }
}

Status SupervisedInstance::write_process_file(const ProcessIdentity& who, ControlSocket socket) {
  return voicectl::write_process_file(supervision_.deps.files,
                                      supervision_.settings.paths.process_file(options_.instance),
                                      ProcessFile{options_.admin_port, who, socket});
}

void SupervisedInstance::become_ready(const std::string& hello_body) {
  const bool is_new = state_ == InstanceState::kStarting;
  if (take(InstanceEvent::kToldReady).has_error()) {
    return;  // told to stop meanwhile
  }
  reconnects_ = 0;
  const Result<Json> body = parse_json(hello_body);
  version_ = body.has_error() ? "" : string_or(*body, "version", "");
  open_lane();
  if (!is_new) {
    settle_reclaims();
    return;
  }
  cancel_timer(Timer::kReady);
  ready_since_ = supervision_.deps.reactor.now();
  was_ready_ = true;
  last_error_.reset();
  answer_starters(ready_answer(*ready_since_ - try_began_));
  if (supervision_.callbacks.on_ready) {
    supervision_.post([callback = supervision_.callbacks.on_ready, id = options_.instance,
                       cause = next_cause_] { callback(id, cause); });
  }
}

void SupervisedInstance::abandon(InstanceEvent event, const Error& why) {
  if (take(event).has_error()) {
    return;
  }
  fault_ = why;
  last_error_ = why;
  if (!has_standby_ready()) {
    drop_standby();
  }
  cancel_timers();
  drop_link(why);
  kill_group();
}

void SupervisedInstance::take_exit(const ProcessExit& exit) {
  const Error why = fault_.value_or(describe_end(exit));
  process_.reset();
  is_unkillable_ = false;
  last_exit_ = exit;
  end_doubt();
  cancel_timers();
  drop_link(Error(ErrorCode::kUnavailable, fmt::format("cannot ask {}: it ended", quoted())));
  if (take(InstanceEvent::kExited).has_error()) {
    return;
  }
  if (state_ == InstanceState::kStopped) {
    return finish_stop();
  }
  end_try(why, exit);
}

void SupervisedInstance::end_try(const Error& why, const std::optional<ProcessExit>& exit) {
  const Error whole = with_last_lines(why);
  last_error_ = whole;
  tenants_.clear();
  answer_starters(whole);
  if (!was_ready_ && options_.first_failure == FirstFailure::kForget) {
    (void)take(InstanceEvent::kGaveUp);     // legal: we are in backoff
    (void)take(InstanceEvent::kStopAsked);  // legal: we have failed
    return finish_stop();
  }
  hold_admin_port();
  const MonoTime now = supervision_.deps.reactor.now();
  ends_.push_back(InstanceEnd{now, ready_since_ ? now - *ready_since_ : Duration::zero()});
  ends_ = without_forgotten(supervision_.settings.restart, std::move(ends_));
  ready_since_.reset();
  wait_for_next_try(why, exit);
}

void SupervisedInstance::wait_for_next_try(const Error& why,
                                           const std::optional<ProcessExit>& exit) {
  RestartDecision decision =
      decide_restart(supervision_.settings.restart, ends_, supervision_.deps.random);
  const bool is_followed = decision.verdict == RestartDecision::Verdict::kWait && note_next();
  if (is_followed) {
    decision.wait = Duration::zero();
  } else {
    drop_standby();
    set_timer(Timer::kNextTry, decision.wait, &SupervisedInstance::on_next_try);
  }
  const InstanceCallbacks& callbacks = supervision_.callbacks;
  if (callbacks.on_exit) {
    supervision_.post(
        [callback = callbacks.on_exit, id = options_.instance,
         told = InstanceExit{exit, why, decision.wait, decision.attempt}] { callback(id, told); });
  }
  if (is_followed) {
    take_its_place();
  }
  settle_reclaims();
  if (decision.verdict == RestartDecision::Verdict::kWait) {
    return;
  }
  (void)take(InstanceEvent::kGaveUp);  // legal: we are in backoff
  if (callbacks.on_failed) {
    supervision_.post(
        [callback = callbacks.on_failed, id = options_.instance, why] { callback(id, why); });
  }
}

void SupervisedInstance::on_next_try() {
  if (take(InstanceEvent::kBackoffElapsed).has_error()) {
    return;
  }
  ++restarts_;
  next_cause_ = was_ready_ ? ReadyCause::kRestarted : ReadyCause::kStarted;
  begin_try();
}

void SupervisedInstance::on_ready_deadline() {
  abandon(InstanceEvent::kReadyTimeout,
          Error(ErrorCode::kTimeout,
                fmt::format("cannot start {}: it is not ready after {} ({})", quoted(),
                            format_duration(supervision_.ready_patience()), start_step_)));
}

void SupervisedInstance::hold_admin_port() {
  if (admin_listener_.is_open()) {
    return;
  }
  // An adopted process took the only copy with it. Held from now on, so that who asks for its
  // health waits for the next process instead of being refused.
  Result<UniqueFd> listener = supervision_.deps.listeners.bind_tcp(options_.admin_port);
  if (!listener.has_error()) {
    admin_listener_ = std::move(*listener);
  }
}

Error SupervisedInstance::describe_end(const ProcessExit& exit) const {
  const std::string text =
      ready_since_
          ? fmt::format("cannot keep {} up: process {}", quoted(), exit.str())
          : fmt::format("cannot start {}: process {} ({})", quoted(), exit.str(), start_step_);
  return Error(ErrorCode::kUnavailable, text);
}

Error SupervisedInstance::with_last_lines(const Error& why) {
  const std::vector<std::string> lines = log_ ? log_->last_lines() : std::vector<std::string>();
  if (lines.empty()) {
    return why;
  }
  return Error(why.code(),
               fmt::format("{}; last lines of its log: {}", why.text(), fmt::join(lines, " | ")));
}

InstanceReady SupervisedInstance::ready_answer(Duration took) const {
  return InstanceReady{process_.value_or(ProcessIdentity{}), version_, took};
}

std::string SupervisedInstance::quoted() const {
  return "instance '" + options_.instance.str() + "'";
}

void SupervisedInstance::answer_starters(const Result<InstanceReady>& result) {
  for (Completion<InstanceReady>& done : std::exchange(starters_, {})) {
    supervision_.answer<InstanceReady>(std::move(done), result);
  }
}

InstanceView SupervisedInstance::view() const {
  return InstanceView{.instance = options_.instance,
                      .kind = options_.kind,
                      .state = state_,
                      .process = process_,
                      .admin_port = options_.admin_port,
                      .restarts = restarts_,
                      .since = since_,
                      .process_began = process_ ? std::optional(process_began_) : std::nullopt,
                      .tenants = tenants_,
                      .version = version_,
                      .last_exit = last_exit_,
                      .last_error = last_error_,
                      .is_mute = doubt_.has_value(),
                      .standby = standby_ ? std::optional(standby_->process) : std::nullopt};
}

void SupervisedInstance::set_timer(Timer timer, Duration wait, void (SupervisedInstance::*then)()) {
  cancel_timer(timer);
  timers_[timer] = supervision_.deps.reactor.call_after(wait, [this, timer, then] {
    timers_.erase(timer);
    (this->*then)();
  });
}

void SupervisedInstance::cancel_timer(Timer timer) {
  if (const auto set = timers_.find(timer); set != timers_.end()) {
    supervision_.deps.reactor.cancel(set->second);
    timers_.erase(set);
  }
}

void SupervisedInstance::cancel_timers() {
  for (const auto& [timer, id] : timers_) {
    supervision_.deps.reactor.cancel(id);
  }
  timers_.clear();
}

}  // namespace voicectl
