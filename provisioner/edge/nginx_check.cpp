// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/nginx_check.h"

#include <csignal>
#include <iterator>
#include <utility>

namespace voicectl {
LaunchSpec nginx_launch_spec(const NginxEdgeOptions& options, std::vector<std::string> more) {
  LaunchSpec spec;
  spec.argv = {options.program, "-p", edge_folder(options.folders) + "/"};
  spec.argv.insert(spec.argv.end(), std::make_move_iterator(more.begin()),
                   std::make_move_iterator(more.end()));
  return spec;
}

NginxCheck::NginxCheck(const NginxEdgeDeps& deps, const NginxEdgeOptions& options)
    : deps_(deps),
      options_(options),
      log_file_(edge_folder(options.folders) + "/check.log"),
      early_(deps.files, log_file_),
      late_(deps.files, edge_error_log(options.folders)) {}

template <typename Member, typename... Arguments>
auto NginxCheck::handler(Member member) {
  return [this, member, number = number_,
          alive = std::weak_ptr<bool>(alive_)](const Arguments&... arguments) {
    if (!alive.expired() && number == number_ && done_) {
      (this->*member)(arguments...);
    }
  };
}

void NginxCheck::run(const std::string& file, Completion<void> done) {
  cancel();
  ++number_;
  done_ = std::move(done);
  if (Status removed = deps_.files.remove(log_file_); removed.has_error()) {
    finish(std::move(removed));
    return;
  }
  Result<ProcessIdentity> started =
      deps_.processes.spawn(nginx_launch_spec(options_, {"-t", "-q", "-c", file, "-e", log_file_}),
                            handler<decltype(&NginxCheck::ended), ProcessExit>(&NginxCheck::ended));
  if (started.has_error()) {
    finish(started.error().with_context("testing the nginx configuration"));
    return;
  }
  process_ = *started;
  timer_ = deps_.reactor.call_after(options_.test_timeout,
                                    handler<decltype(&NginxCheck::expired)>(&NginxCheck::expired));
}

void NginxCheck::ended(const ProcessExit& exit) {
  process_.reset();
  if (exit.code == 0) {
    finish(ok_status());
    return;
  }
  std::string said = early_.complaint();
  if (said.empty()) {
    said = late_.complaint();
  }
  finish(Error(ErrorCode::kInvalidArgument, "cannot use the new nginx configuration: nginx " +
                                                (said.empty() ? exit.str() : "says: " + said)));
}

void NginxCheck::expired() {
  finish(Error(ErrorCode::kTimeout, "cannot test the nginx configuration: nginx -t did not end"));
}

void NginxCheck::cancel() {
  if (done_) {
    finish(Error(ErrorCode::kCancelled, "cannot finish testing the nginx configuration: given up"));
  }
}

void NginxCheck::finish(Status status) {
  if (process_) {
    (void)deps_.processes.signal_group(*process_, SIGKILL);  // nobody waits for it any more
    process_.reset();
  }
  if (timer_) {
    deps_.reactor.cancel(*timer_);
    timer_.reset();
  }
  const Completion<void> done = std::exchange(done_, nullptr);
  done(std::move(status));
}

}  // namespace voicectl
