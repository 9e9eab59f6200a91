// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/os/fd_channel.h"
#include "runtime/service/service.h"
#include "runtime/session/session_event.h"
#include "runtime/ultravox/timestamp.h"

/// What the daemon asks about sessions, for the people at the CLI.
namespace voicectl::runtime {
namespace {

constexpr std::int64_t kDefaultPage = 50;
constexpr std::int64_t kMaxPage = 200;

/// Most events that one answer shows: the last ones.
constexpr std::uint32_t kMaxEvents = 200;

/// Room for an answer's frame around what it carries.
constexpr std::size_t kMaxAnswer = kMaxChannelMessage - 1024;

/// Newest first, as the stores order them.
bool is_newer(const Session& a, const Session& b) {
  return std::pair(a.created_at, a.session) > std::pair(b.created_at, b.session);
}

/// The transcript can be long, and is shown by `show_session` only.
Json summary_of(const Session& session) {
  Json summary = to_public_json(session);
  summary.erase("transcript");
  summary.erase("last_tool_call");
  return summary;
}

Json event_json(const SessionEvent& event) {
  Result<Json> parsed = parse_json(render_for_session(event));
  return parsed.has_error() ? Json::object() : std::move(*parsed);
}

/// The answer to `show_session`; the oldest events are left out if it would be too long.
std::string render_session(const Session& session, std::vector<SessionEvent> events) {
  Json shown = to_public_json(session);
  std::string answer;
  while (true) {
    Json list = Json::array();
    for (const SessionEvent& event : events) {
      list.push_back(event_json(event));
    }
    answer = dump_json(Json{{"session", shown}, {"events", std::move(list)}});
    if (answer.size() <= kMaxAnswer) {
      return answer;
    }
    if (events.empty()) {
      shown = summary_of(session);
      shown["metadata"] = Json::object();
      return dump_json(Json{{"session", shown}, {"events", Json::array()}});
    }
    events.erase(events.begin(),
                 events.begin() + static_cast<std::ptrdiff_t>((events.size() + 1) / 2));
  }
}

Result<SessionQuery> query_of(const Json& body) {
  SessionQuery query;
  query.after = string_or(body, "after", "");
  query.limit = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(integer_or(body, "limit", kDefaultPage), 1, kMaxPage));
  if (const std::string status = string_or(body, "status", ""); !status.empty()) {
    query.status = session_status_named(status);
    if (!query.status) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("cannot list sessions: '{}' is no status; allowed are initializing, "
                               "ready, active, completed and failed",
                               status));
    }
  }
  for (const auto& [name, bound] : {std::pair("created_after", &query.created_after),
                                    std::pair("created_before", &query.created_before)}) {
    if (const std::string text = string_or(body, name, ""); !text.empty()) {
      VC_TRY(*bound, ultravox::parse_timestamp(text));
    }
  }
  return query;
}

}  // namespace

/// One page over several tenants, on its way.
struct Service::Page {
  ControlRequest request;
  std::size_t limit;
  std::size_t missing;
  std::vector<Session> found;
  bool more = false;
  std::optional<Error> problem;

  void add(const Result<SessionPage>& page) {
    if (page.has_error()) {
      problem = page.error();
    } else {
      more = more || !page->next.empty();
      found.insert(found.end(), page->sessions.begin(), page->sessions.end());
    }
    if (--missing == 0) {
      finish();
    }
  }

  void finish() {
    if (problem) {
      request.refuse(*problem);
      return;
    }
    std::sort(found.begin(), found.end(), is_newer);
    more = more || found.size() > limit;
    found.erase(found.begin() + static_cast<std::ptrdiff_t>(std::min(limit, found.size())),
                found.end());
    Json sessions = Json::array();
    std::size_t size = 0;
    std::string next;
    for (const Session& session : found) {
      Json summary = summary_of(session);
      summary["cursor"] = page_cursor(session);
      size += dump_json(summary).size() + 1;
      if (size > kMaxAnswer - 256) {
        more = true;
        break;
      }
      sessions.push_back(std::move(summary));
      next = page_cursor(session);
    }
    Json body = {{"sessions", std::move(sessions)}};
    if (more && !next.empty()) {
      body["next"] = next;
    }
    request.answer(control::reply::kOk, dump_json(body));
  }
};

void Service::list_sessions(const ControlRequest& request, const Json& body) {
  const Result<SessionQuery> query = query_of(body);
  if (query.has_error()) {
    request.refuse(query.error());
    return;
  }
  std::vector<TenantHost*> hosts;
  if (body.contains("tenant")) {
    const Result<Place*> place = find_place(body);
    if (place.has_error()) {
      request.refuse(place.error());
      return;
    }
    hosts.push_back((*place)->host.get());
  } else {
    for (const auto& [tenant, place] : places_) {
      if (place->is_served()) {
        hosts.push_back(place->host.get());
      }
    }
  }
  if (hosts.empty()) {
    request.answer(control::reply::kOk, R"({"sessions":[]})");
    return;
  }
  const auto page =
      std::make_shared<Page>(Page{request, query->limit, hosts.size(), {}, false, std::nullopt});
  for (TenantHost* host : hosts) {
    host->store().list_sessions(*query,
                                [page](const Result<SessionPage>& part) { page->add(part); });
  }
}

Result<std::pair<TenantHost*, SessionId>> Service::find_session_host(const Json& body) {
  VC_TRY(const std::string name, require_string(body, "session"));
  VC_TRY(SessionId id, SessionId::parse(name));
  for (const auto& [tenant, place] : places_) {
    if (place->is_served() && belongs_to(id, tenant)) {
      return std::pair(place->host.get(), std::move(id));
    }
  }
  return Error(ErrorCode::kNotFound,
               fmt::format("cannot find session '{}': its tenant is not served here", name));
}

void Service::show_session(const ControlRequest& request, const Json& body) {
  const auto found = find_session_host(body);
  if (found.has_error()) {
    request.refuse(found.error());
    return;
  }
  SessionStore& store = found->first->store();
  const SessionId id = found->second;
  // Both reads are queued now: the store may be gone when the first one answers.
  const auto session = std::make_shared<std::optional<Session>>();
  store.find_session(id, [session](const Result<std::optional<Session>>& read) {
    *session = read.has_value() ? *read : std::nullopt;
  });
  store.read_session_events(
      id, 0, kMaxEvents, [request, id, session](const Result<std::vector<SessionEvent>>& events) {
        if (!*session) {
          request.refuse(
              Error(ErrorCode::kNotFound, fmt::format("cannot find session '{}'", id.str())));
        } else if (events.has_error()) {
          request.refuse(events.error());
        } else {
          request.answer(control::reply::kOk, render_session(**session, *events));
        }
      });
}

void Service::end_session(const ControlRequest& request, const Json& body) {
  const auto found = find_session_host(body);
  if (found.has_error()) {
    request.refuse(found.error());
    return;
  }
  found->first->end_session(
      found->second, string_or(body, "reason", "ended_by_operator"),
      [request](const Result<Session>& ended) {
        if (ended.has_error()) {
          request.refuse(ended.error());
          return;
        }
        request.answer(control::reply::kOk, dump_json(Json{{"session", summary_of(*ended)}}));
      });
}

}  // namespace voicectl::runtime
