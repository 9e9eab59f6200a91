// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/os/reactor.h"
#include "runtime/session/session_store.h"

namespace voicectl::runtime {

/// A store in memory with the contract of the real one: outcomes come in a later turn, and after a
/// failure nothing is written until it is opened again.
class FakeSessionStore final : public SessionStore {
 public:
  explicit FakeSessionStore(Reactor& reactor) : reactor_(reactor) {}

  /// The next commit fails with `error`.
  void fail_next_commit(Error error) { next_failure_ = std::move(error); }
  /// Opening fails with `error` until it is set to nullopt.
  void fail_open(std::optional<Error> error) { open_failure_ = std::move(error); }

  const std::vector<SessionEvent>& events() const { return events_; }

  void open(WallTime, Completion<StoreContents> done) override {
    reactor_.post([this, done = std::move(done)] {
      if (open_failure_) {
        done(*open_failure_);
        return;
      }
      broken_.reset();
      StoreContents contents;
      for (const auto& [id, session] : sessions_) {
        contents.sessions.push_back(session);
      }
      contents.responses = responses_;
      contents.last_tenant_seq = events_.empty() ? 0 : events_.back().tenant_seq;
      done(std::move(contents));
    });
  }

  void commit(StoreBatch batch, std::function<void(Status)> done) override {
    if (!broken_ && next_failure_) {
      broken_ = std::exchange(next_failure_, std::nullopt);
    }
    if (broken_) {
      reactor_.post([done = std::move(done), error = *broken_] { done(error); });
      return;
    }
    for (const Session& session : batch.sessions) {
      sessions_.insert_or_assign(session.session, session);
    }
    events_.insert(events_.end(), batch.events.begin(), batch.events.end());
    if (batch.response) {
      responses_.push_back(*batch.response);
    }
    reactor_.post([done = std::move(done)] { done(ok_status()); });
  }

  void list_sessions(SessionQuery, Completion<SessionPage> done) override {
    reactor_.post([done = std::move(done)] { done(SessionPage{}); });
  }

  void find_session(const SessionId& id, Completion<std::optional<Session>> done) override {
    const auto found = sessions_.find(id);
    std::optional<Session> session;
    if (found != sessions_.end()) {
      session = found->second;
    }
    reactor_.post([done = std::move(done), session] { done(session); });
  }

  void find_session_by_call(const std::string&, Completion<std::optional<Session>> done) override {
    reactor_.post([done = std::move(done)] { done(std::optional<Session>()); });
  }

  void read_session_events(const SessionId&,
                           std::uint64_t,
                           std::uint32_t,
                           Completion<std::vector<SessionEvent>> done) override {
    reactor_.post([done = std::move(done), events = events_] { done(events); });
  }

  void read_tenant_events(std::uint64_t,
                          std::uint32_t,
                          Completion<std::vector<SessionEvent>> done) override {
    reactor_.post([done = std::move(done), events = events_] { done(events); });
  }

  void close(std::function<void()> done) override { reactor_.post(std::move(done)); }

 private:
  Reactor& reactor_;
  std::map<SessionId, Session> sessions_;
  std::vector<SessionEvent> events_;
  std::vector<StoredResponse> responses_;
  std::optional<Error> broken_;
  std::optional<Error> next_failure_;
  std::optional<Error> open_failure_;
};

}  // namespace voicectl::runtime
