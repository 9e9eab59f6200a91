// SPDX-License-Identifier: Apache-2.0
#include "base/os/process_identity.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl {

std::string render_identity(const ProcessIdentity& who) {
  return dump_json({{"pid", who.pid}, {"start_ticks", who.start_ticks}, {"boot_id", who.boot_id}});
}

std::optional<ProcessIdentity> parse_identity(std::string_view text) {
  const Result<Json> parsed = parse_json(text);
  if (parsed.has_error() || !parsed->is_object()) {
    return std::nullopt;
  }
  const std::int64_t pid = integer_or(*parsed, "pid", 0);
  const std::int64_t start_ticks = integer_or(*parsed, "start_ticks", -1);
  // 1 is init, 0 and below are groups: nothing that we started.
  if (pid <= 1 || pid > std::numeric_limits<int>::max() || start_ticks < 0) {
    return std::nullopt;
  }
  return ProcessIdentity{static_cast<int>(pid), static_cast<std::uint64_t>(start_ticks),
                         string_or(*parsed, "boot_id", "")};
}

}  // namespace voicectl
