// SPDX-License-Identifier: Apache-2.0
#include "tests/support/edge/fake_nginx.h"

#include <algorithm>
#include <csignal>
#include <utility>

namespace voicectl {
namespace {

std::string argument_after(const LaunchSpec& spec, const std::string& flag) {
  const auto found = std::find(spec.argv.begin(), spec.argv.end(), flag);
  return found == spec.argv.end() || found + 1 == spec.argv.end() ? "" : *(found + 1);
}

bool has_argument(const LaunchSpec& spec, const std::string& flag) {
  return std::find(spec.argv.begin(), spec.argv.end(), flag) != spec.argv.end();
}

/// What the status location of a configuration answers.
std::string fingerprint_in(const std::string& text) {
  static const std::string kBefore = "return 200 ";
  const std::size_t at = text.find(kBefore);
  const std::size_t begin = at + kBefore.size();
  return at == std::string::npos ? "" : text.substr(begin, text.find(';', begin) - begin);
}

bool holds(const std::string& text, const std::optional<std::string>& part) {
  return part && text.find(*part) != std::string::npos;
}

}  // namespace

FakeNginx::FakeNginx(SimReactor& reactor,
                     FakeFileSystem& files,
                     FakeProcesses& processes,
                     EdgeFolders folders)
    : reactor_(reactor), files_(files), processes_(processes), folders_(std::move(folders)) {
  processes_.on_spawn = [this](const LaunchSpec& spec, const ProcessIdentity& who) {
    started(spec, who);
  };
  processes_.on_signal = [this](const ProcessIdentity& who, int number) {
    return signalled(who, number);
  };
}

void FakeNginx::started(const LaunchSpec& spec, const ProcessIdentity& who) {
  if (has_argument(spec, "-t")) {
    check(spec, who);
    return;
  }
  files_.put("/proc/" + std::to_string(who.pid) + "/cmdline",
             "nginx: master process nginx -p " + edge_folder(folders_) + "/");
  load(who, argument_after(spec, "-c"));
}

void FakeNginx::check(const LaunchSpec& spec, const ProcessIdentity& who) {
  const std::string text = files_.content_of(argument_after(spec, "-c")).value_or("");
  if (holds(text, refused_text)) {
    log(argument_after(spec, "-e"), "[emerg] 7#7: " + *refused_text + " is not wanted");
    processes_.end(who, FakeProcesses::exited(1));
    return;
  }
  processes_.end(who, FakeProcesses::exited(0));
}

void FakeNginx::load(const ProcessIdentity& who, const std::string& file) {
  const std::string text = files_.content_of(file).value_or("");
  const bool is_first = !served_.contains(life_of(who));
  if (text.empty() || holds(text, unloadable_text)) {
    log(edge_error_log(folders_), "[emerg] 7#7: bind() failed");
    if (is_first) {
      processes_.end(who, FakeProcesses::exited(1));
    }
    return;
  }
  reactor_.call_after(lag, [this, who, fingerprint = fingerprint_in(text)] {
    served_.insert_or_assign(life_of(who), fingerprint);
  });
}

bool FakeNginx::signalled(const ProcessIdentity& who, int number) {
  if (number == SIGHUP) {
    ++reloads_;
    load(who, edge_folder(folders_) + "/nginx.conf");
    return true;
  }
  if (number == SIGTERM && !is_deaf) {
    processes_.end(who, FakeProcesses::exited(0));
  }
  return number == SIGTERM || number == SIGUSR1;
}

void FakeNginx::log(const std::string& file, const std::string& text) {
  files_.put(file, files_.content_of(file).value_or("") + "2026/01/01 00:00:00 " + text + "\n");
}

std::optional<std::string> FakeNginx::serving() const {
  for (const ProcessIdentity& who : processes_.running()) {
    const auto found = served_.find(life_of(who));
    if (found != served_.end()) {
      return found->second;
    }
  }
  return std::nullopt;
}

void FakeNginx::fetch(const std::string& socket_path, Completion<EdgeStatus> done) {
  reactor_.post([this, socket_path, done = std::move(done)] {
    for (const ProcessIdentity& who : processes_.running()) {
      const auto found = served_.find(life_of(who));
      if (found != served_.end()) {
        done(EdgeStatus{found->second, who.pid});
        return;
      }
    }
    done(Error(ErrorCode::kUnavailable, "cannot ask the proxy at '" + socket_path + "'"));
  });
}

}  // namespace voicectl
