// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_values.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <utility>

#include "base/json_text.h"

namespace voicectl::runtime {
namespace {

/// Bytes of a record, or of a tool call in the outbox, as text: its JSON stands in it as a text.
constexpr std::size_t kUsualEntry = 1024;

/// A turn with more is kept without its texts.
constexpr std::size_t kMostTurnBytes = 1024;

Error corrupt(std::string_view what) {
  return {ErrorCode::kCorrupt,
          fmt::format("cannot read {} from the Redis server: not its form", what)};
}

WallTime wall_time(std::int64_t milliseconds) {
  return WallTime(std::chrono::milliseconds(milliseconds));
}

std::int64_t number_of(WallTime at) {
  return at.time_since_epoch().count();
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size() ? std::optional(number)
                                                                    : std::nullopt;
}

std::uint64_t unsigned_or_zero(const Json& object, std::string_view key) {
  return static_cast<std::uint64_t>(integer_or(object, key, 0));
}

Result<Json> object_of(std::string_view text, std::string_view what) {
  Result<Json> parsed = parse_json(text, JsonBudget{.bytes = std::size_t{64} << 20});
  if (parsed.has_error() || !parsed->is_object()) {
    return corrupt(what);
  }
  return parsed;
}

std::optional<Booking> booking_of(const Json& from, const std::string& id) {
  const std::int64_t start = integer_or(from, "start_at", -1);
  const std::int64_t end = integer_or(from, "end_at", -1);
  if (start < 0 || end < 0) {
    return std::nullopt;
  }
  return Booking{id, wall_time(start), wall_time(end), string_or(from, "staff", "")};
}

std::optional<OutboxEntry::State> outbox_state_named(std::string_view text) {
  for (const OutboxEntry::State state : {OutboxEntry::State::kPending, OutboxEntry::State::kDead}) {
    if (name_of(state) == text) {
      return state;
    }
  }
  return std::nullopt;
}

std::chrono::seconds seconds_in(const Json& from, std::string_view key) {
  return std::chrono::seconds(integer_or(from, key, 0));
}

}  // namespace

std::string redis_time(WallTime at) {
  return std::to_string(number_of(at));
}

Result<SessionEvent> event_of(const RedisReply& entry) {
  const bool is_entry = entry.elements.size() == 2 && entry.elements[1].elements.size() == 10;
  if (!is_entry) {
    return corrupt("an event");
  }
  const std::string_view id = entry.elements[0].text;
  const std::vector<RedisReply>& fields = entry.elements[1].elements;
  const auto tenant_seq = parse_number<std::uint64_t>(id.substr(0, id.find('-')));
  Result<SessionId> session = SessionId::parse(fields[1].text);
  const auto seq = parse_number<std::uint64_t>(fields[3].text);
  const auto at = parse_number<std::int64_t>(fields[7].text);
  if (!tenant_seq || session.has_error() || !seq || !at) {
    return corrupt("an event");
  }
  return SessionEvent{std::move(*session), *seq,           *tenant_seq,
                      fields[5].text,      wall_time(*at), fields[9].text};
}

std::string to_redis_text(const BusinessRecord& record, const SessionId& session, WallTime at) {
  JsonText out(kUsualEntry);
  out.text("kind", name_of(record.kind))
      .text("id", record.id)
      .text("session", session.str())
      .number("at", number_of(at))
      .text("data", record.data)
      .text("external_id", record.external_id);
  if (record.booking) {
    out.number("start_at", number_of(record.booking->start))
        .number("end_at", number_of(record.booking->end))
        .text("staff", record.booking->staff);
  }
  return out.take();
}

Result<KeptRecord> kept_record_of(std::string_view text) {
  VC_TRY(const Json from, object_of(text, "a record"));
  const auto kind = record_kind_named(string_or(from, "kind", ""));
  Result<SessionId> session = SessionId::parse(string_or(from, "session", ""));
  if (!kind || session.has_error()) {
    return corrupt("a record");
  }
  const std::string id = string_or(from, "id", "");
  return KeptRecord{{*kind, id, booking_of(from, id), string_or(from, "data", "{}"),
                     string_or(from, "external_id", "")},
                    std::move(*session),
                    wall_time(integer_or(from, "at", 0))};
}

std::string to_redis_text(const InboxEntry& entry) {
  return fmt::format("{} {}", number_of(entry.at), entry.body);
}

std::string inbox_field(const InboxEntry& entry) {
  return fmt::format("{}:{}/{}", entry.call_id.size(), entry.call_id, entry.event);
}

Result<InboxEntry> inbox_entry_of(std::string_view field, std::string_view text) {
  const std::size_t colon = field.find(':');
  const auto length = parse_number<std::size_t>(field.substr(0, colon));
  const std::size_t space = text.find(' ');
  const auto at = parse_number<std::int64_t>(text.substr(0, space));
  const bool is_sound = colon != std::string_view::npos && length &&
                        space != std::string_view::npos && at &&
                        *length < field.size() - colon - 1 && field[colon + 1 + *length] == '/';
  if (!is_sound) {
    return corrupt("a webhook");
  }
  return InboxEntry{std::string(field.substr(colon + 1, *length)),
                    std::string(field.substr(colon + 2 + *length)),
                    std::string(text.substr(space + 1)), wall_time(*at)};
}

std::string to_redis_text(const OutboxEntry& entry) {
  JsonText out(kUsualEntry);
  return out.number("id", static_cast<std::int64_t>(entry.id))
      .text("session", entry.session)
      .text("kind", entry.kind)
      .text("idempotency_key", entry.idempotency_key)
      .text("payload", entry.payload)
      .text("state", name_of(entry.state))
      .number("created_at", number_of(entry.created_at))
      .number("next_attempt", number_of(entry.next_attempt))
      .number("attempts", entry.attempts)
      .text("last_error", entry.last_error)
      .take();
}

Result<OutboxEntry> outbox_entry_of(std::string_view text) {
  VC_TRY(const Json from, object_of(text, "an outbox entry"));
  const auto state = outbox_state_named(string_or(from, "state", ""));
  if (!state) {
    return corrupt("an outbox entry");
  }
  OutboxEntry entry;
  entry.id = unsigned_or_zero(from, "id");
  entry.session = string_or(from, "session", "");
  entry.kind = string_or(from, "kind", "");
  entry.idempotency_key = string_or(from, "idempotency_key", "");
  entry.payload = string_or(from, "payload", "{}");
  entry.state = *state;
  entry.created_at = wall_time(integer_or(from, "created_at", 0));
  entry.next_attempt = wall_time(integer_or(from, "next_attempt", 0));
  entry.attempts = static_cast<std::uint32_t>(integer_or(from, "attempts", 0));
  entry.last_error = string_or(from, "last_error", "");
  return entry;
}

std::string to_redis_text(const Customer& customer) {
  JsonText out;
  return out.text("phone", customer.phone)
      .text("name", customer.name)
      .number("first_seen", number_of(customer.first_seen))
      .number("last_seen", number_of(customer.last_seen))
      .number("sessions", static_cast<std::int64_t>(customer.sessions))
      .text("data", customer.data)
      .take();
}

Result<Customer> customer_of(std::string_view text) {
  VC_TRY(const Json from, object_of(text, "a customer"));
  return Customer{string_or(from, "phone", ""),
                  string_or(from, "name", ""),
                  wall_time(integer_or(from, "first_seen", 0)),
                  wall_time(integer_or(from, "last_seen", 0)),
                  unsigned_or_zero(from, "sessions"),
                  string_or(from, "data", "{}")};
}

std::string to_redis_text(const StoredResponse& response) {
  return fmt::format("{} {} {}", response.status, number_of(response.at), response.body);
}

Result<StoredResponse> response_of(std::string request_key, std::string_view text) {
  const std::size_t first = text.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : text.find(' ', first + 1);
  if (second == std::string_view::npos) {
    return corrupt("an answer");
  }
  const auto status = parse_number<int>(text.substr(0, first));
  const auto at = parse_number<std::int64_t>(text.substr(first + 1, second - first - 1));
  if (!status || !at) {
    return corrupt("an answer");
  }
  return StoredResponse{std::move(request_key), *status, std::string(text.substr(second + 1)),
                        wall_time(*at)};
}

UsageRecord usage_record(const Session& session) {
  const auto or_zero = [](const std::optional<std::chrono::seconds>& length) {
    return length.value_or(std::chrono::seconds(0));
  };
  return {session.session.str(),    session.created_at,        session.status,
          session.business_outcome, or_zero(session.duration), or_zero(session.billed_duration),
          session.tool_calls};
}

std::string to_redis_text(const UsageRecord& record) {
  // In the order of the alphabet, as earlier versions wrote it: a record is found by its text.
  JsonText out;
  return out.number("billed_duration", record.billed_duration.count())
      .number("created_at", number_of(record.created_at))
      .number("duration", record.duration.count())
      .text("outcome", record.outcome)
      .text("session_id", record.session)
      .text("status", name_of(record.status))
      .number("tool_calls", static_cast<std::int64_t>(record.tool_calls))
      .take();
}

Result<UsageRecord> usage_record_of(std::string_view text) {
  VC_TRY(const Json from, object_of(text, "a usage record"));
  const auto status = session_status_named(string_or(from, "status", ""));
  if (!status) {
    return corrupt("a usage record");
  }
  return UsageRecord{string_or(from, "session_id", ""),
                     wall_time(integer_or(from, "created_at", 0)),
                     *status,
                     string_or(from, "outcome", ""),
                     seconds_in(from, "duration"),
                     seconds_in(from, "billed_duration"),
                     unsigned_or_zero(from, "tool_calls")};
}

std::string render_turn(const ToolCallRecord& call) {
  const auto render = [&](std::string_view parameters, std::string_view result) {
    JsonText out(kMostTurnBytes / 2);
    return out.text("tool", call.tool)
        .json("parameters", parameters)
        .json("result", result)
        .text("timestamp", format_wall_time(call.timestamp))
        .take();
  };
  std::string turn = render(call.parameters, call.result);
  return turn.size() <= kMostTurnBytes ? std::move(turn) : render("null", "null");
}

std::size_t turn_mark(const Session& session) {
  if (!session.last_tool_call) {
    return 0;
  }
  const std::hash<std::string> hash;
  const ToolCallRecord& call = *session.last_tool_call;
  return hash(call.tool) ^ (hash(call.parameters) << 3U) ^ (hash(call.result) << 1U) ^
         (static_cast<std::size_t>(number_of(call.timestamp)) << 2U) ^ 1U;
}

std::string render_context(const Session& session, const std::deque<std::string>& turns) {
  std::string history = "[";
  const auto add = [](std::size_t sum, const std::string& turn) { return sum + turn.size() + 1; };
  const std::size_t size = std::accumulate(turns.begin(), turns.end(), std::size_t{1}, add);
  history.reserve(size + 1);
  for (const std::string& turn : turns) {
    history.append(history.size() == 1 ? "" : ",").append(turn);
  }
  history += ']';
  constexpr std::size_t kRest = 128;
  JsonText out(kRest + session.extracted_data.size() + history.size());
  return out.text("step", session.step)
      .json("extracted_data", session.extracted_data)
      .json("history", history)
      .take();
}

std::deque<std::string> turns_of_context(std::string_view text) {
  std::deque<std::string> turns;
  const Result<Json> context = parse_json(text);
  if (context.has_error() || !context->is_object()) {
    return turns;
  }
  const auto history = context->find("history");
  if (history != context->end() && history->is_array()) {
    for (const Json& turn : *history) {
      turns.push_back(dump_json(turn));
    }
  }
  return turns;
}

}  // namespace voicectl::runtime
