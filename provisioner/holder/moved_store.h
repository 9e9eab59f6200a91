// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/os/descriptor_store.h"

namespace voicectl {

/// A store that takes over what an earlier run put into another one: the daemon was told to use
/// another keeper.
class MovedStore final : public DescriptorStore {
 public:
  /// What becomes of the other one: it ends, or stays for something else than descriptors.
  enum class Afterwards { kClear, kKeep };

  MovedStore(std::shared_ptr<DescriptorStore> now,
             std::shared_ptr<DescriptorStore> before,
             Afterwards afterwards = Afterwards::kClear)
      : now_(std::move(now)), before_(std::move(before)), afterwards_(afterwards) {}

  void open(Handlers handlers, std::function<void(std::vector<KeptDescriptors>)> done) override;
  void put(const std::string& name, const std::vector<int>& descriptors) override {
    now_->put(name, descriptors);
  }
  void drop(const std::string& name) override { now_->drop(name); }
  void clear(std::function<void()> done) override;

 private:
  void join(std::vector<KeptDescriptors> from_before,
            std::vector<KeptDescriptors> kept,
            const std::function<void(std::vector<KeptDescriptors>)>& done);

  std::shared_ptr<DescriptorStore> now_;
  std::shared_ptr<DescriptorStore> before_;
  Afterwards afterwards_;
};

}  // namespace voicectl
