// SPDX-License-Identifier: Apache-2.0
// An instance that does not answer gets a second process beside it, which takes its place when it
// is given up: so that the new one is ready before the old one goes.
#include <fmt/core.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "provisioner/instances/process_file.h"
#include "provisioner/instances/supervised_instance.h"

namespace voicectl {

void SupervisedInstance::doubt(const ProcessIdentity& process, Doubt how) {
  if (state_ != InstanceState::kReady || process_ != process || doubt_ == how) {
    return;
  }
  doubt_ = how;
  if (how == Doubt::kReplace) {
    return prepare_standby();
  }
  verdict_.reset();
  drop_standby();
  settle_reclaims();
}

void SupervisedInstance::trust(const ProcessIdentity& process) {
  if (process_ == process && doubt_ && state_ == InstanceState::kReady) {
    end_doubt();
    drop_standby();
    settle_reclaims();
  }
}

void SupervisedInstance::end_doubt() {
  doubt_.reset();
  verdict_.reset();
}

void SupervisedInstance::give_up(const ProcessIdentity& process, const Error& why) {
  if (state_ != InstanceState::kReady || process_ != process) {
    return;
  }
  if (standby_ && !has_standby_ready()) {
    verdict_ = why;  // its deadline bounds the wait
    return;
  }
  abandon(InstanceEvent::kUnresponsive, why);
}

void SupervisedInstance::settle_verdict() {
  if (const std::optional<Error> why = std::exchange(verdict_, std::nullopt)) {
    abandon(InstanceEvent::kUnresponsive, *why);
  }
}

void SupervisedInstance::prepare_standby() {
  if (standby_) {
    return;
  }
  const Status spawned = spawn_standby();
  if (spawned.has_error()) {
    tell_standby(spawned.error());
  } else {
    connect_standby();
  }
}

Status SupervisedInstance::spawn_standby() {
  const std::string what = "cannot start a second process for " + quoted();
  if (supervision_.standbys >= kMostStandbys) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("{}: {} are being replaced already", what, supervision_.standbys));
  }
  if (!admin_listener_.is_open() || !log_) {
    return Error(ErrorCode::kUnavailable,
                 what + ": it was taken over, and keeps its admin port to itself");
  }
  const InstanceManager::Deps& deps = supervision_.deps;
  const InstancePaths& paths = supervision_.settings.paths;
  const std::string file = paths.next_process_file(options_.instance);
  Standby next{++incarnations_, other(socket_), {}, deps.reactor.now()};
  Result<UniqueFd> control_listener = deps.listeners.bind_unix_packets(
      paths.control_socket(options_.instance, next.socket), SocketAccess{});
  if (control_listener.has_error()) {
    return control_listener.error().with_context(what);
  }
  const auto note = [&](const ProcessIdentity& who) {
    return voicectl::write_process_file(deps.files, file,
                                        ProcessFile{options_.admin_port, who, next.socket});
  };
  const Result<ProcessIdentity> spawned =
      run(launch_spec(*control_listener, note), next.incarnation);
  if (spawned.has_error()) {
    (void)deps.files.remove(file);  // it names nobody
    return spawned.error().with_context(what);
  }
  next.process = *spawned;
  standby_ = std::move(next);
  ++supervision_.standbys;
  set_timer(Timer::kStandby, supervision_.ready_patience(),
            &SupervisedInstance::on_standby_deadline);
  return ok_status();
}

void SupervisedInstance::connect_standby() {
  Result<std::unique_ptr<FdChannel>> channel = supervision_.deps.channels.connect(
      supervision_.settings.paths.control_socket(options_.instance, standby_->socket));
  if (channel.has_error()) {
    return set_timer(Timer::kStandbyLink, supervision_.settings.times.reconnect_wait,
                     &SupervisedInstance::connect_standby);
  }
  standby_->link = std::make_unique<ControlLink>(supervision_.deps.reactor, std::move(*channel));
  standby_->link->when_closed(guarded([this, mine = standby_->incarnation] {
    if (standby_ && standby_->incarnation == mine) {
      lose_standby(Error(ErrorCode::kUnavailable,
                         fmt::format("cannot go on with the second process of {}: it closed its "
                                     "channel",
                                     quoted())));
    }
  }));
  greet_standby();
}

