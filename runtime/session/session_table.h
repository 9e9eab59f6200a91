// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "runtime/session/session.h"

namespace voicectl::runtime {

/// The sessions of one tenant that are live, and the last ones that ended: their bill and late
/// events still come.
///
/// THREADS: loop thread only.
class SessionTable {
 public:
  /// How many ended sessions are kept at hand; older ones are in the store.
  static constexpr std::size_t kEndedKept = 1000;

  /// Puts in or replaces.
  void put(Session session);
  /// Lets go of a session that ended. One that lives, or is not at hand, stays as it is.
  void forget(const SessionId& ended);
  /// Borrowed until the next change of the table; nullptr if it is not at hand.
  const Session* find(const SessionId& id) const;
  const Session* find_by_call(const std::string& call_id) const;
  /// By the request's identity: its body may have been another one.
  const Session* find_by_request(const std::string& request_key) const;

  std::size_t live() const { return live_; }
  /// Memory of the sessions at hand.
  std::size_t bytes() const { return bytes_; }
  std::vector<const Session*> all() const;
  void clear();

 private:
  void keep_few_ended(const SessionId& ended);
  void erase(std::unordered_map<SessionId, Session>::iterator ended);

  std::unordered_map<SessionId, Session> sessions_;
  std::unordered_map<std::string, SessionId> by_call_;
  /// Asked for every numbered request: a walk would cost more with each live session.
  std::unordered_map<std::string, SessionId> by_request_;
  std::deque<SessionId> ended_;
  std::size_t live_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace voicectl::runtime
