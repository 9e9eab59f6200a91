// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/merged_sessions.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace voicectl {

MergedSessions::MergedSessions(std::size_t limit) : limit_(limit) {}

MergedSessions::~MergedSessions() = default;

MergedSessions::Place MergedSessions::place_of(const Json& session) {
  return {string_or(session, "created_at", ""), string_or(session, "session_id", "")};
}

void MergedSessions::add(const Result<Json>& answer) {
  if (answer.has_error()) {
    if (answer.error().code() == ErrorCode::kInvalidArgument) {
      refusal_ = answer.error();
    }
    problems_.push_back(answer.error().text());
    return;
  }
  const auto list = answer->find("sessions");
  if (list == answer->end() || !list->is_array() ||
      !std::all_of(list->begin(), list->end(), [](const Json& one) { return one.is_object(); })) {
    problems_.emplace_back("cannot read the sessions of an instance: its answer makes no sense");
    return;
  }
  sessions_.insert(sessions_.end(), list->begin(), list->end());
  if (answer->contains("next") && !list->empty()) {
    const Place last = place_of(list->back());
    end_ = std::max(end_.value_or(last), last);
  }
}

Result<Json> MergedSessions::take() {
  if (refusal_) {
    return *refusal_;
  }
  std::sort(sessions_.begin(), sessions_.end(),
            [](const Json& a, const Json& b) { return place_of(a) > place_of(b); });
  const auto most =
      sessions_.begin() + static_cast<std::ptrdiff_t>(std::min(limit_, sessions_.size()));
  const auto last = std::find_if(sessions_.begin(), most, [this](const Json& session) {
    return end_ && place_of(session) < *end_;
  });
  const bool has_more = end_ || last != sessions_.end();
  sessions_.erase(last, sessions_.end());
  Json body = {{"sessions", Json::array()}, {"problems", problems_}};
  std::string next;
  for (Json& session : sessions_) {
    next = string_or(session, "cursor", "");
    session.erase("cursor");
    body["sessions"].push_back(std::move(session));
  }
  if (has_more && !next.empty()) {
    body["next"] = next;
  }
  return body;
}

}  // namespace voicectl
