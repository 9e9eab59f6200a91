// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/control_link.h"

#include <fmt/core.h>

#include <utility>

namespace voicectl {
namespace {

/// A tenant's two, or the one of the admin port.
constexpr std::size_t kMostListeners = 2;

}  // namespace

ControlLink::ControlLink(Reactor& reactor, std::unique_ptr<FdChannel> channel)
    : reactor_(reactor), channel_(std::move(channel)), peer_uid_(channel_->peer_uid()) {
  FdChannel::Handlers handlers;
  // The channel may outlive us by a turn, see `close`.
  handlers.on_message = [this, alive = std::weak_ptr<int>(alive_)](
                            const std::string& message, std::vector<UniqueFd> descriptors) {
    if (!alive.expired()) {
      take(message, std::move(descriptors));
    }
  };
  handlers.on_close = [this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) {
      lose();
    }
  };
  channel_->start(std::move(handlers));
}

ControlLink::~ControlLink() {
  for (const auto& [id, pending] : pending_) {
    reactor_.cancel(pending.timer);
  }
}

void ControlLink::ask(const Question& question,
                      Completion<std::string> done,
                      OnListener on_listener) {
  const std::uint64_t id = ++last_id_;
  const control::Message message{question.type, id, std::nullopt, question.body};
  const Status sent =
      channel_ ? channel_->send(control::encode(message), question.descriptors)
               : Status(Error(ErrorCode::kUnavailable, "cannot ask: the channel is closed"));
  const TimerId timer = reactor_.call_after(question.timeout, [this, id] {
    const auto late = pending_.find(id);
    if (late != pending_.end()) {
      const std::string text =
          fmt::format("cannot wait longer for the answer to '{}'", late->second.type);
      finish(id, Error(ErrorCode::kTimeout, text));
    }
  });
  pending_.emplace(id, Pending{std::move(done), std::move(on_listener), question.on_progress, timer,
                               question.type});
  if (sent.has_error()) {
    finish(id, sent.error());
  }
}

void ControlLink::close(const Error& why) {
  on_close_ = nullptr;
  while (!pending_.empty()) {
    finish(pending_.begin()->first, why);
  }
  // The channel may be the one that is calling us: it dies in a turn of its own.
  if (channel_) {
    reactor_.post([channel = std::shared_ptr<FdChannel>(std::move(channel_))] {});
  }
}

void ControlLink::take(const std::string& text, std::vector<UniqueFd> descriptors) {
  const Result<control::Message> message = control::decode(text);
  if (message.has_error() || !message->re) {
    return lose();
  }
  const auto found = pending_.find(*message->re);
  const bool is_listener = message->type == control::reply::kListener;
  // Nobody gets what nobody asked for: so a flood of it is one message long.
  const bool wants_descriptors = is_listener && found != pending_.end() &&
                                 found->second.on_listener && descriptors.size() <= kMostListeners;
  if (!descriptors.empty() && !wants_descriptors) {
    return lose();
  }
  if (found == pending_.end()) {
    return;  // too late: who asked was told so
  }
  if (is_listener) {
    return take_listener(found->second, message->body, std::move(descriptors));
  }
  if (message->type == control::reply::kProgress) {
    if (found->second.on_progress) {
      reactor_.post(
          [on_progress = found->second.on_progress, body = message->body] { on_progress(body); });
    }
    return;
  }
  if (message->type == control::reply::kError) {
    return finish(*message->re, control::error_of(*message));
  }
  finish(*message->re, message->body);
}

void ControlLink::take_listener(Pending& pending,
                                std::string body,
                                std::vector<UniqueFd> descriptors) {
  if (!pending.on_listener) {
    return;
  }
  auto shared = std::make_shared<std::vector<UniqueFd>>(std::move(descriptors));
  reactor_.post([on_listener = pending.on_listener, body = std::move(body), shared] {
    on_listener(body, std::move(*shared));
  });
}

void ControlLink::finish(std::uint64_t id, Result<std::string> result) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) {
    return;
  }
  reactor_.cancel(found->second.timer);
  reactor_.post(
      [done = std::move(found->second.done), result = std::move(result)] { done(result); });
  pending_.erase(found);
}

void ControlLink::lose() {
  const std::function<void()> on_close = on_close_;
  close(Error(ErrorCode::kUnavailable, "cannot go on: the channel to the instance broke"));
  reactor_.post([on_close, alive = std::weak_ptr<int>(alive_)] {
    if (on_close && !alive.expired()) {
      on_close();
    }
  });
}

}  // namespace voicectl
