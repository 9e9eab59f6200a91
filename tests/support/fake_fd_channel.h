// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/os/fd_channel.h"
#include "base/os/reactor.h"
#include "tests/support/fake_listener_factory.h"

namespace voicectl {

class FakeFdChannel;

/// The message-framed sockets of the simulated machine. It outlives the daemon.
///
/// Messages arrive in order, each in a later turn of the world's loop. Descriptors are duplicated
/// for real. A channel object that dies closes its end; the other end learns it after what was
/// sent before.
class FakeChannelHub {
 public:
  using OnConnection = std::function<void(std::unique_ptr<FdChannel>)>;

  /// With `network`, a path that is bound there (bind_unix_packets) can be connected to before
  /// anyone listens, as the kernel does; without one, somebody must listen().
  /// OWNS nothing: both must outlive the hub.
  explicit FakeChannelHub(Reactor& reactor, FakeNetwork* network = nullptr);
  ~FakeChannelHub();
  FakeChannelHub(const FakeChannelHub&) = delete;
  FakeChannelHub& operator=(const FakeChannelHub&) = delete;

  /// Accepts connections to `path`, also those that wait: each gets to `on_connection` in a later
  /// turn. Replaces who listened there before.
  void listen(const std::string& path, OnConnection on_connection);
  void stop_listening(const std::string& path);

  /// Connects as user `uid`.
  /// ERRORS: kNotFound if nobody listens at `path`.
  Result<std::unique_ptr<FdChannel>> connect(const std::string& path, std::uint32_t uid);

  /// Two connected ends, without a path: for tests of one side.
  struct Pair {
    std::unique_ptr<FdChannel> first;
    std::unique_ptr<FdChannel> second;
  };
  Pair make_pair();
  /// Two connected sockets, real ones: whoever gets them can tell that they belong together.
  static Result<std::pair<UniqueFd, UniqueFd>> make_sockets();

  /// Who listeners appear to be to those who connect (peer_uid).
  void set_listener_uid(std::uint32_t uid) { listener_uid_ = uid; }

  /// Breaks every connection that was made to `path`: both ends learn that it is closed.
  void drop(const std::string& path);

  /// As drop(), and what was sent and has not arrived is lost.
  void cut(const std::string& path);

  /// From now on messages wait: nothing is delivered until `release`.
  void hold() { is_held_ = true; }
  void release();

  /// Texts sent over connections to `path` so far, in order, in both directions.
  const std::vector<std::string>& sent(const std::string& path) { return sent_[path]; }

 private:
  friend class FakeFdChannel;
  struct End;
  struct Link;

  std::shared_ptr<Link> make_link(const std::string& path, std::uint32_t uid);
  void hand_over(const std::string& path);
  void pump(const std::shared_ptr<End>& end);
  void deliver(const std::shared_ptr<End>& end);

  Reactor& reactor_;
  FakeNetwork* network_;
  std::uint32_t listener_uid_ = 0;
  bool is_held_ = false;
  std::map<std::string, OnConnection> listeners_;
  std::map<std::string, std::deque<std::unique_ptr<FdChannel>>> waiting_;
  std::vector<std::weak_ptr<Link>> links_;
  std::map<std::string, std::vector<std::string>> sent_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// One daemon's way to the simulated channels.
class FakeFdChannelFactory final : public FdChannelFactory {
 public:
  explicit FakeFdChannelFactory(FakeChannelHub& hub, std::uint32_t uid = 0)
      : hub_(hub), uid_(uid) {}

  Result<std::unique_ptr<FdChannel>> connect(const std::string& path) override {
    return hub_.connect(path, uid_);
  }
  Result<std::pair<UniqueFd, UniqueFd>> make_pair() override {
    return FakeChannelHub::make_sockets();
  }

 private:
  FakeChannelHub& hub_;
  std::uint32_t uid_;
};

}  // namespace voicectl
