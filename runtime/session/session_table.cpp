// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/session_table.h"

#include <algorithm>
#include <utility>

#include "runtime/session/stored_values.h"

namespace voicectl::runtime {

namespace {

std::string request_name(const Session& session) {
  return std::string(request_identity(session.request_key));
}

}  // namespace

void SessionTable::put(Session session) {
  const SessionId id = session.session;
  const auto old = sessions_.find(id);
  const bool was_live = old != sessions_.end() && is_live(old->second.status);
  const bool lives = is_live(session.status);
  const bool is_new_ended = !lives && (old == sessions_.end() || was_live);
  live_ += lives ? 1 : 0;
  live_ -= was_live ? 1 : 0;
  const bool is_known = old != sessions_.end();
  if (!session.ultravox_call_id.empty() &&
      !(is_known && old->second.ultravox_call_id == session.ultravox_call_id)) {
    by_call_.insert_or_assign(session.ultravox_call_id, id);
  }
  if (!session.request_key.empty() &&
      !(is_known && old->second.request_key == session.request_key)) {
    by_request_.try_emplace(request_name(session), id);
  }
  if (is_known) {
    old->second = std::move(session);
  } else {
    sessions_.emplace(id, std::move(session));
  }
  if (is_new_ended) {
    keep_few_ended(id);
  }
}

void SessionTable::keep_few_ended(const SessionId& ended) {
  ended_.push_back(ended);
  if (ended_.size() <= kEndedKept) {
    return;
  }
  const auto oldest = sessions_.find(ended_.front());
  if (oldest != sessions_.end()) {
    by_call_.erase(oldest->second.ultravox_call_id);
    by_request_.erase(request_name(oldest->second));
    sessions_.erase(oldest);
  }
  ended_.pop_front();
}

void SessionTable::forget(const SessionId& ended) {
  const auto found = sessions_.find(ended);
  if (found == sessions_.end() || is_live(found->second.status)) {
    return;
  }
  by_call_.erase(found->second.ultravox_call_id);
  by_request_.erase(request_name(found->second));
  sessions_.erase(found);
  std::erase(ended_, ended);
}

const Session* SessionTable::find(const SessionId& id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

const Session* SessionTable::find_by_call(const std::string& call_id) const {
  const auto found = by_call_.find(call_id);
  return found == by_call_.end() ? nullptr : find(found->second);
}

const Session* SessionTable::find_by_request(const std::string& request_key) const {
  const auto found = by_request_.find(std::string(request_identity(request_key)));
  return found == by_request_.end() ? nullptr : find(found->second);
}

std::vector<const Session*> SessionTable::all() const {
  std::vector<const Session*> out;
  for (const auto& [id, session] : sessions_) {
    out.push_back(&session);
  }
  return out;
}

void SessionTable::clear() {
  sessions_.clear();
  by_call_.clear();
  by_request_.clear();
  ended_.clear();
  live_ = 0;
}

}  // namespace voicectl::runtime
