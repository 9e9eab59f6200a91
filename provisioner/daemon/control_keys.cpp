// SPDX-License-Identifier: Apache-2.0
// Routes of the control API about tenants' API keys and webhook secrets.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/query.h"

namespace voicectl {
namespace {

constexpr JsonBudget kKeyRequestBudget{.bytes = 4096, .depth = 4, .nodes = 16};

Json time_or_null(const std::optional<WallTime>& at) {
  return at ? Json(format_wall_time(*at)) : Json(nullptr);
}

Json show_key(const ApiKeyRecord& key, WallTime now) {
  return {{"id", key.key_id},
          {"scope", key.scope},
          {"state", name_of(state_of(key, now))},
          {"created_at", format_wall_time(key.created_at)},
          {"expires_at", time_or_null(key.expires_at)},
          {"revoked_at", time_or_null(key.revoked_at)},
          {"replaced_by", key.replaced_by.empty() ? Json(nullptr) : Json(key.replaced_by)}};
}

/// A whole number of seconds that may be left out.
Result<std::optional<std::chrono::seconds>> seconds_of(const Json& body, std::string_view member) {
  const auto found = body.find(member);
  if (found == body.end() || found->is_null()) {
    return std::optional<std::chrono::seconds>();
  }
  if (!found->is_number_integer()) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot take '{}': it must be a number of seconds", member));
  }
  return std::optional(std::chrono::seconds(integer_or(body, member, -1)));
}

Result<ApiKeyWish> wish_of(const HttpRequest& request) {
  VC_TRY(const Json body, parse_body(request.body, kKeyRequestBudget));
  ApiKeyWish wish{string_or(body, "scope", "")};
  VC_TRY(wish.lifetime, seconds_of(body, "expires_in"));
  return wish;
}

Result<std::chrono::seconds> overlap_of(const HttpRequest& request) {
  VC_TRY(const Json body, parse_body(request.body, kKeyRequestBudget));
  VC_TRY(const std::optional<std::chrono::seconds> overlap, seconds_of(body, "overlap"));
  if (!overlap) {
    return Error(ErrorCode::kInvalidArgument, "cannot rotate this: 'overlap' is missing");
  }
  return *overlap;
}

}  // namespace

void ControlServer::answer_new_key(const Call& call, const Result<NewApiKey>& made) {
  if (made.has_error()) {
    refuse(call, made.error());
    return;
  }
  Json shown = show_key(made->record, deps_.wall.now());
  shown["key"] = made->key.reveal();
  answer(call, shown);
}

void ControlServer::create_key(const Call& call) {
  const Result<TenantId> tenant = TenantId::parse(call.captures[0]);
  const Result<ApiKeyWish> wish = wish_of(call.request);
  if (tenant.has_error() || wish.has_error()) {
    refuse(call, tenant.has_error() ? tenant.error() : wish.error());
    return;
  }
  deps_.keys.create(*tenant, *wish,
                    [this, call](const Result<NewApiKey>& made) { answer_new_key(call, made); });
}

void ControlServer::rotate_key(const Call& call) {
  const Result<TenantId> tenant = TenantId::parse(call.captures[0]);
  const Result<std::chrono::seconds> overlap = overlap_of(call.request);
  if (tenant.has_error() || overlap.has_error()) {
    refuse(call, tenant.has_error() ? tenant.error() : overlap.error());
    return;
  }
  deps_.keys.rotate(*tenant, call.captures[1], *overlap,
                    [this, call](const Result<NewApiKey>& made) { answer_new_key(call, made); });
}

void ControlServer::rotate_secret(const Call& call) {
  const Result<TenantId> tenant = TenantId::parse(call.captures[0]);
  const Result<std::chrono::seconds> overlap = overlap_of(call.request);
  if (tenant.has_error() || overlap.has_error()) {
    refuse(call, tenant.has_error() ? tenant.error() : overlap.error());
    return;
  }
  deps_.secrets.rotate(
      *tenant, *overlap, [this, call, name = *tenant](const Result<WallTime>& ends) {
        if (ends.has_error()) {
          refuse(call, ends.error());
        } else {
          answer(call, {{"tenant", name.str()}, {"accepted_until", format_wall_time(*ends)}});
        }
      });
}

void ControlServer::list_keys(const Call& call) {
  const Result<TenantId> tenant = TenantId::parse(call.captures[0]);
  if (tenant.has_error() || deps_.recorded.find_tenant(*tenant) == nullptr) {
    refuse(call, Error(ErrorCode::kNotFound,
                       fmt::format("cannot find tenant '{}'", call.captures[0].substr(0, 80))));
    return;
  }
  Json list = Json::array();
  for (const ApiKeyRecord& key : deps_.keys.of(*tenant)) {
    list.push_back(show_key(key, deps_.wall.now()));
  }
  answer(call, {{"keys", list}});
}

void ControlServer::revoke_key(const Call& call) {
  const Result<TenantId> tenant = TenantId::parse(call.captures[0]);
  if (tenant.has_error()) {
    refuse(call, tenant.error());
    return;
  }
  deps_.keys.revoke(*tenant, call.captures[1], [this, call](const Status& revoked) {
    if (revoked.has_error()) {
      refuse(call, revoked.error());
    } else {
      answer(call, {{"id", call.captures[1]}});
    }
  });
}

}  // namespace voicectl
