// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/os/fd_channel.h"
#include "runtime/handoff/peer_channel.h"

namespace voicectl::handoff {

/// What two ends of a hand-over say, until a test stops it at a message.
class Stage {
 public:
  /// From now on nothing is passed on from the first message of that type on, in both directions.
  void stop_at(PeerMessage type) { stop_ = type; }
  bool is_stopped() const { return is_stopped_; }
  /// Passes on what waits, and what follows before the next message of that type.
  void go_on_to(PeerMessage type) {
    go_on();
    stop_ = type;
  }
  /// Passes on what waits, and whatever follows. Whoever is gone hears nothing.
  void go_on() {
    stop_.reset();
    is_stopped_ = false;
    for (const Waiting& one : std::exchange(waiting_, {})) {
      one.send();
    }
  }
  /// Forgets those messages of that type that wait.
  void drop(PeerMessage type) {
    std::erase_if(waiting_, [type](const Waiting& one) { return one.type == type; });
  }
  /// How often that was said.
  std::size_t count(PeerMessage type) const {
    return static_cast<std::size_t>(std::count(said_.begin(), said_.end(), type));
  }

  /// The kernel takes no message that cannot wait.
  bool is_full = false;

 private:
  friend class StagedChannel;
  std::optional<PeerMessage> stop_;
  bool is_stopped_ = false;
  std::vector<PeerMessage> said_;
  struct Waiting {
    PeerMessage type;
    std::function<void()> send;
  };
  std::deque<Waiting> waiting_;
};

/// A channel whose messages go over a stage.
class StagedChannel final : public FdChannel {
 public:
  StagedChannel(std::unique_ptr<FdChannel> channel, Stage& stage)
      : channel_(std::move(channel)), stage_(stage) {}

  void start(Handlers handlers) override { channel_->start(std::move(handlers)); }

  Status send(std::string_view message, const std::vector<int>& descriptors) override {
    const auto type = static_cast<PeerMessage>(message[0]);
    stage_.said_.push_back(type);
    stage_.is_stopped_ = stage_.is_stopped_ || type == stage_.stop_;
    if (!stage_.is_stopped_) {
      return channel_->send(message, descriptors);
    }
    auto copies = std::make_shared<std::vector<UniqueFd>>();
    for (const int descriptor : descriptors) {
      copies->push_back(UniqueFd(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0)));
    }
    stage_.waiting_.push_back(
        {type, [weak = std::weak_ptr(channel_), text = std::string(message), copies] {
           std::vector<int> numbers;
           for (const UniqueFd& copy : *copies) {
             numbers.push_back(copy.get());
           }
           if (const auto channel = weak.lock()) {
             (void)channel->send(text, numbers);  // the other end may be gone
           }
         }});
    return ok_status();
  }
  using FdChannel::send_now;
  Status send_now(std::string_view message, const std::vector<int>& descriptors) override {
    return stage_.is_full
               ? Error(ErrorCode::kResourceExhausted, "cannot send a message: it is full")
               : send(message, descriptors);
  }
  std::uint32_t peer_uid() const override { return channel_->peer_uid(); }

 private:
  std::shared_ptr<FdChannel> channel_;
  Stage& stage_;
};

}  // namespace voicectl::handoff
