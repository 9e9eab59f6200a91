// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/posix_log_pipe.h"

#include <utility>

namespace voicectl {
namespace {

/// Most bytes taken in per turn of the loop, so that an instance that floods its log cannot keep
/// the daemon from anything else.
constexpr std::size_t kMaxBytesPerTurn = 256UL * 1024;

/// A FIFO holds at most this much (posix_log_files.cpp asks for it), so this empties it.
constexpr int kTurnsToEmpty = 4;

class FifoLogPipe final : public LogPipe {
 public:
  FifoLogPipe(
      FdWatcher& watcher, LogFiles& files, UniqueFd reader, UniqueFd writer, RotatingLog log)
      : watcher_(watcher),
        files_(files),
        reader_(std::move(reader)),
        writer_(std::move(writer)),
        log_(std::move(log)) {
    watch_ = watcher_.watch_readable(reader_.get(), [this] { (void)read_once(); });
  }

  ~FifoLogPipe() override {
    stop_watching();
    empty();
    log_.finish();
  }

  FifoLogPipe(const FifoLogPipe&) = delete;
  FifoLogPipe& operator=(const FifoLogPipe&) = delete;

  int descriptor() const override { return writer_.get(); }

  std::vector<std::string> last_lines() override {
    empty();
    return log_.last_lines();
  }

 private:
  enum class Waiting { kNothing, kMaybeMore };

  Waiting read_once() {
    const Result<std::string> bytes = files_.read(reader_, kMaxBytesPerTurn);
    if (bytes.has_error()) {
      // Level-triggered: a descriptor that cannot be read would wake the loop for ever.
      stop_watching();
      return Waiting::kNothing;
    }
    if (bytes->empty()) {
      return Waiting::kNothing;
    }
    log_.take(*bytes);
    return Waiting::kMaybeMore;
  }

  void empty() {
    for (int turn = 0; turn < kTurnsToEmpty && read_once() == Waiting::kMaybeMore; ++turn) {
    }
  }

  void stop_watching() {
    if (watch_) {
      watcher_.unwatch(*watch_);
      watch_.reset();
    }
  }

  FdWatcher& watcher_;
  LogFiles& files_;
  UniqueFd reader_;
  UniqueFd writer_;
  RotatingLog log_;
  std::optional<WatchId> watch_;
};

}  // namespace

Result<std::unique_ptr<LogPipe>> PosixLogPipeFactory::open(const std::string& fifo_path,
                                                           const std::string& log_path) {
  VC_TRY(UniqueFd reader, files_.open_fifo(fifo_path));
  // Opened a second time for the child: were the open file shared, a child that makes its standard
  // output blocking would make our reads block too.
  VC_TRY(UniqueFd writer, files_.open_fifo(fifo_path));
  return std::unique_ptr<LogPipe>(
      std::make_unique<FifoLogPipe>(watcher_, files_, std::move(reader), std::move(writer),
                                    RotatingLog(files_, clock_, log_path, rotation_)));
}

}  // namespace voicectl
