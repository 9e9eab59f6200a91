// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/session_api.h"

#include <fmt/core.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/crypto.h"
#include "base/json.h"
#include "base/json_text.h"
#include "runtime/tenant/auth.h"
#include "runtime/tenant/session_requests.h"
#include "runtime/webhook/call_deliverer.h"

namespace voicectl::runtime {
namespace {

constexpr std::size_t kSessionRandom = 20;

constexpr std::string_view kBusy =
    "cannot create a session: too many are live; try again when one has ended";

NewEvent created_event(const Session& session) {
  JsonText told;
  return {EventType::kSessionCreated, told.text("customer_name", session.customer_name)
                                          .text("customer_phone", session.customer_phone)
                                          .text("business_type", session.business_type)
                                          .take()};
}

}  // namespace

/// One request for a new session on its way.
struct SessionApi::Creation {
  std::shared_ptr<Exchange> exchange;
  NewSession asked;
  SessionId session;
  /// Who calls, if they called before.
  std::optional<Customer> customer = {};
};

SessionApi::SessionApi(TenantScope& scope, ErpSide& erp)
    : scope_(scope), erp_(erp), customers_(scope), self_(std::make_shared<SessionApi*>(this)) {}

void SessionApi::create(const std::shared_ptr<Exchange>& exchange) {
  const Result<NewSession> asked = parse_new_session(exchange->request().body);
  if (asked.has_error()) {
    exchange->refuse(asked.error());
    return;
  }
  if (scope_.memory.begin(exchange) == RequestMemory::Standing::kTaken) {
    return;
  }
  recognise(std::make_shared<Creation>(
      Creation{exchange, *asked,
               make_session_id(scope_.config->tenant, scope_.random.token(kSessionRandom))}));
}

/// Comes first, because limits are checked in the turn in which the session begins to count.
void SessionApi::recognise(const std::shared_ptr<Creation>& creation) {
  customers_.recognise(
      creation->asked.customer_phone,
      [this, creation, alive = std::weak_ptr(self_)](Result<std::optional<Customer>> found) {
        if (!alive.expired()) {
          creation->customer = std::move(*found);
          begin(creation);
        }
      });
}

void SessionApi::begin(const std::shared_ptr<Creation>& creation) {
  const SessionBook& book = scope_.book;
  if (book.broken()) {
    const Error& error = *book.broken();
    scope_.memory.forget(creation->exchange, refusal_of(error));
    return;
  }
  const auto key = creation->exchange->request_key();
  const Session* unfinished = key ? book.find_by_request(*key) : nullptr;
  if (unfinished != nullptr && unfinished->status == SessionStatus::kInitializing) {
    if (unfinished->request_key != *key) {
      scope_.memory.forget(creation->exchange, refusal_of_reused_key());
      return;
    }
    // The instance that began it is gone: the same session gets its call now.
    creation->session = unfinished->session;
    creating_.insert(creation->session);
    request_call(creation);
    return;
  }
  const SessionLimits& limits = scope_.config->limits;
  if (book.table().live() >= limits.concurrent) {
    HttpResponse response = error_response(429, "too_many_sessions", kBusy);
    response.headers.emplace_back("Retry-After", "10");
    scope_.memory.forget(creation->exchange, response);
    return;
  }
  if (limits.per_month && scope_.book.sessions_this_month() >= *limits.per_month) {
    scope_.memory.forget(
        creation->exchange,
        error_response(429, "quota_exceeded",
                       fmt::format("cannot create a session: the {} sessions of this month are "
                                   "used up; choose a larger plan",
                                   *limits.per_month)));
    return;
  }
  store_new(creation);
}

void SessionApi::store_new(const std::shared_ptr<Creation>& creation) {
  const TenantConfig& config = *scope_.config;
  Session session(creation->session, config.tenant);
  session.business_type = name_of(config.business.type);
  session.customer_name = creation->asked.customer_name;
  session.customer_phone = creation->asked.customer_phone;
  session.known_customer = recognised(creation->customer);
  session.metadata = creation->asked.metadata;
  session.created_at = scope_.clock.now();
  session.request_key = creation->exchange->request_key().value_or("");
  session.token_sha256 =
      sha256_hex(make_session_token(config.tool_secret, session.session).reveal());
  creating_.insert(session.session);
  Change change;
  change.events = {created_event(session)};
  if (!phone_key(session.customer_phone).empty()) {
    change.customers.push_back(with_session(creation->customer, session.customer_phone,
                                            session.customer_name, session.created_at));
    customers_.stored_with_session(session.customer_phone);
  }
  change.session = std::move(session);
  scope_.book.commit(std::move(change),
                     [this, creation, alive = std::weak_ptr(self_)](const Status& outcome) {
                       if (alive.expired()) {
                         return;
                       }
                       if (outcome.has_error()) {
                         const Error error = outcome.error();
                         creating_.erase(creation->session);
                         scope_.memory.forget(creation->exchange, refusal_of(error));
                         return;
                       }
                       request_call(creation);
                     });
}

void SessionApi::request_call(const std::shared_ptr<Creation>& creation) {
  const Session* session = scope_.book.find(creation->session);
  if (session == nullptr) {
    creating_.erase(creation->session);
    scope_.memory.forget(creation->exchange,
                         error_response(503, "unavailable",
                                        "cannot create the session: the store failed; try again"));
    return;
  }
  auto request = make_call_request(*scope_.config, scope_.zone, *session, creation->asked.medium,
                                   scope_.clock.now());
  if (const Status tools = erp_.point_tools_at_site(*scope_.config, *session, request);
      tools.has_error()) {
    creating_.erase(creation->session);
    fail(creation, tools.error(),
         error_response(503, "backend_unavailable",
                        "cannot create a session: the business's own system cannot be reached; "
                        "try again later"));
    return;
  }
  scope_.ultravox->create_call(request, [this, creation, alive = std::weak_ptr(self_)](
                                            const ultravox::UltravoxResult<ultravox::Call>& call) {
    if (alive.expired()) {
      return;
    }
    creating_.erase(creation->session);
    if (call.has_error()) {
      fail(creation, call.error().error, response_for(call.error()));
    } else {
      take_call(creation, *call);
    }
  });
}

void SessionApi::take_call(const std::shared_ptr<Creation>& creation, const ultravox::Call& call) {
  const Session* session = scope_.book.find(creation->session);
  if (session == nullptr || !is_live(session->status)) {
    // It was ended, or the store failed, while the call was being made: nobody will join it.
    hang_up(creation->session.str(), call.call_id);
    scope_.memory.forget(
        creation->exchange,
        error_response(409, "conflict", "cannot hand out the session: it was ended meanwhile"));
    return;
  }
  Change change;
  change.session = *session;
  change.session->ultravox_call_id = call.call_id;
  change.session->join_url = call.join_url.value_or("");
  if (session->status == SessionStatus::kInitializing) {
    change.session->status = SessionStatus::kReady;
  }
  JsonText told;
  change.events = {{EventType::kSessionReady, told.text("call_id", call.call_id).take()}};
  const std::string body = render_created(*scope_.config, *change.session);
  finish(creation, std::move(change), json_response(201, body));
}

void SessionApi::fail(const std::shared_ptr<Creation>& creation,
                      const Error& problem,
                      HttpResponse response) {
  const Session* session = scope_.book.find(creation->session);
  if (session == nullptr || !is_live(session->status)) {
    scope_.memory.forget(creation->exchange, response);
    return;
  }
  Change change;
  change.session = *session;
  change.session->status = SessionStatus::kFailed;
  change.session->end_time = scope_.clock.now();
  change.session->end_reason = "call_not_created";
  change.events = {
      {EventType::kSessionFailed,
       dump_json(Json{{"end_reason", "call_not_created"}, {"error", name_of(problem.code())}})}};
  finish(creation, std::move(change), std::move(response));
}

void SessionApi::finish(const std::shared_ptr<Creation>& creation,
                        Change change,
                        HttpResponse response) {
  const StoredResponse stored{creation->exchange->request_key().value_or(""), response.status,
                              response.body, scope_.clock.now()};
  if (!stored.request_key.empty()) {
    change.response = stored;
  }
  scope_.book.commit(std::move(change),
                     [this, creation, stored, headers = std::move(response.headers),
                      alive = std::weak_ptr(self_)](const Status& outcome) {
                       if (alive.expired()) {
                         return;
                       }
                       if (outcome.has_error()) {
                         const Error error = outcome.error();
                         scope_.memory.forget(creation->exchange, refusal_of(error));
                       } else {
                         scope_.memory.finish(creation->exchange, stored, headers);
                       }
                     });
}

void SessionApi::list(const std::shared_ptr<Exchange>& exchange) {
  Result<SessionQuery> query = parse_session_query(exchange->request().query);
  if (query.has_error()) {
    exchange->refuse(query.error());
    return;
  }
  scope_.store.list_sessions(std::move(*query), [exchange](const Result<SessionPage>& page) {
    if (page.has_error()) {
      exchange->refuse(page.error());
      return;
    }
    exchange->answer(json_response(200, render_page(*page)));
  });
}

void SessionApi::end(const std::shared_ptr<Exchange>& exchange) {
  const Result<SessionId> id = SessionId::parse(exchange->parameter("session"));
  if (id.has_error()) {
    exchange->refuse(404, "not_found", "cannot find the session");
    return;
  }
  if (scope_.memory.begin(exchange) == RequestMemory::Standing::kTaken) {
    return;
  }
  scope_.book.fetch(*id, [this, exchange, alive = std::weak_ptr(self_)](
                             const Result<std::optional<Session>>& found) {
    if (alive.expired()) {
      return;
    }
    const Status problem = require_found(found);
    if (problem.has_error()) {
      const Error error = problem.error();
      scope_.memory.forget(exchange, refusal_of(error));
      return;
    }
    const std::optional<std::string> key = exchange->request_key();
    StoredResponse stored{key.value_or(""), 200, "", scope_.clock.now()};
    change_end(**found, "ended_by_request", key ? std::optional(stored) : std::nullopt,
               [this, exchange, stored, alive](const Result<Session>& ended) {
                 if (alive.expired()) {
                   return;
                 }
                 if (ended.has_error()) {
                   const Error error = ended.error();
                   scope_.memory.forget(exchange, refusal_of(error));
                   return;
                 }
                 StoredResponse answer = stored;
                 answer.body = to_public_text(*ended);
                 scope_.memory.finish(exchange, std::move(answer));
               });
  });
}

void SessionApi::end_session(const SessionId& id, std::string reason, Completion<Session> done) {
  scope_.book.fetch(id,
                    [this, reason = std::move(reason), done = std::move(done),
                     alive = std::weak_ptr(self_)](const Result<std::optional<Session>>& found) {
                      if (alive.expired()) {
                        return;
                      }
                      const Status problem = require_found(found);
                      if (problem.has_error()) {
                        done(problem.error());
                        return;
                      }
                      change_end(**found, reason, std::nullopt, done);
                    });
}

void SessionApi::change_end(const Session& session,
                            std::string reason,
                            std::optional<StoredResponse> response,
                            Completion<Session> done) {
  Change change = end_change(session, std::move(reason), scope_.clock.now());
  const Session after = *change.session;
  if (response) {
    response->body = to_public_text(after);
    change.response = std::move(response);
  }
  std::vector<NewEffect> effects;
  if (is_live(session.status) && !after.ultravox_call_id.empty()) {
    effects.push_back(hang_up_effect(after.session.str(), after.ultravox_call_id));
    // The call's own event fetches its words too, if it comes; this one waits until the call has
    // ended.
    effects.push_back(
        fetch_call_effect(after.session.str(), after.ultravox_call_id, after.end_reason));
  }
  scope_.outbox.commit(
      std::move(change), std::move(effects),
      [after, done = std::move(done)](const Status& outcome) {
        done(outcome.has_error() ? Result<Session>(outcome.error()) : Result<Session>(after));
      });
}

void SessionApi::hang_up(const std::string& session, const std::string& call_id) {
  scope_.outbox.commit({}, {hang_up_effect(session, call_id)},
                       [this, call_id, alive = std::weak_ptr(self_)](const Status& outcome) {
                         if (outcome.has_error() && !alive.expired()) {
                           // It cannot be recorded: one attempt is better than none.
                           scope_.ultravox->end_call(call_id,
                                                     [](const ultravox::UltravoxResult<void>&) {});
                         }
                       });
}

}  // namespace voicectl::runtime
