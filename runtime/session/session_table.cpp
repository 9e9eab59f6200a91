// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/session_table.h"

#include <algorithm>
#include <utility>

#include "base/heap_bytes.h"
#include "runtime/session/stored_values.h"

namespace voicectl::runtime {

namespace {

std::string request_name(const Session& session) {
  return std::string(request_identity(session.request_key));
}

/// Its places in the table: one for itself and two to find it by, each with a pointer or two.
constexpr std::size_t kPlaces = 8 * sizeof(void*);

std::size_t bytes_of(const Session& session) {
  std::size_t sum = sizeof(Session) + kPlaces;
  for (const std::string* const text :
       {&session.session.str(),      &session.tenant.str(),     &session.business_type,
        &session.ultravox_call_id,   &session.join_url,         &session.customer_name,
        &session.customer_phone,     &session.known_customer,   &session.end_reason,
        &session.transcript,         &session.summary,          &session.step,
        &session.extracted_data,     &session.business_outcome, &session.reference_doctype,
        &session.reference_document, &session.instance,         &session.metadata,
        &session.token_sha256,       &session.request_key}) {
    sum += heap_bytes(*text);
  }
  if (session.last_tool_call) {
    sum += heap_bytes(session.last_tool_call->tool) +
           heap_bytes(session.last_tool_call->parameters) +
           heap_bytes(session.last_tool_call->result);
  }
  for (const std::string& delivery : session.deliveries) {
    sum += sizeof delivery + heap_bytes(delivery);
  }
  return sum;
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
  bytes_ += bytes_of(session);
  if (is_known) {
    bytes_ -= bytes_of(old->second);
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
    erase(oldest);
  }
  ended_.pop_front();
}

void SessionTable::erase(std::unordered_map<SessionId, Session>::iterator ended) {
  by_call_.erase(ended->second.ultravox_call_id);
  by_request_.erase(request_name(ended->second));
  bytes_ -= bytes_of(ended->second);
  sessions_.erase(ended);
}

void SessionTable::forget(const SessionId& ended) {
  const auto found = sessions_.find(ended);
  if (found == sessions_.end() || is_live(found->second.status)) {
    return;
  }
  erase(found);
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
  bytes_ = 0;
}

}  // namespace voicectl::runtime
