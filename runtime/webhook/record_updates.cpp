// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/record_updates.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/crypto.h"
#include "base/json.h"

namespace voicectl::runtime {
namespace {

constexpr std::size_t kMaxName = 140;
constexpr std::size_t kMaxStatus = 140;

/// Frappe sends numbers as numbers or as text, as the webhook's template has it.
std::optional<std::int64_t> minutes_in(const Json& body) {
  const auto found = body.find("estimated_time");
  if (found == body.end()) {
    return std::nullopt;
  }
  if (found->is_number()) {
    const double minutes = found->get<double>();
    return minutes >= 0 && minutes < 1e6 ? std::optional(static_cast<std::int64_t>(minutes))
                                         : std::nullopt;
  }
  const std::string text = found->is_string() ? found->get<std::string>() : "";
  const bool digits =
      !text.empty() && text.size() < 7 && text.find_first_not_of("0123456789") == std::string::npos;
  return digits ? std::optional<std::int64_t>(std::stoll(text)) : std::nullopt;
}

Json data_of(const KeptRecord& kept) {
  Result<Json> data = parse_json(kept.record.data);
  return data.has_value() && data->is_object() ? std::move(*data) : Json::object();
}

EventType event_of(BusinessRecord::Kind kind) {
  switch (kind) {
    case BusinessRecord::Kind::kOrder:
      return EventType::kOrderUpdated;
    case BusinessRecord::Kind::kAppointment:
      return EventType::kAppointmentUpdated;
    case BusinessRecord::Kind::kTicket:
      return EventType::kTicketUpdated;
  }
  return EventType::kOrderUpdated;
}

}  // namespace

Status verify_erpnext_signature(const std::vector<Secret>& secrets,
                                std::string_view body,
                                std::string_view signature) {
  bool fits = false;
  for (const Secret& secret : secrets) {
    // No early end: the time must not tell which secret fitted.
    const std::string expected = hmac_sha256_base64(secret.reveal(), body);
    fits = (!secret.empty() && equal_in_constant_time(expected, signature)) || fits;
  }
  return fits ? ok_status()
              : Status(Error(ErrorCode::kPermissionDenied,
                             "cannot accept the webhook: its signature fits no secret"));
}

Result<RecordUpdate> parse_record_update(std::string_view text) {
  VC_TRY(const Json body, parse_json(text, JsonBudget{.bytes = 64 * 1024, .depth = 16}));
  const Error bad(ErrorCode::kInvalidArgument,
                  "cannot read the update: it must be a JSON object with 'name' and 'status'");
  if (!body.is_object()) {
    return bad;
  }
  RecordUpdate update;
  update.name = string_or(body, "name", string_or(body, "order_id", ""));
  update.status = string_or(body, "status", "");
  update.modified = string_or(body, "modified", "");
  update.estimated_time = minutes_in(body);
  if (update.name.empty() || update.name.size() > kMaxName || update.status.empty() ||
      update.status.size() > kMaxStatus || update.modified.size() > kMaxStatus) {
    return bad;
  }
  return update;
}

bool says_otherwise(const KeptRecord& kept, const RecordUpdate& update) {
  const Json data = data_of(kept);
  const bool same_time =
      !update.estimated_time || integer_or(data, "estimated_time", -1) == *update.estimated_time;
  return string_or(data, "status", "") != update.status || !same_time;
}

bool is_news(const KeptRecord& kept, const RecordUpdate& update) {
  return update.modified.empty() ? says_otherwise(kept, update)
                                 : update.modified > string_or(data_of(kept), "modified", "");
}

Change change_for(const KeptRecord& kept, const RecordUpdate& update, const Session& session) {
  Json data = data_of(kept);
  Json told = {{"id", kept.record.id}, {"status", update.status}};
  data["status"] = update.status;
  if (!update.modified.empty()) {
    data["modified"] = update.modified;
  }
  if (update.estimated_time) {
    data["estimated_time"] = *update.estimated_time;
    told["estimated_time"] = *update.estimated_time;
  }
  Change change;
  change.session = session;
  BusinessRecord record = kept.record;
  record.data = dump_json(data);
  change.records.push_back(std::move(record));
  change.events.push_back({event_of(kept.record.kind), dump_json(told)});
  return change;
}

InboxEntry inbox_entry(const RecordUpdate& update, std::string body, WallTime now) {
  const std::string told_by = update.modified.empty() ? sha256_hex(body) : update.modified;
  return {update.name, "order-update/" + told_by, std::move(body), now};
}

}  // namespace voicectl::runtime
