// SPDX-License-Identifier: Apache-2.0
// Connections that outlive their process: where ours are kept, and whose we go on with.
#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "runtime/service/service.h"

namespace voicectl::runtime {

void Service::keep(const ControlRequest& request, std::vector<UniqueFd> descriptors) {
  if (descriptors.size() != 1) {
    request.refuse(Error(ErrorCode::kInvalidArgument,
                         "cannot keep connections: a lane must come with the request"));
    return;
  }
  Status outcome = ok_status();
  if (!parking_.has_lane()) {
    outcome = parking_.use_lane(channels_.adopt(std::move(descriptors.front())));
  }
  outcome.has_error() ? request.refuse(outcome.error()) : request.answer(control::reply::kOk);
}

void Service::recover(const ControlRequest& request,
                      const Json& body,
                      std::vector<UniqueFd> descriptors) {
  const Result<std::string> name = require_string(body, "tenant");
  const Result<TenantId> tenant =
      name.has_error() ? Result<TenantId>(name.error()) : TenantId::parse(*name);
  if (tenant.has_error() || descriptors.size() != 1) {
    request.refuse(tenant.has_error()
                       ? tenant.error()
                       : Error(ErrorCode::kInvalidArgument,
                               "cannot recover connections: a socket must come with the request"));
    return;
  }
  // A tenant that is here already has its own.
  if (!places_.contains(*tenant)) {
    recoveries_.insert_or_assign(
        *tenant,
        std::make_unique<Recovery>(deps_.reactor, channels_.adopt(std::move(descriptors.front())),
                                   parking_.layout()));
  }
  request.answer(control::reply::kOk);
}

void Service::answer_lend(const ControlRequest& request,
                          const TenantId& tenant,
                          const RecoveredCount& recovered) {
  if (recovered.kept + recovered.all_doubtful() > 0) {
    log_.info("tenant.recovered", {{"tenant", tenant},
                                   {"websockets", recovered.kept},
                                   {"doubtful", recovered.all_doubtful()}});
  }
  request.answer(control::reply::kOk, dump_json(Json{{"tenant", tenant.str()},
                                                     {"recovered", recovered.kept},
                                                     {"doubtful", recovered.doubtful}}));
}

}  // namespace voicectl::runtime
