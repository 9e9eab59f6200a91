// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/os/descriptor_store.h"
#include "base/os/reactor.h"

namespace voicectl {

/// What is kept on the simulated machine. It outlives the daemon, unless a test takes it away.
using FakeKept = std::map<std::string, std::vector<UniqueFd>>;

/// One daemon's way to it.
class FakeDescriptorStore final : public DescriptorStore {
 public:
  FakeDescriptorStore(Reactor& reactor, FakeKept& kept) : reactor_(reactor), kept_(kept) {}

  void open(Handlers handlers, std::function<void(std::vector<KeptDescriptors>)> done) override {
    handlers_ = std::move(handlers);
    auto all = std::make_shared<std::vector<KeptDescriptors>>();
    for (const auto& [name, descriptors] : kept_) {
      all->push_back({name, {}});
      for (const UniqueFd& descriptor : descriptors) {
        all->back().descriptors.push_back(descriptor.duplicate());
      }
    }
    reactor_.post([all, done = std::move(done)] { done(std::move(*all)); });
  }
  void put(const std::string& name, const std::vector<int>& descriptors) override {
    std::vector<UniqueFd> copies;
    for (const int descriptor : descriptors) {
      copies.emplace_back(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    }
    kept_.insert_or_assign(name, std::move(copies));
  }
  void drop(const std::string& name) override { kept_.erase(name); }
  void clear(std::function<void()> done) override {
    kept_.clear();
    reactor_.post(std::move(done));
  }

  /// The keeper dies and comes back.
  void lose() {
    kept_.clear();
    reactor_.post(handlers_.on_empty);
  }

 private:
  Reactor& reactor_;
  FakeKept& kept_;
  Handlers handlers_;
};

}  // namespace voicectl
