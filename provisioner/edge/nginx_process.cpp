// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/nginx_process.h"

#include <csignal>
#include <utility>

#include "base/check.h"
#include "provisioner/edge/nginx_check.h"

namespace voicectl {

NginxProcess::NginxProcess(const NginxEdgeDeps& deps,
                           const NginxEdgeOptions& options,
                           Handlers handlers)
    : deps_(deps),
      options_(options),
      handlers_(std::move(handlers)),
      log_(deps.files, edge_error_log(options.folders)) {}

Status NginxProcess::start() {
  VC_CHECK(!identity_, "two nginx would fight for the same ports");
  // nginx does not remove the socket of one that was killed, and refuses to start on it.
  VC_TRY(deps_.files.remove(edge_status_socket(options_.folders)));
  log_.mark();
  ++life_;
  VC_TRY(ProcessIdentity who,
         deps_.processes.spawn(nginx_launch_spec(options_, {"-c", config_file(), "-e",
                                                            edge_error_log(options_.folders)}),
                               exit_handler()));
  Status written = handlers_.on_start(who);
  if (written.has_error()) {
    ++life_;
    (void)deps_.processes.signal_group(who, SIGKILL);  // its end is not waited for
    return written;
  }
  identity_ = std::move(who);
  return ok_status();
}

Status NginxProcess::adopt(const ProcessIdentity& who) {
  VC_CHECK(!identity_, "only one nginx is looked after");
  ++life_;
  VC_TRY(deps_.processes.adopt(who, exit_handler()));
  identity_ = who;
  return ok_status();
}

Status NginxProcess::signal(int number) {
  return identity_ ? deps_.processes.signal_group(*identity_, number) : ok_status();
}

Status NginxProcess::reload() {
  log_.mark();
  return signal(SIGHUP);
}

ProcessSpawner::OnExit NginxProcess::exit_handler() {
  return [this, life = life_, alive = std::weak_ptr<bool>(alive_)](const ProcessExit& exit) {
    if (!alive.expired() && life == life_) {
      ended(exit);
    }
  };
}

void NginxProcess::ended(const ProcessExit& exit) {
  // Its own processes serve on without it and keep the ports: they must let go.
  (void)signal(SIGQUIT);  // they may be gone as well
  identity_.reset();
  if (wait_) {
    finish_wait(not_served(ErrorCode::kUnavailable, "nginx " + exit.str()));
    return;
  }
  handlers_.on_death("nginx " + exit.str());
}

void NginxProcess::await(const std::string& fingerprint, Duration settle, Completion<void> done) {
  VC_CHECK(!wait_, "one wait at a time");
  ++wait_number_;
  wait_ = Wait{fingerprint,  settle,       deps_.reactor.now() + options_.serve_timeout,
               std::nullopt, std::nullopt, std::move(done)};
  poll();
}

void NginxProcess::poll() {
  wait_->timer.reset();
  deps_.status.fetch(edge_status_socket(options_.folders),
                     [this, number = wait_number_,
                      alive = std::weak_ptr<bool>(alive_)](const Result<EdgeStatus>& status) {
                       if (!alive.expired() && wait_ && number == wait_number_) {
                         judge(status);
                       }
                     });
}

void NginxProcess::judge(const Result<EdgeStatus>& status) {
  const MonoTime now = deps_.reactor.now();
  // What is left of an nginx that was killed may still answer; it counts for nothing.
  const bool matches = status.has_value() && identity_ && status->opener_pid == identity_->pid &&
                       status->fingerprint == wait_->fingerprint;
  if (!matches) {
    wait_->first_match.reset();
  } else if (!wait_->first_match) {
    wait_->first_match = now;
  }
  if (wait_->first_match && now - *wait_->first_match >= wait_->settle) {
    finish_wait(ok_status());
    return;
  }
  if (now >= wait_->deadline) {
    finish_wait(not_served(ErrorCode::kTimeout, "nginx does not serve it after " +
                                                    format_duration(options_.serve_timeout)));
    return;
  }
  wait_->timer = deps_.reactor.call_after(
      options_.status_interval, [this, number = wait_number_, alive = std::weak_ptr<bool>(alive_)] {
        if (!alive.expired() && wait_ && number == wait_number_) {
          poll();
        }
      });
}

Error NginxProcess::not_served(ErrorCode code, const std::string& why) {
  const std::string said = log_.complaint();
  return Error(code, "cannot bring the nginx configuration into service: " + why +
                         (said.empty() ? "" : "; it says: " + said));
}

void NginxProcess::cancel_wait() {
  if (wait_) {
    finish_wait(Error(ErrorCode::kCancelled, "cannot wait for nginx any longer: given up"));
  }
}

void NginxProcess::finish_wait(Status status) {
  if (wait_->timer) {
    deps_.reactor.cancel(*wait_->timer);
  }
  const Completion<void> done = std::move(wait_->done);
  wait_.reset();
  done(std::move(status));
}

}  // namespace voicectl
