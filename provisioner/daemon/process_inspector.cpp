// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/process_inspector.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/os/unique_fd.h"

namespace voicectl {
namespace {

/// What it says fits into a pipe; the rest is not waited for.
std::string read_what_is_there(int fd) {
  std::string out;
  std::array<char, 4096> buffer{};
  while (out.size() < 64U << 10) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count <= 0) {
      break;
    }
    out.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return out;
}

std::string first_line(const std::string& text) {
  return text.substr(0, std::min<std::size_t>(text.find('\n'), 200));
}

/// Such as "0.1.0" or "1.2.0-rc1".
bool is_version(std::string_view text) {
  constexpr std::string_view kAllowed =
      "0123456789.-+abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  return !text.empty() && text.front() >= '0' && text.front() <= '9' &&
         text.find('.') != std::string_view::npos &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

Error does_not_run(const std::string& path, const std::string& why) {
  return Error(
      ErrorCode::kInvalidArgument,
      fmt::format("cannot use program '{}': {}; it must be a voice-runtime of this machine, "
                  "and its folder must not be mounted noexec",
                  path, why));
}

}  // namespace

struct ProcessInspector::Run {
  UniqueFd output;
  std::function<void(const Result<std::string>&)> done;
  TimerId timer{};
  bool is_late = false;
};

void ProcessInspector::run(const std::string& path,
                           const std::string& word,
                           std::function<void(const Result<std::string>& said)> done) {
  auto state = std::make_shared<Run>();
  state->done = std::move(done);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    reactor_.post([state] {
      state->done(Error(ErrorCode::kResourceExhausted, "cannot make a pipe to read a program"));
    });
    return;
  }
  state->output = UniqueFd(ends[0]);
  const UniqueFd writing(ends[1]);
  LaunchSpec spec;
  spec.argv = {path, word};
  spec.environment = {{"PATH", "/usr/bin:/bin"}};
  spec.descriptors = {FdGrant{writing.get(), 1}, FdGrant{writing.get(), 2}};
  spec.user = user_;
  const auto ended = [this, state, path, word, alive = std::weak_ptr(alive_)](ProcessExit exit) {
    if (alive.expired()) {
      return;
    }
    reactor_.cancel(state->timer);
    const std::string said = read_what_is_there(state->output.get());
    if (exit.code == 0) {
      state->done(said);
    } else if (state->is_late) {
      state->done(Error(ErrorCode::kTimeout,
                        fmt::format("cannot use program '{}': it does not answer {} within {}",
                                    path, word, format_duration(kPatience))));
    } else {
      state->done(does_not_run(path, fmt::format("asked for {} it {}{}{}", word, exit.str(),
                                                 said.empty() ? "" : ": ", first_line(said))));
    }
  };
  const Result<ProcessIdentity> started = processes_.spawn(spec, ended);
  if (started.has_error()) {
    reactor_.post(
        [state, error = does_not_run(path, started.error().text())] { state->done(error); });
    return;
  }
  state->timer =
      reactor_.call_after(kPatience, [this, state, who = *started, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) {
          state->is_late = true;
          (void)processes_.signal_group(who, SIGKILL);  // its end is told all the same
        }
      });
}

void ProcessInspector::inspect(const std::string& path, Completion<ProgramFacts> done) {
  run(path, "--describe", [this, path, done](const Result<std::string>& said) {
    const Result<Json> facts = said.has_error() ? Result<Json>(said.error()) : parse_json(*said);
    if (facts.has_value() && facts->is_object()) {
      done(ProgramFacts{string_or(*facts, "version", ""), string_or(*facts, "hand_over", "")});
      return;
    }
    // An older one knows only this, and says nothing else.
    run(path, "--version", [path, done](const Result<std::string>& version) {
      if (version.has_error()) {
        done(version.error());
      } else if (!is_version(first_line(*version))) {
        done(does_not_run(path, fmt::format("it is another program: asked for its version it says "
                                            "'{}'",
                                            first_line(*version).substr(0, 80))));
      } else {
        done(ProgramFacts{first_line(*version), ""});
      }
    });
  });
}

}  // namespace voicectl
