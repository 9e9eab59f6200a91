// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/gatekeeper.h"

#include <utility>

#include "base/crypto.h"
#include "runtime/tenant/admission.h"
#include "runtime/tenant/auth.h"
#include "runtime/tenant/origins.h"

namespace voicectl::runtime {
namespace {

void refuse_scope(const std::shared_ptr<Exchange>& exchange, KeyScope needed) {
  exchange->refuse(403, "permission_denied",
                   "cannot let the request in: it needs a key of scope " +
                       std::string(name_of(needed)) + " or higher");
}

std::optional<KeyScope> scope_needed(Access access) {
  switch (access) {
    case Access::kWidgetKey:
      return KeyScope::kWidget;
    case Access::kStaffKey:
    case Access::kSessionToken:
      return KeyScope::kStaff;
    case Access::kAdminKey:
      return KeyScope::kAdmin;
    case Access::kAnyone:
    case Access::kSignature:
    case Access::kToolToken:
      return std::nullopt;
  }
  return KeyScope::kAdmin;
}

}  // namespace

Gatekeeper::Gatekeeper(TenantScope& scope)
    : scope_(scope), self_(std::make_shared<Gatekeeper*>(this)) {}

void Gatekeeper::check(const std::shared_ptr<Exchange>& exchange, std::function<void()> pass) {
  const TenantConfig& config = *scope_.config;
  const auto& parts = exchange->match().parameters;
  const auto tenant = parts.find("tenant");
  if (tenant != parts.end() && tenant->second != config.tenant.str()) {
    exchange->refuse(404, "not_found", "cannot find that tenant here");
    return;
  }
  const Access access = exchange->route()->access;
  const std::optional<KeyScope> needed = scope_needed(access);
  if (!needed) {
    pass();
    return;
  }
  if (check_origin(exchange) == OriginCheck::kRefused) {
    return;
  }
  const std::optional<std::string> credential = find_credential(exchange->request());
  if (!credential) {
    refuse_stranger(scope_, exchange);
    return;
  }
  const ApiKey* const key = find_key(config.api_keys, *credential, scope_.clock.now());
  if (key != nullptr) {
    if (admit(scope_, exchange, Traffic::kApi, key->id) == Admission::kRefused) {
      return;
    }
    if (key->scope < *needed) {
      refuse_scope(exchange, *needed);
      return;
    }
    exchange->let_in_by(key->id);
    pass();
  } else if (access == Access::kSessionToken) {
    check_session_token(exchange, *credential, std::move(pass));
  } else {
    refuse_stranger(scope_, exchange);
  }
}

Gatekeeper::OriginCheck Gatekeeper::check_origin(const std::shared_ptr<Exchange>& exchange) {
  const auto origin = exchange->request().header("Origin");
  if (!origin) {
    // Not a page in a browser.
    return OriginCheck::kPassed;
  }
  if (!is_allowed_origin(*scope_.config, *origin)) {
    exchange->refuse(
        403, "origin_not_allowed",
        "cannot let the request in: its origin is not in the tenant's allowed_origins");
    return OriginCheck::kRefused;
  }
  exchange->share_with(*origin);
  return OriginCheck::kPassed;
}

void Gatekeeper::answer_preflight(const std::shared_ptr<Exchange>& exchange,
                                  const std::string& methods) {
  if (check_origin(exchange) == OriginCheck::kPassed) {
    exchange->answer(preflight_answer(methods));
  }
}

void Gatekeeper::check_session_token(const std::shared_ptr<Exchange>& exchange,
                                     const std::string& credential,
                                     std::function<void()> pass) {
  const Result<SessionId> id = SessionId::parse(exchange->parameter("session"));
  // The token follows from the session's name, so a stranger never makes us read the disk.
  const bool is_ours =
      id.has_value() &&
      equal_in_constant_time(make_session_token(scope_.config->tool_secret, *id).reveal(),
                             credential);
  if (!is_ours) {
    refuse_stranger(scope_, exchange);
    return;
  }
  if (admit(scope_, exchange, Traffic::kApi) == Admission::kRefused) {
    return;
  }
  scope_.book.fetch(
      *id, [exchange, credential, pass = std::move(pass), &scope = scope_,
            alive = std::weak_ptr(self_)](const Result<std::optional<Session>>& found) {
        if (alive.expired()) {
          return;
        }
        if (found.has_error()) {
          exchange->refuse(found.error());
        } else if (found->has_value() && opens_session(**found, credential, scope.clock.now())) {
          pass();
        } else {
          // Whether there is such a session is nobody's business who cannot open it.
          refuse_stranger(scope, exchange);
        }
      });
}

}  // namespace voicectl::runtime
