// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/hook_runner.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/os/process_identity.h"
#include "provisioner/daemon/query.h"

namespace voicectl {
namespace {

constexpr std::size_t kLongestNote = 4096;
constexpr std::size_t kLongestReason = 200;
/// As the kernel follows.
constexpr int kMostLinks = 40;
/// Group and everybody.
constexpr std::uint32_t kOthersWrite = 0022;

/// What a person should read of it: its last words say why.
std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  const std::size_t begin = text.rfind('\n');
  return one_line(begin == std::string::npos ? text : text.substr(begin + 1), kLongestReason);
}

}  // namespace

struct HookRunner::Round {
  std::string when;
  std::vector<HookSpec> hooks;
  std::string input;
  OnFailure on_failure = OnFailure::kStop;
  OnEach on_each;
  std::function<void(const Status&)> done;
  std::size_t next = 0;
  Status first_failure = ok_status();
  /// Why no further one is begun.
  std::optional<Error> cancelled{};

  bool is_of(Whose whose) const { return whose == Whose::kAnyone || when.ends_with("_apply"); }
};

struct HookRunner::Running {
  HookSpec hook;
  std::unique_ptr<HookStreams> streams;
  ProcessIdentity who;
  MonoTime since{};
  TimerId timer{};
  /// It was asked to end, after its time or because it was cancelled.
  bool is_ending = false;
};

HookRunner::~HookRunner() {
  if (running_ != nullptr) {
    // A note that stays names a process that is gone.
    (void)deps_.processes.signal_group(running_->who, SIGKILL);
    (void)deps_.files.remove(deps_.note_path);
  }
}

std::string command_text(const HookSpec& hook) {
  return one_line(fmt::format("{}", fmt::join(hook.command, " ")), kLongestReason);
}

void HookRunner::run(std::string_view when,
                     const std::vector<HookSpec>& hooks,
                     const Json& facts,
                     OnFailure on_failure,
                     OnEach on_each,
                     std::function<void(const Status&)> done) {
  if (hooks.empty()) {
    done(ok_status());
    return;
  }
  Json input = facts;
  input["schema"] = "voicectl/hook/v1";
  input["hook"] = when;
  auto round = std::make_shared<Round>(Round{std::string(when), hooks, dump_json(input) + "\n",
                                             on_failure, std::move(on_each), std::move(done)});
  if (closed_) {
    drop(round, *closed_);
    return;
  }
  if (round_ != nullptr) {
    waiting_.push_back(std::move(round));
    return;
  }
  round_ = round;
  next(round);
}

void HookRunner::drop(const std::shared_ptr<Round>& round, const Error& why) {
  deps_.reactor.post([round, why, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) {
      round->done(why);
    }
  });
}

void HookRunner::cancel(const Error& why, Whose whose) {
  if (whose == Whose::kAnyone) {
    closed_ = why;
  }
  const auto dropped = std::stable_partition(
      waiting_.begin(), waiting_.end(),
      [whose](const std::shared_ptr<Round>& each) { return !each->is_of(whose); });
  for (auto each = dropped; each != waiting_.end(); ++each) {
    drop(*each, why);
  }
  waiting_.erase(dropped, waiting_.end());
  if (round_ == nullptr || !round_->is_of(whose) || round_->cancelled) {
    return;
  }
  round_->cancelled = why;
  if (running_ != nullptr && !running_->is_ending) {
    deps_.reactor.cancel(running_->timer);
    expire(running_);
  }
}

void HookRunner::next(const std::shared_ptr<Round>& round) {
  if (round->cancelled && round->first_failure.has_value()) {
    round->first_failure = *round->cancelled;
  }
  const bool is_stopped = round->cancelled || (round->first_failure.has_error() &&
                                               round->on_failure == OnFailure::kStop);
  if (is_stopped || round->next == round->hooks.size()) {
    finish(round);
    return;
  }
  const HookSpec& hook = round->hooks[round->next++];
  if (const Status begun = begin(round, hook); begun.has_error()) {
    // In a later turn, as every other end.
    deps_.reactor.post([this, round, hook, begun, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) {
        settle(round, hook, begun, "", Duration::zero());
      }
    });
  }
}

Status HookRunner::check_program(const std::string& named) const {
  std::string path = named;
  VC_TRY(std::optional<FileFacts> seen, deps_.scan.look(path));
  for (int links = 0; seen && seen->kind == FileKind::kLink && links < kMostLinks; ++links) {
    path = seen->target.starts_with('/') ? seen->target
                                         : path.substr(0, path.rfind('/') + 1) + seen->target;
    VC_TRY(seen, deps_.scan.look(path));
  }
  const auto refused = [&named](const std::string& why) {
    return Status(
        Error(ErrorCode::kPermissionDenied,
              fmt::format("cannot run hook '{}': {}", one_line(named, kLongestReason), why)));
  };
  if (seen && (seen->mode & kOthersWrite) != 0) {
    return refused(fmt::format("others may write it (mode {:04o}); chmod go-w", seen->mode));
  }
  if (seen && seen->uid != 0 && seen->uid != deps_.own_uid) {
    return refused(
        fmt::format("it is owned by user {}; give it to root, or to the daemon's own "
                    "user",
                    seen->uid));
  }
  return ok_status();
}

