// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/os/unique_fd.h"
#include "provisioner/instances/log_pipe.h"

namespace voicectl {

/// Log pipes of the simulated machine: what an instance "wrote" is what the test says.
class FakeLogPipes final : public LogPipeFactory {
 public:
  /// What the instance with that log file has written last.
  void write(const std::string& log_path, std::vector<std::string> lines) {
    lines_.insert_or_assign(log_path, std::move(lines));
  }

  /// Opens of that log file so far, by any daemon.
  int opens(const std::string& log_path) { return opens_[log_path]; }

  Result<std::unique_ptr<LogPipe>> open(const std::string& /*fifo_path*/,
                                        const std::string& log_path) override {
    ++opens_[log_path];
    return std::unique_ptr<LogPipe>(std::make_unique<Pipe>(*this, log_path));
  }

 private:
  class Pipe final : public LogPipe {
   public:
    Pipe(FakeLogPipes& pipes, std::string log_path)
        : pipes_(pipes), log_path_(std::move(log_path)) {}
    int descriptor() const override { return sink_.get(); }
    std::vector<std::string> last_lines() override { return pipes_.lines_[log_path_]; }

   private:
    FakeLogPipes& pipes_;
    std::string log_path_;
    UniqueFd sink_{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
  };

  std::map<std::string, std::vector<std::string>> lines_;
  std::map<std::string, int> opens_;
};

}  // namespace voicectl
