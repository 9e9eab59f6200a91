// SPDX-License-Identifier: Apache-2.0
#include "cli/host_line.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/units.h"
#include "cli/output.h"

namespace voicectl {
namespace {

struct Held {
  std::uint64_t used = 0;
  std::uint64_t all = 0;
};

/// Of something that has a size, and a part that is free; nullopt if either is not known.
std::optional<Held> held(const Json& host, const std::string& what) {
  const std::int64_t all = integer_or(host, what + "_bytes", -1);
  const std::int64_t free = integer_or(host, what + "_available_bytes", -1);
  if (all <= 0 || free < 0) {
    return std::nullopt;
  }
  return Held{static_cast<std::uint64_t>(std::max<std::int64_t>(0, all - free)),
              static_cast<std::uint64_t>(all)};
}

std::vector<double> load_of(const Json& host) {
  std::vector<double> out;
  const auto found = host.find("load");
  for (const Json& value : found != host.end() && found->is_array() ? *found : Json::array()) {
    out.push_back(value.is_number() ? value.get<double>() : 0);
  }
  return out;
}

Json host_of(const Json& status) {
  const auto found = status.is_object() ? status.find("host") : status.end();
  return found != status.end() && found->is_object() ? *found : Json::object();
}

}  // namespace

std::vector<std::string> host_parts(const Json& status) {
  const Json host = host_of(status);
  std::vector<std::string> out;
  if (const std::vector<double> load = load_of(host); load.size() == 3) {
    const std::int64_t processors = integer_or(host, "processors", 0);
    out.push_back(fmt::format("load {:.2f} {:.2f} {:.2f} on {} processor{}", load[0], load[1],
                              load[2], processors, processors == 1 ? "" : "s"));
  }
  for (const char* const what : {"memory", "disk"}) {
    if (const std::optional<Held> part = held(host, what)) {
      out.push_back(
          fmt::format("{} {} of {} used", what, Bytes{part->used}.str(), Bytes{part->all}.str()));
    }
  }
  return out;
}

std::vector<std::string> short_host_parts(const Json& status) {
  const Json host = host_of(status);
  std::vector<std::string> out;
  if (const std::vector<double> load = load_of(host); load.size() == 3) {
    out.push_back(fmt::format("load {:.2f}/{}", load[0], integer_or(host, "processors", 0)));
  }
  for (const char* const what : {"memory", "disk"}) {
    if (const std::optional<Held> part = held(host, what)) {
      out.push_back(
          fmt::format("{} {:.0f}%", what,
                      100 * static_cast<double>(part->used) / static_cast<double>(part->all)));
    }
  }
  return out;
}

}  // namespace voicectl
