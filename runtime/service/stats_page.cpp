// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/stats_page.h"

#include <nlohmann/json.hpp>

namespace voicectl::runtime {

void StatsPage::add(const std::string& tenant, const Json& told) {
  tenants_ += tenants_.empty() ? "" : ",";
  tenants_ += dump_json(told);
  last_ = tenant;
}

std::string StatsPage::finish(const Json& more) const {
  std::string out = R"({"tenants":[)" + tenants_ + "]";
  if (leads_on_) {
    out += R"(,"next":)" + dump_json(last_);
  }
  for (const auto& [key, value] : more.items()) {
    out += "," + dump_json(key) + ":" + dump_json(value);
  }
  return out + "}";
}

}  // namespace voicectl::runtime
