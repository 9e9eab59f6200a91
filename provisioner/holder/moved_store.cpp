// SPDX-License-Identifier: Apache-2.0
#include "provisioner/holder/moved_store.h"

#include <algorithm>
#include <utility>

#include "base/os/fd_message.h"

namespace voicectl {

void MovedStore::open(Handlers handlers, std::function<void(std::vector<KeptDescriptors>)> done) {
  const Handlers of_before{[] {}, handlers.on_error};
  before_->open(of_before, [this, handlers = std::move(handlers),
                            done = std::move(done)](std::vector<KeptDescriptors> from_before) {
    const auto old = std::make_shared<std::vector<KeptDescriptors>>(std::move(from_before));
    now_->open(handlers, [this, old, done](std::vector<KeptDescriptors> kept) {
      join(std::move(*old), std::move(kept), done);
    });
  });
}

void MovedStore::join(std::vector<KeptDescriptors> from_before,
                      std::vector<KeptDescriptors> kept,
                      const std::function<void(std::vector<KeptDescriptors>)>& done) {
  for (KeptDescriptors& old : from_before) {
    const std::string name = old.name;
    const bool is_known = std::any_of(kept.begin(), kept.end(),
                                      [&](const auto& known) { return known.name == name; });
    if (!is_known) {
      now_->put(name, numbers_of(old.descriptors));
      kept.push_back(std::move(old));
    }
    before_->drop(name);
  }
  if (afterwards_ == Afterwards::kClear) {
    before_->clear([] {});
  }
  done(std::move(kept));
}

void MovedStore::clear(std::function<void()> done) {
  if (afterwards_ == Afterwards::kClear) {
    return now_->clear(std::move(done));
  }
  now_->clear([this, done = std::move(done)] { before_->clear(done); });
}

}  // namespace voicectl
