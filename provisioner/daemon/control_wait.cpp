// SPDX-License-Identifier: Apache-2.0
// The route of the control API that answers when something has come true.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/query.h"
#include "provisioner/daemon/tenant_wait.h"

namespace voicectl {
namespace {

constexpr std::int64_t kLongestWait = 24LL * 3600;

}  // namespace

void ControlServer::wait_for_tenant(const Call& call) {
  const Result<TenantId> tenant = TenantId::parse(call.captures[0]);
  const std::string name = query_or(call.request, "for", "");
  const std::optional<TenantCondition> condition = tenant_condition_named(name);
  if (tenant.has_error() || !condition) {
    refuse(call, tenant.has_error()
                     ? tenant.error()
                     : Error(ErrorCode::kInvalidArgument,
                             fmt::format("cannot wait for '{}': allowed are ready, promoted, "
                                         "pooled, deleted, applied",
                                         name.substr(0, 40))));
    return;
  }
  const std::chrono::seconds patience(std::clamp<std::int64_t>(
      whole_number(query_or(call.request, "timeout_s", "")).value_or(0), 0, kLongestWait));
  const std::shared_ptr<ResponseStream> stream =
      call.responder->stream(HttpResponse{200, {{"Content-Type", "application/x-ndjson"}}, ""});
  const std::shared_ptr<TenantWait> wait =
      TenantWait::begin({deps_.reactor, deps_.loop, deps_.recorded, deps_.instances, deps_.events},
                        *tenant, *condition, patience,
                        [stream, tenant = *tenant, name](const std::optional<std::string>& why) {
                          stream->write(dump_json({{"tenant", tenant.str()},
                                                   {"for", name},
                                                   {"met", !why.has_value()},
                                                   {"why_not", why ? Json(*why) : Json(nullptr)}}) +
                                        "\n");
                          stream->end();
                        });
  stream->on_gone([weak = std::weak_ptr(wait)] {
    if (const std::shared_ptr<TenantWait> still = weak.lock()) {
      still->stop();
    }
  });
}

}  // namespace voicectl
