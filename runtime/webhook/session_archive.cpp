// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/session_archive.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "runtime/backend/erpnext/erpnext_text.h"

namespace voicectl::runtime {
namespace {

constexpr const char* kDoctype = "Voice Session";
constexpr const char* kIdField = "session_id";

using Verdict = DeliveryOutcome::Verdict;

DeliveryOutcome outcome_with(Verdict verdict, std::string error) {
  DeliveryOutcome outcome;
  outcome.verdict = verdict;
  outcome.error = std::move(error);
  return outcome;
}

DeliveryOutcome failure(const Error& error, Duration quiet) {
  const ErrorCode code = error.code();
  const bool away = code == ErrorCode::kUnavailable || code == ErrorCode::kTimeout ||
                    code == ErrorCode::kResourceExhausted;
  const bool passes = code == ErrorCode::kConflict || code == ErrorCode::kPermissionDenied ||
                      code == ErrorCode::kCorrupt;
  DeliveryOutcome outcome = outcome_with(
      away ? Verdict::kUnreachable : (passes ? Verdict::kAgain : Verdict::kRefused), error.text());
  if (quiet > Duration(0)) {
    outcome.retry_after = quiet;
  }
  return outcome;
}

Json document_of(const Session& session, const TimeZone& site) {
  Json document = {{kIdField, session.session.str()},
                   {"ultravox_call_id", session.ultravox_call_id},
                   {"customer_name", session.customer_name},
                   {"customer_phone", session.customer_phone},
                   {"business_type", session.business_type},
                   {"status", name_of(session.status)},
                   {"end_reason", session.end_reason},
                   {"business_outcome", session.business_outcome},
                   {"reference_doctype", session.reference_doctype},
                   {"reference_document", session.reference_document},
                   {"tool_calls", session.tool_calls},
                   {"transcript", session.transcript},
                   {"summary", session.summary}};
  if (session.start_time) {
    document["start_time"] = render_site_time(site, *session.start_time);
  }
  if (session.end_time) {
    document["end_time"] = render_site_time(site, *session.end_time);
  }
  if (session.duration) {
    document["duration"] = session.duration->count();
  }
  return document;
}

/// A field that was sent with a value and is not in what the site says it has; empty if all are.
std::string missing_in(const Json& echo, const Json& document) {
  for (const auto& [field, value] : document.items()) {
    const bool blank = value.is_string() && value.get_ref<const std::string&>().empty();
    if (!blank && !echo.contains(field)) {
      return field;
    }
  }
  return {};
}

}  // namespace

SessionArchive::SessionArchive(ErpnextClient& client, SessionBook& book)
    : client_(client), book_(book), self_(std::make_shared<SessionArchive*>(this)) {}

NewEffect SessionArchive::effect(const SessionId& session, std::string_view occasion) {
  return {std::string(kKind), session.str(),
          fmt::format("{}:{}:{}", kKind, session.str(), occasion), "{}"};
}

void SessionArchive::deliver(const OutboxEntry& entry, Attempt, Done done) {
  const Result<SessionId> id = SessionId::parse(entry.session);
  if (id.has_error()) {
    done(outcome_with(Verdict::kRefused, id.error().text()));
    return;
  }
  book_.fetch(*id, [this, done = std::move(done),
                    alive = std::weak_ptr(self_)](const Result<std::optional<Session>>& found) {
    if (alive.expired()) {
      return;
    }
    if (found.has_error()) {
      done(outcome_with(Verdict::kAgain, found.error().text()));
    } else if (!*found) {
      done(outcome_with(Verdict::kRefused, "cannot find the session in the store"));
    } else {
      save(document_of(**found, site_), done);
    }
  });
}

ErpnextClient::OnAnswer SessionArchive::with_content(std::string doing,
                                                     const Done& done,
                                                     std::function<void(const Json&)> then) {
  return [this, doing = std::move(doing), done, then = std::move(then),
          alive = std::weak_ptr(self_)](const Result<ErpnextAnswer>& answer) {
    if (alive.expired()) {
      return;
    }
    if (answer.has_error()) {
      done(failure(answer.error(), client_.quiet_for()));
      return;
    }
    if (answer->verdict != ErpnextVerdict::kOk) {
      done(failure(error_of(*answer, doing), client_.quiet_for()));
      return;
    }
    then(*answer->content);
  };
}

void SessionArchive::save(const Json& document, const Done& done) {
  const auto take =
      with_content("look for the session", done, [this, document, done](const Json& found) {
        const bool is_there = found.is_array() && !found.empty();
        write(document, is_there ? string_or(found.front(), "name", "") : "", done);
      });
  client_.find(kDoctype, kIdField, document.at(kIdField).get<std::string>(), take);
}

void SessionArchive::write(const Json& document, const std::string& name, const Done& done) {
  const auto take = with_content("save the session", done, [document, done](const Json& echo) {
    // The site drops fields that it does not know, and says nothing.
    const std::string missing = echo.is_object() ? missing_in(echo, document) : kIdField;
    done(missing.empty()
             ? DeliveryOutcome{}
             : outcome_with(Verdict::kRefused,
                            fmt::format("cannot keep '{}' of a session: the site's '{}' has no "
                                        "such field; add it, then retry this entry",
                                        missing, kDoctype)));
  });
  if (name.empty()) {
    client_.create(kDoctype, document, take);
  } else {
    client_.update(kDoctype, name, document, take);
  }
}

}  // namespace voicectl::runtime
