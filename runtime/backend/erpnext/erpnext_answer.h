// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "runtime/net/http_message.h"

namespace voicectl::runtime {

/// What an answer of a Frappe site comes to. Judged by status and exception type only: texts are
/// for people, and a site may leave out everything else.
enum class ErpnextVerdict {
  kOk,
  kBusy,          ///< 429: asks for quiet
  kAway,          ///< 502, 503, 504
  kHiccup,        ///< 500 of the database's own making, or of no Frappe at all
  kDuplicate,     ///< 409; 417 of a unique field: it is there already
  kStale,         ///< 417 of a document that was changed meanwhile
  kInvalid,       ///< 417 otherwise: the site says no
  kMissing,       ///< 404 of a document
  kUnauthorized,  ///< 401
  kForbidden,     ///< 403
  kGarbled,       ///< 2xx that cannot be read: the site may have done it, or never seen it
  kBroken,        ///< everything else: the same request will never do better
};

/// "ok", "busy", "away" ...: for operators.
std::string_view name_of(ErpnextVerdict verdict);

struct ErpnextAnswer {
  ErpnextVerdict verdict = ErpnextVerdict::kOk;
  int status = 200;
  /// Such as "UniqueValidationError"; empty if the answer names none.
  std::string exception;
  /// What the site says about it, in words that can be spoken; may be empty.
  std::string words;
  /// Of kOk: what stands under "message" or "data"; null if neither is there.
  std::shared_ptr<const Json> content;
  /// How long the site asks to be left alone.
  std::optional<Duration> quiet;
};

/// Longest answer that is read.
inline constexpr std::size_t kMaxErpnextAnswer = std::size_t{2} << 20;

/// Reads an answer.
ErpnextAnswer read_erpnext_answer(const HttpResponse& response);

/// Reads an answer of which only the body is known: an exception in it is the site's "no", whatever
/// the status was.
ErpnextAnswer read_erpnext_body(std::string_view body);

/// The failure that an answer stands for, for those who deliver: kResourceExhausted and
/// kUnavailable concern the whole site; kConflict, kPermissionDenied and kCorrupt may pass; others
/// stay.
/// REQUIRES: the verdict is not kOk.
Error error_of(const ErpnextAnswer& answer, std::string_view what);

}  // namespace voicectl::runtime
