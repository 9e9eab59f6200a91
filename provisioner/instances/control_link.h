// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/os/fd_channel.h"
#include "base/os/reactor.h"
#include "base/os/unique_fd.h"
#include "base/result.h"
#include "runtime/control/protocol.h"

namespace voicectl {

/// One connection to an instance: asks, and brings each answer to who asked.
///
/// An instance may have been taken over. What it says that cannot be an answer breaks the protocol,
/// and so do descriptors that nobody asked for, also those of a `listener` that comes too late. An
/// answer that only comes too late does not.
///
/// Everything it tells comes in a turn of its own, so that a receiver may close or destroy it.
/// THREADS: loop thread only.
class ControlLink {
 public:
  struct Question {
    /// One of control::request.
    std::string type;
    /// A JSON object.
    std::string body = "{}";
    /// To send along; duplicated at once.
    std::vector<int> descriptors = {};
    Duration timeout{};
    /// Gets the body of each `progress` message that precedes the answer.
    std::function<void(const std::string& body)> on_progress = {};
  };

  /// A `listener` message that precedes the answer.
  using OnListener = std::function<void(std::string body, std::vector<UniqueFd> descriptors)>;

  ControlLink(Reactor& reactor, std::unique_ptr<FdChannel> channel);
  /// What is pending gets no answer: `close` first.
  ~ControlLink();
  ControlLink(const ControlLink&) = delete;
  ControlLink& operator=(const ControlLink&) = delete;

  /// Sends `question`; `done` gets the body of the answer.
  /// ERRORS: kTimeout; kUnavailable if the link closes first; what the instance answers.
  void ask(const Question& question, Completion<std::string> done, OnListener on_listener = {});

  /// `on_close` runs once if the other end goes away or breaks the protocol, not after `close`. Who
  /// calls last is told.
  void when_closed(std::function<void()> on_close) { on_close_ = std::move(on_close); }

  /// Closes the channel and answers everything pending with `why`.
  void close(const Error& why);

  bool is_open() const { return channel_ != nullptr; }

  std::uint32_t peer_uid() const { return peer_uid_; }

 private:
  struct Pending {
    Completion<std::string> done;
    OnListener on_listener;
    std::function<void(const std::string& body)> on_progress;
    TimerId timer;
    std::string type;
  };

  void take(const std::string& text, std::vector<UniqueFd> descriptors);
  void take_listener(Pending& pending, std::string body, std::vector<UniqueFd> descriptors);
  void finish(std::uint64_t id, Result<std::string> result);
  void lose();

  Reactor& reactor_;
  std::unique_ptr<FdChannel> channel_;
  std::function<void()> on_close_;
  std::uint32_t peer_uid_ = 0;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Pending> pending_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace voicectl
