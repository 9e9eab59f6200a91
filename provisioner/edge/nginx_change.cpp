// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/nginx_change.h"

#include <csignal>
#include <optional>
#include <utility>

#include "base/check.h"

namespace voicectl {

NginxChange::NginxChange(const NginxEdgeDeps& deps,
                         const NginxEdgeOptions& options,
                         NginxProcess& process)
    : deps_(deps), options_(options), process_(process), check_(deps, options) {}

template <typename Argument, typename Task>
auto NginxChange::guarded(Task task) {
  return [task, this, number = number_,
          alive = std::weak_ptr<bool>(alive_)](const Argument& argument) {
    if (!alive.expired() && number == number_ && done_) {
      task(argument);
    }
  };
}

void NginxChange::run(const std::string& text,
                      const std::string& fingerprint,
                      Completion<EdgeOutcome> done) {
  VC_CHECK(!is_running(), "one change at a time");
  ++number_;
  fingerprint_ = fingerprint;
  is_swapped_ = false;
  done_ = std::move(done);
  const Status written = deps_.files.replace_atomically(next_file(), text, kPrivateFile);
  if (written.has_error()) {
    finish(written.error());
    return;
  }
  check_.run(next_file(), guarded<Status>([this](const Status& status) { checked(status); }));
}

void NginxChange::checked(const Status& status) {
  if (status.has_error()) {
    (void)deps_.files.remove(next_file());  // a file left over is overwritten next time
    finish(status.error());
    return;
  }
  const Status swapped = swap_files();
  if (swapped.has_error()) {
    finish(swapped.error());
    return;
  }
  load();
}

Status NginxChange::swap_files() {
  VC_TRY(const std::optional<std::string> last,
         deps_.files.read(process_.config_file(), kMostConfigBytes));
  has_last_ = last.has_value();
  if (last) {
    VC_TRY(deps_.files.replace_atomically(last_file(), *last, kPrivateFile));
  }
  VC_TRY(deps_.files.move(next_file(), process_.config_file()));
  is_swapped_ = true;
  return ok_status();
}

Status NginxChange::restore_files() {
  if (!std::exchange(is_swapped_, false)) {
    return ok_status();
  }
  return has_last_ ? deps_.files.move(last_file(), process_.config_file())
                   : deps_.files.remove(process_.config_file());
}

void NginxChange::load() {
  const bool runs = process_.identity().has_value();
  const EdgeOutcome outcome = runs ? EdgeOutcome::kReloaded : EdgeOutcome::kStarted;
  const Status told = runs ? process_.reload() : process_.start();
  if (told.has_error()) {
    roll_back(outcome, told.error());
    return;
  }
  process_.await(
      fingerprint_, runs ? options_.settle : Duration::zero(),
      guarded<Status>([this, outcome](const Status& status) { loaded(outcome, status); }));
}

void NginxChange::loaded(EdgeOutcome outcome, const Status& status) {
  if (status.has_error()) {
    roll_back(outcome, status.error());
    return;
  }
  finish(outcome);
}

void NginxChange::roll_back(EdgeOutcome outcome, Error error) {
  const Status restored = restore_files();
  if (restored.has_error()) {
    finish(std::move(error).with_context("putting the old configuration back failed too: " +
                                         restored.error().text()));
    return;
  }
  // Whether nginx has taken the new file, or is about to, cannot be known; that it reads the old
  // one last can be made sure of. An nginx that never served is of no use.
  const bool was_running = outcome == EdgeOutcome::kReloaded;
  const Status told = was_running ? process_.reload() : process_.signal(SIGKILL);
  finish(told.has_error() ? std::move(error).with_context(told.error().text()) : std::move(error));
}

void NginxChange::cancel() {
  if (!is_running()) {
    return;
  }
  ++number_;
  check_.cancel();
  process_.cancel_wait();
  const Status restored = restore_files();
  const Error cancelled(ErrorCode::kCancelled, "cannot finish configuring the edge: given up");
  finish(restored.has_error() ? cancelled.with_context(restored.error().text()) : cancelled);
}

void NginxChange::finish(Result<EdgeOutcome> result) {
  const Completion<EdgeOutcome> done = std::exchange(done_, nullptr);
  done(std::move(result));
}

}  // namespace voicectl
