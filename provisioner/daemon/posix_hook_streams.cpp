// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/posix_hook_streams.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/os/posix_error.h"
#include "base/os/unique_fd.h"

namespace voicectl {
namespace {

class PosixHookStreams final : public HookStreams {
 public:
  PosixHookStreams(FdWatcher& watcher, UniqueFd input, UniqueFd reader, UniqueFd writer)
      : watcher_(watcher),
        input_(std::move(input)),
        reader_(std::move(reader)),
        writer_(std::move(writer)) {
    watch_ = watcher_.watch_readable(reader_.get(), [this] { read_once(); });
  }
  ~PosixHookStreams() override { stop_watching(); }
  PosixHookStreams(const PosixHookStreams&) = delete;
  PosixHookStreams& operator=(const PosixHookStreams&) = delete;

  int input() const override { return input_.get(); }
  int output() const override { return writer_.get(); }
  std::string output_so_far() override {
    while (watch_ && read_once() && kept_.size() < kKeptHookOutput) {
    }
    return kept_;
  }

 private:
  /// Whether there may be more.
  bool read_once() {
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(reader_.get(), buffer.data(), buffer.size());
    if (count > 0) {
      // What is too much is read all the same: a full pipe would stop the hook.
      const std::size_t room = kKeptHookOutput - std::min(kKeptHookOutput, kept_.size());
      kept_.append(buffer.data(), std::min(room, static_cast<std::size_t>(count)));
      return true;
    }
    if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
      stop_watching();
    }
    return false;
  }

  void stop_watching() {
    if (watch_) {
      watcher_.unwatch(*watch_);
      watch_.reset();
    }
  }

  FdWatcher& watcher_;
  UniqueFd input_;
  UniqueFd reader_;
  UniqueFd writer_;
  std::optional<WatchId> watch_;
  std::string kept_;
};

Result<UniqueFd> file_in_memory(const std::string& content) {
  UniqueFd file(::memfd_create("voicectl-hook", MFD_CLOEXEC));
  if (file.get() < 0) {
    return posix_error("make the input of a hook", errno);
  }
  std::size_t written = 0;
  while (written < content.size()) {
    const ssize_t count = ::write(file.get(), content.data() + written, content.size() - written);
    if (count <= 0) {
      return posix_error("write the input of a hook", errno);
    }
    written += static_cast<std::size_t>(count);
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) {
    return posix_error("write the input of a hook", errno);
  }
  return file;
}

}  // namespace

Result<std::unique_ptr<HookStreams>> PosixHookStreamFactory::open(const std::string& input) {
  VC_TRY(UniqueFd file, file_in_memory(input));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return posix_error("make a pipe for a hook", errno);
  }
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  // Only our end: programs do not expect a standard output that does not wait.
  if (::fcntl(reader.get(), F_SETFL, O_NONBLOCK) != 0) {
    return posix_error("make a pipe for a hook", errno);
  }
  return std::unique_ptr<HookStreams>(std::make_unique<PosixHookStreams>(
      watcher_, std::move(file), std::move(reader), std::move(writer)));
}

}  // namespace voicectl
