// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/rollout_spec.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace voicectl {
namespace {

/// Null and absent differ: null says "no such limit".
Status read_number(const Json& object,
                   std::string_view key,
                   std::int64_t least,
                   std::int64_t most,
                   std::optional<std::uint32_t>& out) {
  const auto found = object.find(key);
  if (found == object.end()) {
    return ok_status();
  }
  if (found->is_null()) {
    out.reset();
    return ok_status();
  }
  const std::int64_t number = found->is_number_integer() ? found->get<std::int64_t>() : -1;
  if (number < least || number > most) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot roll out so: {} must be from {} to {}", key, least, most));
  }
  out = static_cast<std::uint32_t>(number);
  return ok_status();
}

Status read_canary(const Json& list, std::vector<TenantId>& out) {
  out.clear();
  if (!list.is_array()) {
    return Error(ErrorCode::kInvalidArgument, "cannot roll out so: canary is a list of slugs");
  }
  for (const Json& each : list) {
    VC_TRY(const TenantId tenant,
           TenantId::parse(each.is_string() ? each.get<std::string>() : std::string()));
    if (std::find(out.begin(), out.end(), tenant) == out.end()) {
      out.push_back(tenant);
    }
  }
  return ok_status();
}

Json or_null(std::optional<std::uint32_t> number) {
  return number ? Json(*number) : Json(nullptr);
}

}  // namespace

Json rollout_json(const RolloutSpec& spec) {
  Json canary = Json::array();
  for (const TenantId& tenant : spec.canary) {
    canary.push_back(tenant.str());
  }
  return {{"canary", std::move(canary)},
          {"batch", or_null(spec.batch)},
          {"pause_s", spec.pause.count()},
          {"max_failures", or_null(spec.max_failures)}};
}

Result<RolloutSpec> parse_rollout(const Json& object, RolloutSpec standard) {
  if (!object.is_object()) {
    return Error(ErrorCode::kInvalidArgument, "cannot roll out so: it is described by an object");
  }
  if (const auto canary = object.find("canary"); canary != object.end()) {
    VC_TRY(read_canary(*canary, standard.canary));
  }
  VC_TRY(read_number(object, "batch", 1, kMostTenantsInABatch, standard.batch));
  VC_TRY(read_number(object, "max_failures", 0, kMostTenantsInABatch, standard.max_failures));
  std::optional<std::uint32_t> pause = static_cast<std::uint32_t>(standard.pause.count());
  VC_TRY(read_number(object, "pause_s", 0, kLongestRolloutPause.count(), pause));
  standard.pause = std::chrono::seconds(pause.value_or(0));
  if (object.contains("pause_s") && standard.pause.count() > 0 && standard.canary.empty() &&
      !standard.batch) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot roll out so: there is a pause and nothing that it would come between; add "
                 "a batch (--batch) or a canary (--canary)");
  }
  return standard;
}

}  // namespace voicectl