Status HookRunner::begin(const std::shared_ptr<Round>& round, const HookSpec& hook) {
  VC_TRY(check_program(hook.command.front()));
  auto running = std::make_shared<Running>();
  running->hook = hook;
  running->since = deps_.reactor.now();
  VC_TRY(running->streams, deps_.streams.open(round->input));
  LaunchSpec spec;
  spec.argv = hook.command;
  spec.environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"VOICECTL_HOOK", round->when}};
  spec.descriptors = {FdGrant{running->streams->input(), 0}, FdGrant{running->streams->output(), 1},
                      FdGrant{running->streams->output(), 2}};
  spec.before_run = [this](const ProcessIdentity& who) {
    return deps_.files.replace_atomically(deps_.note_path, render_identity(who), kPrivateFile);
  };
  const auto on_exit = [this, round, running,
                        alive = std::weak_ptr(alive_)](const ProcessExit& exit) {
    if (!alive.expired()) {
      ended(round, running, exit);
    }
  };
  VC_TRY(running->who, deps_.processes.spawn(spec, on_exit));
  running->timer =
      deps_.reactor.call_after(hook.timeout, [this, running, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) {
          expire(running);
        }
      });
  running_ = std::move(running);
  return ok_status();
}

void HookRunner::expire(const std::shared_ptr<Running>& running) {
  const int signal = running->is_ending ? SIGKILL : SIGTERM;
  running->is_ending = true;
  (void)deps_.processes.signal_group(running->who, signal);  // its end is told all the same
  if (signal == SIGTERM) {
    running->timer =
        deps_.reactor.call_after(kGrace, [this, running, alive = std::weak_ptr(alive_)] {
          if (!alive.expired()) {
            expire(running);
          }
        });
  }
}

void HookRunner::ended(const std::shared_ptr<Round>& round,
                       const std::shared_ptr<Running>& running,
                       const ProcessExit& exit) {
  running_.reset();
  deps_.reactor.cancel(running->timer);
  // What it left in the background would outlive what it belongs to.
  (void)deps_.processes.signal_group(running->who, SIGKILL);
  (void)deps_.files.remove(deps_.note_path);  // one that stays names a process that is gone
  const std::string output = running->streams->output_so_far();
  const Duration took = deps_.reactor.now() - running->since;
  const std::string words = last_line(output);
  const auto failed = [&](ErrorCode code, const std::string& how) {
    // What comes after it was done is not held up by it.
    const bool is_before = std::string_view(round->when).starts_with("before");
    return Status(
        Error(code, fmt::format("cannot {} hook '{}' ({}): it {}{}{}",
                                is_before ? "go past" : "finish", command_text(running->hook),
                                round->when, how, words.empty() ? "" : ": ", words)));
  };
  Status status = ok_status();
  if (round->cancelled) {
    status = failed(round->cancelled->code(), "was ended: " + round->cancelled->text());
  } else if (running->is_ending) {
    status = failed(ErrorCode::kTimeout, fmt::format("was ended because it ran longer than {}",
                                                     format_duration(running->hook.timeout)));
  } else if (exit.code != 0) {
    status = failed(ErrorCode::kPermissionDenied, exit.str());
  }
  settle(round, running->hook, status, output, took);
}

void HookRunner::settle(const std::shared_ptr<Round>& round,
                        const HookSpec& hook,
                        const Status& status,
                        const std::string& output,
                        Duration took) {
  Json detail = {{"command", hook.command},
                 {"took_ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()},
                 {"output", output}};
  if (status.has_error()) {
    detail["error"] = status.error().text();
    if (round->first_failure.has_value()) {
      round->first_failure = status;
    }
  }
  const std::string subject = "hook/" + round->when;
  if (status.has_error()) {
    deps_.events.add("hook.failed", subject, dump_json(detail));
  } else {
    deps_.events.add("hook.done", subject, dump_json(detail));
  }
  if (round->on_each) {
    round->on_each(hook, status);
  }
  next(round);
}

void HookRunner::finish(const std::shared_ptr<Round>& round) {
  round_.reset();
  if (!waiting_.empty()) {
    round_ = waiting_.front();
    waiting_.erase(waiting_.begin());
    deps_.reactor.post([this, following = round_, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) {
        next(following);
      }
    });
  }
  round->done(round->first_failure);
}

void HookRunner::end_left_over() {
  const Result<std::optional<std::string>> note = deps_.files.read(deps_.note_path, kLongestNote);
  if (note.has_error() || !*note) {
    return;
  }
  const std::optional<ProcessIdentity> who = parse_identity(**note);
  if (who && deps_.processes.adopt(*who, [](const ProcessExit&) {}).has_value()) {
    (void)deps_.processes.signal_group(*who, SIGKILL);
    deps_.events.add(
        "hook.ended", "daemon",
        dump_json({{"pid", who->pid}, {"reason", "the daemon that it ran for has ended"}}));
  }
  (void)deps_.files.remove(deps_.note_path);  // the next hook writes it anew
}

}  // namespace voicectl
