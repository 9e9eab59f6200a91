// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/provisioner/migrate/relayed_channels.h"

#include <utility>

namespace voicectl {

struct RelayedChannels::Relay {
  std::unique_ptr<FdChannel> first;
  std::unique_ptr<FdChannel> second;
  std::size_t messages = 0;
};

void RelayedChannels::pass_on(const std::shared_ptr<Relay>& relay,
                              std::unique_ptr<FdChannel> Relay::*from,
                              std::unique_ptr<FdChannel> Relay::*to) {
  FdChannel::Handlers handlers;
  handlers.on_message = [this, to, weak = std::weak_ptr(relay)](
                            const std::string& message, const std::vector<UniqueFd>& descriptors) {
    const std::shared_ptr<Relay> alive = weak.lock();
    if (alive == nullptr) {
      return;
    }
    if (on_message) {
      on_message(++alive->messages);
    }
    std::vector<int> numbers;
    for (const UniqueFd& descriptor : descriptors) {
      numbers.push_back(descriptor.get());
    }
    if ((*alive).*to != nullptr) {
      (void)((*alive).*to)->send(message, numbers);  // whoever is dead hears nothing
    }
  };
  // What one end has said before it went is passed on first: the channel tells of it in order.
  handlers.on_close = [to, weak = std::weak_ptr(relay)] {
    if (const std::shared_ptr<Relay> alive = weak.lock()) {
      ((*alive).*to).reset();
    }
  };
  ((*relay).*from)->start(std::move(handlers));
}

Result<std::pair<UniqueFd, UniqueFd>> RelayedChannels::make_pair() {
  if (!on_message) {
    return real_.make_pair();
  }
  VC_TRY(auto first, real_.make_pair());
  VC_TRY(auto second, real_.make_pair());
  relay_ = std::make_shared<Relay>();
  relay_->first = real_.adopt(std::move(first.second));
  relay_->second = real_.adopt(std::move(second.first));
  pass_on(relay_, &Relay::first, &Relay::second);
  pass_on(relay_, &Relay::second, &Relay::first);
  return std::pair(std::move(first.first), std::move(second.second));
}

}  // namespace voicectl
