// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>

#include <memory>
#include <string>
#include <vector>

#include "base/os/unique_fd.h"
#include "provisioner/daemon/hook_streams.h"

namespace voicectl {

/// Streams of the simulated machine's hooks: what one "wrote" is what the test says.
class FakeHookStreams final : public HookStreamFactory {
 public:
  /// What hooks write from now on.
  std::string output;
  /// What hooks were given to read, oldest first.
  std::vector<std::string> inputs;

  Result<std::unique_ptr<HookStreams>> open(const std::string& input) override {
    inputs.push_back(input);
    return std::unique_ptr<HookStreams>(std::make_unique<Streams>(output));
  }

 private:
  class Streams final : public HookStreams {
   public:
    explicit Streams(const std::string& output) : output_(output) {}
    int input() const override { return null_.get(); }
    int output() const override { return null_.get(); }
    std::string output_so_far() override { return output_; }

   private:
    std::string output_;
    UniqueFd null_{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  };
};

}  // namespace voicectl
