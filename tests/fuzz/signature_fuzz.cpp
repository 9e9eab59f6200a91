// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "base/check.h"
#include "base/crypto.h"
#include "runtime/webhook/record_updates.h"
#include "runtime/webhook/signature.h"
#include "tests/fuzz/fuzz_targets.h"

namespace voicectl::fuzz {
namespace {

/// 2026-11-21T12:00:00Z, as the timestamps in the corpus have it.
constexpr WallTime kNow{std::chrono::milliseconds(1'795'262'400'000)};

std::string_view take_line(std::string_view& bytes) {
  const std::size_t end = std::min(bytes.find('\n'), bytes.size());
  const std::string_view line = bytes.substr(0, end);
  bytes.remove_prefix(std::min(end + 1, bytes.size()));
  return line;
}

/// What Frappe sends: `claimed` is as good as the body's signature, or it is refused.
void erpnext_signature(const std::vector<Secret>& secrets,
                       std::string_view body,
                       std::string_view claimed) {
  bool is_ours = false;
  for (const Secret& secret : secrets) {
    const std::string right = hmac_sha256_base64(secret.reveal(), body);
    is_ours = is_ours || claimed == right;
    VC_CHECK(runtime::verify_erpnext_signature(secrets, body, right).has_value(),
             "what was signed with a secret of ours is accepted");
    VC_CHECK(runtime::verify_erpnext_signature({Secret("another")}, body, right).has_error(),
             "another secret's signature is refused");
    VC_CHECK(runtime::verify_erpnext_signature(secrets, std::string(body) + "x", right).has_error(),
             "a changed body is refused");
  }
  VC_CHECK(runtime::verify_erpnext_signature(secrets, body, claimed).has_value() == is_ours,
           "a signature that nobody made is refused");
  VC_CHECK(runtime::verify_erpnext_signature({}, body, claimed).has_error(),
           "without secrets nothing fits");
  const Result<runtime::RecordUpdate> update = runtime::parse_record_update(body);
  VC_CHECK(update.has_error() || !update->name.empty(), "what is read names its document");
}

}  // namespace

/// Lines: timestamp, signatures, body. The second is a signature of Frappe's too.
void signature(std::string_view bytes) {
  const std::vector<Secret> secrets = {Secret("first secret"), Secret("second secret")};
  const std::string_view timestamp = take_line(bytes);
  const std::string_view claimed = take_line(bytes);
  erpnext_signature(secrets, bytes, claimed);
  const std::string signed_text = std::string(bytes) + std::string(timestamp);
  bool is_ours = false;
  for (const Secret& secret : secrets) {
    const std::string right = hmac_sha256_hex(secret.reveal(), signed_text);
    is_ours = is_ours || claimed.find(right) != std::string_view::npos;
    const Status own = runtime::verify_signature(secrets, {bytes, timestamp, right}, kNow);
    const Status forged =
        runtime::verify_signature(std::vector{Secret("another")}, {bytes, timestamp, right}, kNow);
    VC_CHECK(forged.has_error(), "another secret's signature is refused");
    if (own.has_value()) {
      const std::string altered = std::string(bytes) + "x";
      VC_CHECK(runtime::verify_signature(secrets, {altered, timestamp, right}, kNow).has_error(),
               "a changed body is refused");
    }
  }
  if (!is_ours) {
    VC_CHECK(runtime::verify_signature(secrets, {bytes, timestamp, claimed}, kNow).has_error(),
             "what nobody signed is refused");
  }
}

}  // namespace voicectl::fuzz
