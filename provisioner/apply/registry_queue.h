// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/os/reactor.h"
#include "provisioner/registry/registry.h"

namespace voicectl {

/// Calls to the registry, one after the other, off the loop.
///
/// THREADS: loop thread only; `work` runs on the helper thread and gets values only.
class RegistryQueue {
 public:
  /// REQUIRES: both outlive it, and nobody else calls `registry` meanwhile.
  RegistryQueue(Registry& registry, Offload& offload) : registry_(registry), offload_(offload) {}

  template <typename T>
  void run(std::function<Result<T>(Registry&)> work, Completion<T> done) {
    auto outcome = std::make_shared<std::optional<Result<T>>>();
    Registry& registry = registry_;
    offload_.run([outcome, work = std::move(work), &registry] { outcome->emplace(work(registry)); },
                 [outcome, done = std::move(done)] { done(std::move(**outcome)); });
  }

 private:
  Registry& registry_;
  Offload& offload_;
};

}  // namespace voicectl
