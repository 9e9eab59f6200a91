// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/instance_reply.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

namespace voicectl {

Result<Json> read_reply(const InstanceId& instance, const Result<std::string>& reply) {
  if (reply.has_error()) {
    return reply.error();
  }
  Result<Json> body = parse_json(*reply);
  if (body.has_value() && body->is_object()) {
    return body;
  }
  // Of whatever kind: the question was not at fault.
  return Error(ErrorCode::kCorrupt,
               fmt::format("cannot read the answer of instance '{}': {}", instance.str(),
                           body.has_error() ? body.error().text() : "it is no JSON object"));
}

}  // namespace voicectl
