// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "runtime/backend/backend.h"
#include "runtime/session/session.h"

/// What a session store keeps beside sessions and their events, as plain values.
namespace voicectl::runtime {

/// The answer that a request got, kept so that its repetition gets the same.
struct StoredResponse {
  /// What makes two requests the same one.
  std::string request_key;
  int status = 200;
  std::string body;
  WallTime at;
};

/// Part of a request key that names the request; what may follow, behind a line break, tells its
/// body from another one under the same name.
std::string_view request_identity(std::string_view request_key);

/// How long answers are kept. Longer than any edge repeats a request.
inline constexpr Duration kResponsesKept = std::chrono::minutes(10);

/// What a tool call brought about: one order, appointment or ticket. It belongs to the session of
/// its batch. Writing one again under its id replaces it.
struct BusinessRecord {
  enum class Kind { kOrder, kAppointment, kTicket };
  Kind kind = Kind::kOrder;
  std::string id;
  /// Set for appointments.
  std::optional<Booking> booking;
  /// JSON object with everything.
  std::string data = "{}";
  /// Its name in the system behind a backend; empty if there is none (yet).
  std::string external_id = {};
};
/// "order", "appointment", "ticket".
std::string_view name_of(BusinessRecord::Kind kind);
std::optional<BusinessRecord::Kind> record_kind_named(std::string_view text);

/// A record as the store gives it back.
struct KeptRecord {
  BusinessRecord record;
  SessionId session;
  /// When it was written last.
  WallTime at;
};

struct RecordQuery {
  std::optional<BusinessRecord::Kind> kind;
  /// Only records written at or after this.
  WallTime since{};
  /// Newest first.
  std::uint32_t limit = 50;
  /// `record_cursor` of the last record of the page before; empty begins with the newest.
  std::string after = {};
};

/// Where a page begins in a list that is newest first: behind this one.
struct PagePlace {
  WallTime at;
  std::string id;
  friend bool operator==(const PagePlace&, const PagePlace&) = default;
};
/// "<milliseconds>.<id>", and back; nullopt for anything else.
std::string page_cursor(const PagePlace& place);
std::optional<PagePlace> parse_page_cursor(const std::string& cursor);
/// What a list says to a cursor that is none.
Error bad_page_cursor(std::string_view list);
std::string record_cursor(const KeptRecord& kept);

/// A webhook as it came, so that nothing that was acknowledged is lost.
struct InboxEntry {
  std::string call_id;
  std::string event;
  std::string body;
  WallTime at;
};

/// One effect on another system that was decided and is to be delivered at least once.
struct OutboxEntry {
  enum class State {
    kPending,  ///< to be tried at `next_attempt`
    kDead,     ///< given up; an operator may retry or drop it
  };
  /// Counts from 1 in its tenant, in the order of the decisions. Writing one again under its id
  /// replaces it.
  std::uint64_t id = 0;
  /// Entries of one session are delivered in the order of their ids; empty: of no session.
  std::string session;
  /// What is to be done, such as "erpnext.place_order".
  std::string kind;
  /// The same for every attempt, and for no other entry: what the other side tells repetitions by.
  std::string idempotency_key;
  /// JSON object.
  std::string payload = "{}";
  State state = State::kPending;
  WallTime created_at;
  WallTime next_attempt;
  std::uint32_t attempts = 0;
  std::string last_error;
};
std::string_view name_of(OutboxEntry::State state);

struct OutboxQuery {
  std::optional<OutboxEntry::State> state;
  /// Entries with higher ids, in their order.
  std::uint64_t after = 0;
  std::uint32_t limit = 50;
};

/// Somebody who called before.
struct Customer {
  /// As `phone_key` makes it; one customer per key.
  std::string phone;
  std::string name;
  WallTime first_seen;
  WallTime last_seen;
  std::uint64_t sessions = 0;
  /// JSON object: what the business remembers, such as the last order.
  std::string data = "{}";
};

/// A session that is over, as its place in every list is found.
struct ExpiredSession {
  SessionId session;
  SessionStatus status = SessionStatus::kCompleted;
  std::string call_id;
};

/// What goes at the end of its time. Usage, records and customers stay: bills and reports need
/// them.
struct Expired {
  std::vector<ExpiredSession> sessions;
  /// Events up to this number; 0 for none.
  std::uint64_t events_through = 0;
  /// Webhooks as they came, by call and event.
  std::vector<std::pair<std::string, std::string>> inbox;

  bool empty() const { return sessions.empty() && events_through == 0 && inbox.empty(); }
};

struct ExpiryQuery {
  /// Sessions that ended before this.
  WallTime sessions_before{};
  /// Events of sessions that are over, if they are older than this.
  WallTime events_before{};
  WallTime inbox_before{};
  std::uint32_t limit = 200;
};

/// What a month came to, as a bill needs it. Sessions that failed do not count.
struct UsageTotal {
  std::uint64_t sessions = 0;
  std::chrono::seconds duration{0};
  std::chrono::seconds billed_duration{0};
  std::uint64_t tool_calls = 0;
  friend bool operator==(const UsageTotal&, const UsageTotal&) = default;
};

/// Midnight UTC at the beginning of the calendar month of `now`, and of the one after it: between
/// them usage is counted.
WallTime month_start(WallTime now);
WallTime month_end(WallTime now);

/// How a period went, over the sessions that were created in it.
struct Analytics {
  std::uint64_t sessions = 0;
  /// By name_of(SessionStatus).
  std::map<std::string, std::uint64_t> by_status;
  /// By `business_outcome`; "" for none.
  std::map<std::string, std::uint64_t> by_outcome;
  std::chrono::seconds duration{0};
  std::uint64_t tool_calls = 0;
  friend bool operator==(const Analytics&, const Analytics&) = default;
};

}  // namespace voicectl::runtime
