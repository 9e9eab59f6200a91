// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_fd_channel.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>

#include <optional>
#include <utility>

namespace voicectl {

struct FakeChannelHub::End {
  struct Message {
    std::string text;
    std::vector<UniqueFd> descriptors;
  };
  std::deque<Message> inbox;
  FdChannel::Handlers handlers;
  std::weak_ptr<End> other;
  std::uint32_t peer_uid = 0;
  std::string path;
  bool is_started = false;
  bool is_open = true;        ///< the channel object of this end lives and was not closed
  bool is_peer_gone = false;  ///< close after what is in the inbox
  bool is_scheduled = false;
};

struct FakeChannelHub::Link {
  std::shared_ptr<End> client;
  std::shared_ptr<End> server;
};

namespace {

/// Most messages that an end which does not read may have before it.
constexpr std::size_t kMostWaiting = 1024;

Error closed() {
  return Error(ErrorCode::kUnavailable, "cannot send a message: the channel is closed");
}

}  // namespace

class FakeFdChannel final : public FdChannel {
 public:
  using End = FakeChannelHub::End;

  FakeFdChannel(FakeChannelHub& hub,
                std::shared_ptr<FakeChannelHub::Link> link,
                std::shared_ptr<End> end)
      : hub_(hub), hub_alive_(hub.alive_), link_(std::move(link)), end_(std::move(end)) {}

  ~FakeFdChannel() override {
    end_->is_open = false;
    end_->handlers = {};
    end_->inbox.clear();
    if (const auto other = end_->other.lock(); other && *hub_alive_) {
      other->is_peer_gone = true;
      hub_.pump(other);
    }
  }

  void start(Handlers handlers) override {
    end_->handlers = std::move(handlers);
    end_->is_started = true;
    hub_.pump(end_);
  }