void SupervisedInstance::greet_standby() {
  const Json body = {{"instance", options_.instance.str()},
                     {"epoch", supervision_.settings.epoch.value}};
  const ControlLink::Question question{.type = std::string(control::request::kHello),
                                       .body = dump_json(body),
                                       .timeout = supervision_.ready_patience()};
  standby_->link->ask(
      question, guarded([this, mine = standby_->incarnation](const Result<std::string>& answer) {
        if (standby_ && standby_->incarnation == mine) {
          take_standby_hello(answer);
        }
      }));
}

void SupervisedInstance::take_standby_hello(const Result<std::string>& answer) {
  if (answer.has_error()) {
    return lose_standby(answer.error().with_context("greeting the second process of " + quoted()));
  }
  standby_->hello = *answer;
  cancel_timer(Timer::kStandby);
  const Result<Json> body = parse_json(*answer);
  tell_standby(InstanceReady{standby_->process,
                             body.has_error() ? "" : string_or(*body, "version", ""),
                             supervision_.deps.reactor.now() - standby_->began});
  settle_verdict();
}

void SupervisedInstance::on_standby_deadline() {
  lose_standby(Error(ErrorCode::kTimeout,
                     fmt::format("cannot start a second process for {}: it is not ready after {}",
                                 quoted(), format_duration(supervision_.ready_patience()))));
}

void SupervisedInstance::lose_standby(const Error& why) {
  kill_standby();
  tell_standby(why);
  settle_verdict();
}

void SupervisedInstance::drop_standby() {
  verdict_.reset();
  kill_standby();
}

void SupervisedInstance::kill_standby() {
  if (!standby_) {
    return;
  }
  cancel_timer(Timer::kStandby);
  cancel_timer(Timer::kStandbyLink);
  const Standby gone = std::move(*std::exchange(standby_, std::nullopt));
  --supervision_.standbys;
  if (gone.link) {
    gone.link->close(Error(ErrorCode::kCancelled, "cannot ask it: it is not needed any more"));
  }
  // It has nothing that it could lose. Who has been killed does not come back; who could not be is
  // known to the next daemon by its note.
  if (supervision_.deps.processes.signal_group(gone.process, SIGKILL).has_value()) {
    (void)supervision_.deps.files.remove(
        supervision_.settings.paths.next_process_file(options_.instance));
  }
}

void SupervisedInstance::tell_standby(const Result<InstanceReady>& ready) {
  if (supervision_.callbacks.on_standby) {
    supervision_.post([callback = supervision_.callbacks.on_standby, id = options_.instance,
                       ready] { callback(id, ready); });
  }
}

bool SupervisedInstance::note_next() {
  if (!has_standby_ready()) {
    return false;
  }
  // From here on it is the instance for whichever daemon looks. The other file names the same
  // process then.
  const Status noted = write_process_file(standby_->process, standby_->socket);
  if (noted.has_error()) {
    tell_standby(noted.error().with_context("recording the second process of " + quoted()));
    return false;
  }
  (void)supervision_.deps.files.remove(
      supervision_.settings.paths.next_process_file(options_.instance));
  return true;
}

void SupervisedInstance::take_its_place() {
  Standby next = std::move(*std::exchange(standby_, std::nullopt));
  --supervision_.standbys;
  fault_.reset();
  reconnects_ = 0;
  is_fenced_ = false;
  ++restarts_;
  next_cause_ = ReadyCause::kRestarted;
  try_began_ = next.began;
  process_began_ = next.began;
  incarnation_ = next.incarnation;
  process_ = next.process;
  socket_ = next.socket;
  (void)take(InstanceEvent::kStartAsked);  // legal: we are in backoff
  hold(std::move(next.link));
  become_ready(*next.hello);
}

void SupervisedInstance::settle_reclaims() {
  settle_asking();
  // Behind whatever is told of it in this turn: whoever hears that it is ready lends it what is
  // recorded and not on its way elsewhere, and only then it is asked to let go.
  for (Reclaim& one : std::exchange(waiting_reclaims_, {})) {
    supervision_.post(resumed(std::move(one)));
  }
}

}  // namespace voicectl
