// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_holder.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/os/fd_message.h"
#include "provisioner/holder/protocol.h"

namespace voicectl {

FakeHolder::FakeHolder(Reactor& reactor,
                       FakeProcesses& processes,
                       FakeChannelHub& hub,
                       FakeNetwork& network)
    : reactor_(reactor),
      processes_(processes),
      observer_(processes),
      hub_(hub),
      network_(network),
      version_(holder::kVersion) {
  processes_.on_spawn = [this, next = std::move(processes_.on_spawn)](const LaunchSpec& spec,
                                                                      const ProcessIdentity& who) {
    if (spec.argv.front().ends_with("voicectl-holder")) {
      return begin(who);
    }
    if (next) {
      next(spec, who);
    }
  };
}

void FakeHolder::begin(const ProcessIdentity& who) {
  const std::string address =
      network_.address_of(processes_.descriptor_of(who, holder::kListenerDescriptor));
  VC_CHECK(address.starts_with("unix:"), "a holder inherits its socket");
  who_ = who;
  path_ = address.substr(5);
  ++starts_;
  is_frozen_ = false;
  version_ = holder::kVersion;
  (void)observer_.adopt(who, [this, who](const ProcessExit&) { end(who); });
  hub_.listen(path_, [this](std::unique_ptr<FdChannel> channel) {
    const std::uint64_t number = ++last_visitor_;
    FdChannel::Handlers handlers;
    handlers.on_message = [this, number](const std::string& text,
                                         std::vector<UniqueFd> descriptors) {
      take(number, text, std::move(descriptors));
    };
    channel->start(std::move(handlers));
    visitors_.emplace(number, std::move(channel));
  });
}

void FakeHolder::end(const ProcessIdentity& who) {
  if (who_ != who) {
    return;
  }
  who_.reset();
  kept_.clear();
  unheard_.clear();
  visitors_.clear();
  hub_.stop_listening(path_);
  hub_.drop(path_);
}

void FakeHolder::thaw() {
  is_frozen_ = false;
  for (Unheard& one : std::exchange(unheard_, {})) {
    take(one.visitor, one.text, std::move(one.descriptors));
  }
}

void FakeHolder::crash() {
  if (who_) {
    processes_.end(*who_, FakeProcesses::killed_by(9));
  }
}

void FakeHolder::take(std::uint64_t visitor,
                      const std::string& text,
                      std::vector<UniqueFd> descriptors) {
  if (!who_) {
    return;
  }
  if (is_frozen_) {
    unheard_.push_back({visitor, text, std::move(descriptors)});
    return;
  }
  const std::size_t blank = std::min(text.find(' '), text.size());
  const std::string word = text.substr(0, blank);
  const std::string name = text.substr(std::min(blank + 1, text.size()));
  if (word == holder::kPut && is_full_) {
    kept_.erase(name);
    (void)visitors_.at(visitor)->send(std::string(holder::kRefused) + " no room", {});
  } else if (word == holder::kPut) {
    kept_.insert_or_assign(name, std::move(descriptors));
  } else if (word == holder::kDrop) {
    kept_.erase(name);
  } else if (word == holder::kList) {
    tell_list(visitor, 0);
  } else if (word == holder::kStop) {
    processes_.end(*who_, FakeProcesses::exited(0));
  }
}

void FakeHolder::tell_list(std::uint64_t visitor, std::size_t told) {
  const auto found = visitors_.find(visitor);
  if (found == visitors_.end()) {
    return;
  }
  for (auto one = std::next(kept_.begin(), static_cast<std::ptrdiff_t>(told)); one != kept_.end();
       ++one) {
    const Status sent =
        found->second->send(std::string(holder::kKept) + " " + one->first, numbers_of(one->second));
    if (sent.has_error()) {
      if (sent.error().code() == ErrorCode::kResourceExhausted) {
        // It has as much before it as it can have: the rest when it has read some.
        reactor_.call_after(std::chrono::milliseconds(1),
                            [this, visitor, told] { tell_list(visitor, told); });
      }
      return;
    }
    ++told;
  }
  (void)found->second->send(
      std::string(holder::kEnd) + " " + std::to_string(told) + " " + std::to_string(version_), {});
}

std::vector<std::string> FakeHolder::names() const {
  std::vector<std::string> out;
  for (const auto& [name, descriptors] : kept_) {
    out.push_back(name);
  }
  return out;
}

}  // namespace voicectl
