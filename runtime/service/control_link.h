// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/os/asio_reactor.h"
#include "base/os/fd_channel.h"
#include "base/os/unique_fd.h"
#include "base/result.h"
#include "base/units.h"
#include "runtime/control/protocol.h"

namespace voicectl::runtime {

/// A request of the daemon, and the way back.
///
/// Copyable; each copy answers the same request. An answer to a daemon that is gone is dropped.
class ControlRequest {
 public:
  using Send = std::function<void(const control::Message&, const std::vector<int>& descriptors)>;

  ControlRequest(std::string type, std::uint64_t id, std::string body, Send send)
      : type_(std::move(type)), id_(id), body_(std::move(body)), send_(std::move(send)) {}

  const std::string& type() const { return type_; }
  /// JSON object.
  const std::string& body() const { return body_; }

  /// `body` is a JSON object. `descriptors` stay the caller's.
  void answer(std::string_view type,
              std::string body = "{}",
              const std::vector<int>& descriptors = {}) const;
  void refuse(const Error& error) const;

 private:
  std::string type_;
  std::uint64_t id_;
  std::string body_;
  Send send_;
};

/// The instance's end of the channel to the daemon: accepts it, checks who it is, and hands its
/// requests on. The newest daemon is served; without one, nothing changes.
///
/// THREADS: loop thread only.
class ControlLink {
 public:
  struct Handlers {
    std::function<void(ControlRequest request, std::vector<UniqueFd> descriptors)> on_request;
    /// What the answer to a daemon's first message says: the tenants that are served here.
    std::function<std::string()> describe;
    /// For the log: "control.connected", "control.lost", "control.refused".
    std::function<void(std::string_view event, const std::string& detail)> on_change;
  };

  /// Accepts on `listener`, a message-framed socket. REQUIRES: `reactor` outlives it.
  ControlLink(AsioReactor& reactor, InstanceId instance, UniqueFd listener, Handlers handlers);
  ~ControlLink();
  ControlLink(const ControlLink&) = delete;
  ControlLink& operator=(const ControlLink&) = delete;

 private:
  struct Connection;

  void accept_all();
  void take(std::uint64_t number, std::string text, std::vector<UniqueFd> descriptors);
  void greet(std::uint64_t number, const ControlRequest& request);
  void drop(std::uint64_t number);

  AsioReactor& reactor_;
  InstanceId instance_;
  UniqueFd listener_;
  Handlers handlers_;
  PosixFdChannelFactory channels_;
  WatchId watch_{};
  /// Highest daemon run that was met: an older one must not command.
  Epoch epoch_;
  std::uint64_t last_number_ = 0;
  /// The daemon that is served, and any that have not said who they are yet.
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::optional<std::uint64_t> served_;
  std::shared_ptr<ControlLink*> self_;
};

}  // namespace voicectl::runtime
