// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/backend_config.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace voicectl::runtime {
namespace {

/// Bounds of what an agent may be kept waiting, in milliseconds: the conversation stands still.
constexpr std::int64_t kShortestWait = 100;
constexpr std::int64_t kLongestWait = 9000;

std::string without_slash(std::string url) {
  while (!url.empty() && url.back() == '/') {
    url.pop_back();
  }
  return url;
}

}  // namespace

Result<BackendConfig> backend_of_json(const Json& backend) {
  BackendConfig config;
  const std::string kind = string_or(backend, "kind", "builtin");
  if (kind == "builtin") {
    return config;
  }
  if (kind != "erpnext") {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot use the tenant configuration: '{}' is no backend", kind));
  }
  config.kind = BackendKind::kErpnext;
  const std::string mode = string_or(backend, "mode", "served");
  if (mode != "served" && mode != "direct") {
    return Error(
        ErrorCode::kInvalidArgument,
        fmt::format("cannot use the tenant configuration: '{}' is no mode of a backend", mode));
  }
  config.mode = mode == "direct" ? BackendMode::kDirect : BackendMode::kServed;
  config.erpnext.url = without_slash(string_or(backend, "url", ""));
  config.erpnext.site = string_or(backend, "site", "");
  config.erpnext.company = string_or(backend, "company", "");
  config.erpnext.credentials_file = string_or(backend, "credentials_file", "");
  config.erpnext.time_zone = string_or(backend, "time_zone", "");
  config.answer_within = std::chrono::milliseconds(std::clamp(
      integer_or(backend, "answer_within_ms",
                 std::chrono::duration_cast<std::chrono::milliseconds>(kAnswerWithin).count()),
      kShortestWait, kLongestWait));
  for (const std::string_view needed : {"url", "company", "credentials_file"}) {
    if (string_or(backend, needed, "").empty()) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("cannot use the tenant configuration: the erpnext backend needs "
                               "'backend.{}'",
                               needed));
    }
  }
  return config;
}

}  // namespace voicectl::runtime
