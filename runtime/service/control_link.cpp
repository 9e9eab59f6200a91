// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/control_link.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace voicectl::runtime {
namespace {

/// Connections that may wait to say who they are.
constexpr std::size_t kMaxConnections = 8;

/// The text of an answer; of one that no message holds, that of an error. The others that wait for
/// an answer here would lose theirs with the connection.
std::string fitting(const control::Message& answer, const std::string& question) {
  std::string text = control::encode(answer);
  if (text.size() <= kMaxChannelMessage) {
    return text;
  }
  const Error error(ErrorCode::kResourceExhausted,
                    fmt::format("cannot answer '{}': {} bytes are more than a message holds ({})",
                                question.substr(0, 80), text.size(), kMaxChannelMessage));
  return control::encode(control::make_error_reply(answer.re.value_or(0), error));
}

}  // namespace

struct ControlLink::Connection {
  std::unique_ptr<FdChannel> channel;
};

void ControlRequest::answer(std::string_view type,
                            std::string body,
                            const std::vector<int>& descriptors) const {
  send_({std::string(type), std::nullopt, id_, std::move(body)}, descriptors);
}

void ControlRequest::refuse(const Error& error) const {
  send_(control::make_error_reply(id_, error), {});
}

ControlLink::ControlLink(AsioReactor& reactor,
                         InstanceId instance,
                         UniqueFd listener,
                         Handlers handlers)
    : reactor_(reactor),
      instance_(std::move(instance)),
      listener_(std::move(listener)),
      handlers_(std::move(handlers)),
      channels_(reactor, reactor),
      self_(std::make_shared<ControlLink*>(this)) {
  watch_ = reactor_.watch_readable(listener_.get(), [this] { accept_all(); });
}

ControlLink::~ControlLink() {
  reactor_.unwatch(watch_);
}

void ControlLink::accept_all() {
  while (true) {
    UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.is_open()) {
      return;
    }
    auto channel = channels_.adopt(std::move(socket));
    const std::uint32_t uid = channel->peer_uid();
    if ((uid != 0 && uid != ::geteuid()) || connections_.size() >= kMaxConnections) {
      handlers_.on_change("control.refused", fmt::format("user {}", uid));
      continue;
    }
    const std::uint64_t number = ++last_number_;
    auto connection = std::make_unique<Connection>();
    connection->channel = std::move(channel);
    FdChannel& started = *connection->channel;
    connections_.emplace(number, std::move(connection));
    started.start({[this, number](std::string text, std::vector<UniqueFd> descriptors) {
                     take(number, std::move(text), std::move(descriptors));
                   },
                   [this, number] { drop(number); }});
  }
}

void ControlLink::drop(std::uint64_t number) {
  const bool was_served = served_ == number;
  if (was_served) {
    served_.reset();
    handlers_.on_change("control.lost", "serving on; waiting for the daemon to come back");
  }
  // Not at once: the caller may be the channel itself.
  const auto found = connections_.find(number);
  if (found != connections_.end()) {
    std::shared_ptr<Connection> last = std::move(found->second);
    connections_.erase(found);
    reactor_.post([last] {});
  }
}

void ControlLink::take(std::uint64_t number, std::string text, std::vector<UniqueFd> descriptors) {
  const Result<control::Message> message = control::decode(text);
  if (message.has_error() || !message->id) {
    handlers_.on_change("control.refused", "a message that makes no sense");
    drop(number);
    return;
  }
  const auto send = [this, number, type = message->type, alive = std::weak_ptr(self_)](
                        const control::Message& answer, const std::vector<int>& fds) {
    const bool gone = alive.expired() || connections_.count(number) == 0;
    if (!gone && connections_.at(number)->channel->send(fitting(answer, type), fds).has_error()) {
      // A daemon that does not read its answers is as good as gone; it will connect again.
      drop(number);
    }
  };
  const ControlRequest request(message->type, *message->id, message->body, send);
  if (request.type() == control::request::kHello) {
    greet(number, request);
  } else if (served_ == number) {
    handlers_.on_request(request, std::move(descriptors));
  } else {
    request.refuse(Error(ErrorCode::kConflict, "cannot take a request before a hello"));
  }
}

void ControlLink::greet(std::uint64_t number, const ControlRequest& request) {
  const Result<Json> body = parse_json(request.body());
  if (body.has_error()) {
    request.refuse(body.error());
    return;
  }
  const std::string wanted = string_or(*body, "instance", instance_.str());
  if (wanted != instance_.str()) {
    request.refuse(Error(
        ErrorCode::kNotFound,
        fmt::format("cannot answer for instance '{}': this is '{}'", wanted, instance_.str())));
    return;
  }
  const Epoch epoch{static_cast<std::uint64_t>(integer_or(*body, "epoch", 0))};
  if (epoch < epoch_) {
    request.refuse(Error(ErrorCode::kFenced,
                         fmt::format("cannot obey epoch {}: a daemon of epoch {} has been here",
                                     epoch.value, epoch_.value)));
    return;
  }
  epoch_ = epoch;
  const std::optional<std::uint64_t> before = std::exchange(served_, number);
  if (before && before != number) {
    drop(*before);
  }
  handlers_.on_change("control.connected", fmt::format("epoch {}", epoch.value));
  request.answer(control::reply::kReady, handlers_.describe());
}

}  // namespace voicectl::runtime
