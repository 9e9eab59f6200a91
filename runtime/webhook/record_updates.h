// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "runtime/session/session_book.h"
#include "runtime/session/stored_values.h"

namespace voicectl::runtime {

/// Header of a webhook of Frappe: base64 of the HMAC-SHA256 of the body's bytes. There is no
/// timestamp in it, so repetitions are told by the document and when it was changed.
inline constexpr std::string_view kErpnextSignatureHeader = "X-Frappe-Webhook-Signature";

/// Checks a body against all secrets, in constant time. Without secrets nothing fits.
/// ERRORS: kPermissionDenied.
Status verify_erpnext_signature(const std::vector<Secret>& secrets,
                                std::string_view body,
                                std::string_view signature);

/// What ERPNext tells about an order, appointment or ticket.
struct RecordUpdate {
  /// The document's name.
  std::string name;
  std::string status;
  /// As the site writes it; empty if it is not told. Later ones compare greater.
  std::string modified;
  /// Minutes; absent if not told.
  std::optional<std::int64_t> estimated_time;
};

/// Reads {"name" or "order_id", "status", "modified"?, "estimated_time"?}.
/// ERRORS: kInvalidArgument.
Result<RecordUpdate> parse_record_update(std::string_view body);

/// Whether the record says something else than the update: nobody wants to hear the same again.
bool says_otherwise(const KeptRecord& kept, const RecordUpdate& update);

/// Whether the record does not know it yet: what is older than what it knows is no news, in
/// whatever order they come.
bool is_news(const KeptRecord& kept, const RecordUpdate& update);

/// What news do: the record learns them, and its session's customer and the staff hear of them.
/// REQUIRES: is_news(kept, update); `session` is the record's. Pure.
Change change_for(const KeptRecord& kept, const RecordUpdate& update, const Session& session);

/// The webhook as it is kept.
InboxEntry inbox_entry(const RecordUpdate& update, std::string body, WallTime now);

}  // namespace voicectl::runtime