  Status send(std::string_view message, const std::vector<int>& descriptors) override {
    if (message.empty()) {
      return Error(ErrorCode::kInvalidArgument, "cannot send an empty message");
    }
    const auto other = end_->other.lock();
    if (end_->is_peer_gone || !end_->is_open || !other || !*hub_alive_) {
      return closed();
    }
    if (message.size() > kMaxChannelMessage || descriptors.size() > kMaxChannelDescriptors) {
      return Error(ErrorCode::kResourceExhausted,
                   fmt::format("cannot send a message of {} bytes and {} descriptors: "
                               "the most is {} and {}",
                               message.size(), descriptors.size(), kMaxChannelMessage,
                               kMaxChannelDescriptors));
    }
    if (other->inbox.size() >= kMostWaiting) {
      return Error(ErrorCode::kResourceExhausted,
                   "cannot send a message: the other end has stopped reading");
    }
    End::Message copy{std::string(message), {}};
    for (const int descriptor : descriptors) {
      copy.descriptors.emplace_back(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    }
    other->inbox.push_back(std::move(copy));
    hub_.sent_[end_->path].emplace_back(message);
    hub_.pump(other);
    return ok_status();
  }

  using FdChannel::send_now;
  Status send_now(std::string_view message, const std::vector<int>& descriptors) override {
    // What is held waits in the kernel of the simulated machine, which is full then.
    return hub_.is_held_ && !end_->is_peer_gone
               ? Error(ErrorCode::kResourceExhausted, "cannot send a message: it is full")
               : send(message, descriptors);
  }

  std::uint32_t peer_uid() const override { return end_->peer_uid; }

 private:
  FakeChannelHub& hub_;
  std::shared_ptr<bool> hub_alive_;
  std::shared_ptr<FakeChannelHub::Link> link_;
  std::shared_ptr<End> end_;
};

FakeChannelHub::FakeChannelHub(Reactor& reactor, FakeNetwork* network)
    : reactor_(reactor), network_(network) {}

FakeChannelHub::~FakeChannelHub() {
  *alive_ = false;
}

std::shared_ptr<FakeChannelHub::Link> FakeChannelHub::make_link(const std::string& path,
                                                                std::uint32_t uid) {
  auto link = std::make_shared<Link>();
  link->client = std::make_shared<End>();
  link->server = std::make_shared<End>();
  link->client->other = link->server;
  link->server->other = link->client;
  link->client->path = link->server->path = path;
  link->client->peer_uid = listener_uid_;
  link->server->peer_uid = uid;
  std::erase_if(links_, [](const auto& known) { return known.expired(); });
  links_.push_back(link);
  return link;
}

Result<std::pair<UniqueFd, UniqueFd>> FakeChannelHub::make_sockets() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return Error(ErrorCode::kResourceExhausted, "cannot make a pair of sockets");
  }
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

FakeChannelHub::Pair FakeChannelHub::make_pair() {
  const auto link = make_link("", listener_uid_);
  return {std::make_unique<FakeFdChannel>(*this, link, link->client),
          std::make_unique<FakeFdChannel>(*this, link, link->server)};
}

Result<std::unique_ptr<FdChannel>> FakeChannelHub::connect(const std::string& path,
                                                           std::uint32_t uid) {
  const bool is_there =
      network_ == nullptr ? listeners_.contains(path) : network_->is_reachable(path);
  if (!is_there) {
    return Error(ErrorCode::kNotFound, fmt::format("cannot connect to '{}': nobody listens", path));
  }
  const auto link = make_link(path, uid);
  waiting_[path].push_back(std::make_unique<FakeFdChannel>(*this, link, link->server));
  reactor_.post([this, alive = alive_, path] {
    if (*alive) {
      hand_over(path);
    }
  });
  return std::unique_ptr<FdChannel>(std::make_unique<FakeFdChannel>(*this, link, link->client));
}

void FakeChannelHub::listen(const std::string& path, OnConnection on_connection) {
  listeners_.insert_or_assign(path, std::move(on_connection));
  reactor_.post([this, alive = alive_, path] {
    if (*alive) {
      hand_over(path);
    }
  });
}

void FakeChannelHub::stop_listening(const std::string& path) {
  listeners_.erase(path);
}

void FakeChannelHub::hand_over(const std::string& path) {
  while (listeners_.contains(path) && !waiting_[path].empty()) {
    // A copy: the handler may stop listening, or replace itself.
    const OnConnection on_connection = listeners_[path];
    std::unique_ptr<FdChannel> channel = std::move(waiting_[path].front());
    waiting_[path].pop_front();
    on_connection(std::move(channel));
  }
}

void FakeChannelHub::drop(const std::string& path) {
  waiting_[path].clear();
  for (const auto& known : links_) {
    const auto link = known.lock();
    if (link == nullptr || link->client->path != path) {
      continue;
    }
    for (const auto& end : {link->client, link->server}) {
      end->is_peer_gone = true;
      pump(end);
    }
  }
}

void FakeChannelHub::cut(const std::string& path) {
  for (const auto& known : links_) {
    const auto link = known.lock();
    if (link != nullptr && link->client->path == path) {
      link->client->inbox.clear();
      link->server->inbox.clear();
    }
  }
  drop(path);
}

void FakeChannelHub::release() {
  is_held_ = false;
  for (const auto& known : links_) {
    if (const auto link = known.lock()) {
      pump(link->client);
      pump(link->server);
    }
  }
}

void FakeChannelHub::pump(const std::shared_ptr<End>& end) {
  const bool has_something = !end->inbox.empty() || end->is_peer_gone;
  if (end->is_scheduled || is_held_ || !end->is_started || !end->is_open || !has_something) {
    return;
  }
  end->is_scheduled = true;
  reactor_.post([this, alive = alive_, end] {
    if (*alive) {
      deliver(end);
    }
  });
}

void FakeChannelHub::deliver(const std::shared_ptr<End>& end) {
  end->is_scheduled = false;
  if (is_held_ || !end->is_open) {
    return;
  }
  if (!end->inbox.empty()) {
    End::Message message = std::move(end->inbox.front());
    end->inbox.pop_front();
    pump(end);
    // Copies: a handler may destroy its channel.
    const auto on_message = end->handlers.on_message;
    if (on_message) {
      on_message(std::move(message.text), std::move(message.descriptors));
    }
    return;
  }
  end->is_open = false;
  const auto on_close = end->handlers.on_close;
  if (on_close) {
    on_close();
  }
}

}  // namespace voicectl
