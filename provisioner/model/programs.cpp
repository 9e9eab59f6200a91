// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/programs.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl {
namespace {

std::int64_t milliseconds_of(WallTime at) {
  return at.time_since_epoch().count();
}

WallTime time_in(const Json& json, std::string_view key) {
  return WallTime(std::chrono::milliseconds(integer_or(json, key, 0)));
}

std::uint64_t count_in(const Json& json, std::string_view key) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer_or(json, key, 0)));
}

Json of_program(const ProgramRecord& program) {
  return {{"fingerprint", program.fingerprint},
          {"version", program.version},
          {"hand_over", program.hand_over},
          {"taken_at", milliseconds_of(program.taken_at)}};
}

Json of_upgrade(const UpgradeRecord& upgrade) {
  Json out = {{"target", upgrade.target},
              {"from", upgrade.from},
              {"phase", name_of(upgrade.phase)},
              {"canary", upgrade.canary},
              {"watch_s", upgrade.watch.count()},
              {"batch", upgrade.batch},
              {"who", upgrade.who},
              {"began", milliseconds_of(upgrade.began)},
              {"why", upgrade.why},
              {"moved", upgrade.moved},
              {"dropped", upgrade.dropped}};
  if (upgrade.canary_tenant) {
    out["canary_tenant"] = upgrade.canary_tenant->str();
  }
  return out;
}

Json of_outcome(const UpgradeOutcome& outcome) {
  return {{"target", outcome.target},
          {"from", outcome.from},
          {"why", outcome.why},
          {"who", outcome.who},
          {"began", milliseconds_of(outcome.began)},
          {"ended", milliseconds_of(outcome.ended)},
          {"moved", outcome.moved},
          {"dropped", outcome.dropped}};
}

Result<ProgramRecord> read_program(const Json& json) {
  VC_TRY(const std::string fingerprint, require_string(json, "fingerprint"));
  return ProgramRecord{fingerprint, string_or(json, "version", ""),
                       string_or(json, "hand_over", ""), time_in(json, "taken_at")};
}

Result<UpgradePhase> read_phase(const Json& json) {
  VC_TRY(const std::string name, require_string(json, "phase"));
  for (const UpgradePhase phase :
       {UpgradePhase::kCanary, UpgradePhase::kRolling, UpgradePhase::kReversing}) {
    if (name_of(phase) == name) {
      return phase;
    }
  }
  return Error(ErrorCode::kCorrupt, fmt::format("cannot know phase '{}' of an upgrade", name));
}

Result<UpgradeRecord> read_upgrade(const Json& json) {
  UpgradeRecord out;
  VC_TRY(out.target, require_string(json, "target"));
  VC_TRY(out.from, require_string(json, "from"));
  VC_TRY(out.phase, read_phase(json));
  out.canary = string_or(json, "canary", "");
  if (const std::string tenant = string_or(json, "canary_tenant", ""); !tenant.empty()) {
    VC_TRY(out.canary_tenant, TenantId::parse(tenant));
  }
  out.watch = std::chrono::seconds(integer_or(json, "watch_s", 0));
  out.batch = static_cast<std::uint32_t>(std::max<std::uint64_t>(1, count_in(json, "batch")));
  out.who = string_or(json, "who", "");
  out.began = time_in(json, "began");
  out.why = string_or(json, "why", "");
  out.moved = count_in(json, "moved");
  out.dropped = count_in(json, "dropped");
  return out;
}

UpgradeOutcome read_outcome(const Json& json) {
  return UpgradeOutcome{string_or(json, "target", ""), string_or(json, "from", ""),
                        string_or(json, "why", ""),    string_or(json, "who", ""),
                        time_in(json, "began"),        time_in(json, "ended"),
                        count_in(json, "moved"),       count_in(json, "dropped")};
}

/// The member if it is there and an object.
const Json* object_in(const Json& json, std::string_view key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_object() ? &*found : nullptr;
}

}  // namespace

bool can_hand_over(const ProgramRecord& from, const ProgramRecord& to) {
  return !from.hand_over.empty() && from.hand_over == to.hand_over;
}

std::string_view name_of(UpgradePhase phase) {
  switch (phase) {
    case UpgradePhase::kCanary:
      return "canary";
    case UpgradePhase::kRolling:
      return "rolling";
    case UpgradePhase::kReversing:
      return "reversing";
  }
  return "unknown";
}

const ProgramRecord* Programs::find(const std::string& fingerprint) const {
  const auto found = known.find(fingerprint);
  return found == known.end() ? nullptr : &found->second;
}

std::string render_programs(const Programs& programs) {
  Json known = Json::array();
  for (const auto& [fingerprint, program] : programs.known) {
    known.push_back(of_program(program));
  }
  Json out = {{"current", programs.current}, {"previous", programs.previous}, {"known", known}};
  if (programs.upgrade) {
    out["upgrade"] = of_upgrade(*programs.upgrade);
  }
  if (programs.last) {
    out["last"] = of_outcome(*programs.last);
  }
  return dump_json(out);
}

Result<Programs> parse_programs(std::string_view text) {
  VC_TRY(const Json json, parse_json(text));
  if (!json.is_object() || !json.contains("known") || !json["known"].is_array()) {
    return Error(ErrorCode::kCorrupt, "cannot read programs: this is no document of them");
  }
  Programs out;
  out.current = string_or(json, "current", "");
  out.previous = string_or(json, "previous", "");
  for (const Json& each : json["known"]) {
    VC_TRY(ProgramRecord program, read_program(each));
    const std::string fingerprint = program.fingerprint;
    out.known.emplace(fingerprint, std::move(program));
  }
  if (const Json* const upgrade = object_in(json, "upgrade")) {
    VC_TRY(out.upgrade, read_upgrade(*upgrade));
  }
  if (const Json* const last = object_in(json, "last")) {
    out.last = read_outcome(*last);
  }
  return out;
}

}  // namespace voicectl
