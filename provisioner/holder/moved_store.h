// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/os/descriptor_store.h"

namespace voicectl {

/// A store that takes over what an earlier run put into another one, which is cleared then: the
/// daemon was told to use another keeper.
class MovedStore final : public DescriptorStore {
 public:
  MovedStore(std::unique_ptr<DescriptorStore> now, std::unique_ptr<DescriptorStore> before)
      : now_(std::move(now)), before_(std::move(before)) {}

  void open(Handlers handlers, std::function<void(std::vector<KeptDescriptors>)> done) override;
  void put(const std::string& name, const std::vector<int>& descriptors) override {
    now_->put(name, descriptors);
  }
  void drop(const std::string& name) override { now_->drop(name); }
  void clear(std::function<void()> done) override { now_->clear(std::move(done)); }

 private:
  void join(std::vector<KeptDescriptors> from_before,
            std::vector<KeptDescriptors> kept,
            const std::function<void(std::vector<KeptDescriptors>)>& done);

  std::unique_ptr<DescriptorStore> now_;
  std::unique_ptr<DescriptorStore> before_;
};

}  // namespace voicectl
