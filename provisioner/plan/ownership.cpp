// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/ownership.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "provisioner/model/desired_state_yaml.h"

namespace voicectl {
namespace {

/// What is told of a tenant that is there, or is not, where that is what two differ about. JSON.
constexpr const char* kIsPresent = R"("present")";
constexpr const char* kIsAbsent = R"("absent")";

std::string path_of(const std::string& part, std::string_view field) {
  if (part == kPlatformPart) {
    return fmt::format("platform.{}", field);
  }
  return fmt::format("tenants[{}]{}{}", part, field == kWholeTenant ? "" : ".", field);
}

Json json_of_platform(const PlatformSpec& platform) {
  return Json::parse(render_platform(platform));  // of our own making
}

Json json_of_tenant(const TenantSpec& tenant) {
  return Json::parse(render_tenant(tenant));  // of our own making
}

std::string text_of(const std::map<std::string, Json>& fields, const std::string& field) {
  const auto found = fields.find(field);
  return found == fields.end() ? "" : dump_json(found->second);
}

/// Fields of one part that the command line has set and the file has otherwise, by name.
struct Differing {
  /// The file names them.
  std::map<std::string, FieldNote> conflicts{};
  /// It does not.
  std::map<std::string, FieldNote> kept{};
};

/// How often the fields of a part are tried together without some of them. Beyond it the file's
/// part is taken as it is: a rollback of many thousand tenants must not keep the daemon busy.
constexpr std::size_t kMostTries = 200;

/// "limits" of "limits.webhooks"; empty for a field that lies in no map.
std::string_view map_of(std::string_view field) {
  const std::size_t dot = field.rfind('.');
  return dot == std::string_view::npos ? "" : field.substr(0, dot);
}

/// Fields of `differing.kept` that may be what does not fit: each by itself, then those that lie in
/// one map with a conflict.
std::vector<std::set<std::string>> suspects(const Differing& differing) {
  std::vector<std::set<std::string>> out;
  std::map<std::string_view, std::set<std::string>> maps;
  for (const auto& [field, note] : differing.kept) {
    out.push_back({field});
    maps[map_of(field)].insert(field);
  }
  for (const auto& [field, note] : differing.conflicts) {
    const auto beside = maps.find(map_of(field));
    if (beside != maps.end() && beside->second.size() > 1) {
      out.push_back(beside->second);
    }
  }
  return out;
}

/// The names of the fields in `claims`, or notes.
template <typename Value>
std::set<std::string> names_of(const std::map<std::string, Value>& fields) {
  std::set<std::string> out;
  for (const auto& [field, value] : fields) {
    out.insert(field);
  }
  return out;
}

/// Joins a file with what the command line has set, part by part.
class FileJoin {
 public:
  FileJoin(DesiredState file, const FieldNames& named, const DesiredState& before)
      : named_(named), before_(before) {
    out_.desired = std::move(file);
  }

  void join(const std::string& part, const std::map<std::string, FieldClaim>& claims) {
    if (part == kPlatformPart) {
      PlatformSpec& wanted = out_.desired.platform;
      join_part(part, claims, json_of_platform(before_.platform), json_of_platform(wanted),
                parse_platform, wanted);
      return;
    }
    const Result<TenantId> tenant = TenantId::parse(part);
    const TenantSpec* const before = tenant.has_value() ? find_tenant(before_, *tenant) : nullptr;
    const TenantSpec* const wanted =
        tenant.has_value() ? find_tenant(out_.desired, *tenant) : nullptr;
    if (before != nullptr && wanted != nullptr) {
      TenantSpec& joined = out_.desired.tenants[static_cast<std::size_t>(
          std::distance(out_.desired.tenants.get().data(), wanted))];
      join_part(part, claims, json_of_tenant(*before), json_of_tenant(joined), parse_tenant,
                joined);
      return;
    }
    join_tenant(part, claims, before, wanted);
  }

  Result<OwnedState> finish() {
    for (TenantSpec& tenant : kept_) {
      out_.desired.tenants.push_back(std::move(tenant));
    }
    if (!out_.report.kept.empty()) {
      std::sort(out_.desired.tenants.begin(), out_.desired.tenants.end(),
                [](const TenantSpec& a, const TenantSpec& b) { return a.tenant < b.tenant; });
      const Status checked = check_state(out_.desired);
      if (checked.has_error()) {
        return checked.error().with_context(
            "joining the file with what the command line has set and the file says nothing of "
            "(name it in the file too)");
      }
    }
    return std::move(out_);
  }

 private:
  const std::set<std::string>& named_of(const std::string& part) const {
    const auto found = named_.find(part);
    return found == named_.end() ? nothing_ : found->second;
  }

  /// A tenant that only one of both has: it is the command line's that it is there, or that it is
  /// not.
  void join_tenant(const std::string& part,
                   const std::map<std::string, FieldClaim>& claims,
                   const TenantSpec* before,
                   const TenantSpec* wanted) {
    const auto whole = claims.find(std::string(kWholeTenant));
    const std::string path = path_of(part, kWholeTenant);
    if (before != nullptr && whole != claims.end()) {
      out_.report.kept.add({path, "", "", whole->second});
      kept_.push_back(*before);
      return;
    }
    if (wanted != nullptr && whole != claims.end()) {
      out_.report.conflicts.add({path, kIsAbsent, kIsPresent, whole->second});
    }
    // The file brings it, or takes it away as it once brought it.
    out_.change.dropped[part] = names_of(claims);
  }

  /// `wanted` becomes what the file says, with the fields that it does not name as before.
  template <typename Spec>
  void join_part(const std::string& part,
                 const std::map<std::string, FieldClaim>& claims,
                 const Json& before,
                 const Json& file,
                 Result<Spec> (*parse)(std::string_view document),
                 Spec& wanted) {
    const std::map<std::string, Json> now = fields_of(before);
    Differing differing = compare(part, claims, now, fields_of(file));
    const auto joined_without = [&](const std::set<std::string>& left_out) {
      Json joined = file;
      for (const auto& [field, note] : differing.kept) {
        const auto value = now.find(field);
        if (!left_out.contains(field)) {
          set_field(joined, field, value == now.end() ? nullptr : &value->second);
        }
      }
      return parse(dump_json(joined));
    };
    if (!differing.kept.empty()) {
      Result<Spec> joined = joined_without({});
      if (joined.has_error()) {
        joined = fit<Spec>(joined.error(), joined_without, differing, wanted);
      }
      wanted = *std::move(joined);
    }
    tell(part, std::move(differing));
  }

  /// What the command line has set and there is no room for becomes a conflict, as little as that
  /// can be.
  template <typename Spec, typename Join>
  Result<Spec> fit(const Error& misfit,
                   const Join& joined_without,
                   Differing& differing,
                   const Spec& file) {
    for (const std::set<std::string>& fields : suspects(differing)) {
      if (tries_ == 0) {
        break;
      }
      --tries_;
      Result<Spec> joined = joined_without(fields);
      if (joined.has_value()) {
        give_up(fields, misfit, differing);
        return joined;
      }
    }
    give_up(names_of(differing.kept), misfit, differing);
    return file;
  }

  static void give_up(const std::set<std::string>& fields,
                      const Error& misfit,
                      Differing& differing) {
    for (const std::string& field : fields) {
      auto note = differing.kept.extract(field);
      note.mapped().misfit = misfit.text();
      differing.conflicts.insert(std::move(note));
    }
  }

  /// What the file names goes to it, the same or not.
  Differing compare(const std::string& part,
                    const std::map<std::string, FieldClaim>& claims,
                    const std::map<std::string, Json>& now,
                    const std::map<std::string, Json>& wanted) {
    Differing out;
    for (const auto& [field, claim] : claims) {
      const bool is_named = field == kWholeTenant || named_of(part).contains(field);
      if (is_named) {
        out_.change.dropped[part].insert(field);
      }
      FieldNote note{path_of(part, field), text_of(now, field), text_of(wanted, field), claim};
      if (note.now != note.wanted) {
        (is_named ? out.conflicts : out.kept).emplace(field, std::move(note));
      }
    }
    return out;
  }

  void tell(const std::string& part, Differing differing) {
    for (auto& [field, note] : differing.conflicts) {
      out_.change.dropped[part].insert(field);
      out_.report.conflicts.add(std::move(note));
    }
    for (auto& [field, note] : differing.kept) {
      out_.report.kept.add(std::move(note));
    }
  }

  const FieldNames& named_;
  const DesiredState& before_;
  const std::set<std::string> nothing_{};
  std::size_t tries_ = kMostTries;
  std::vector<TenantSpec> kept_{};
  OwnedState out_{};
};

/// Claims what differs between two forms of a part, and notes what was the file's.
void take_part(const std::string& part,
               const Json& before,
               const Json& after,
               const std::map<std::string, FieldClaim>& claims,
               OwnedState& out) {
  const std::map<std::string, Json> old = fields_of(before);
  const std::map<std::string, Json> fresh = fields_of(after);
  std::set<std::string> names;
  for (const auto* const side : {&old, &fresh}) {
    for (const auto& [field, value] : *side) {
      names.insert(field);
    }
  }
  for (const std::string& field : names) {
    FieldNote note{path_of(part, field), text_of(old, field), text_of(fresh, field), std::nullopt};
    if (note.now == note.wanted) {
      continue;
    }
    out.change.claimed[part].insert(field);
    if (!claims.contains(field)) {
      out.report.taken.add(std::move(note));
    }
  }
}

/// A tenant that a command has made: what it says of it, and the tenant itself.
void take_new_tenant(const TenantSpec& tenant, OwnedState& out) {
  const std::string& part = tenant.tenant.str();
  const std::map<std::string, Json> defaults =
      fields_of(json_of_tenant(TenantSpec{.tenant = tenant.tenant}));
  std::set<std::string>& claimed = out.change.claimed[part];
  claimed.insert({std::string(kWholeTenant), "name", "business_type"});
  for (const auto& [field, value] : fields_of(json_of_tenant(tenant))) {
    const auto standard = defaults.find(field);
    if (standard == defaults.end() || standard->second != value) {
      claimed.insert(field);
    }
  }
}

/// Claims that the tenants are away which `old` has and `out` has not.
void take_absence(const DesiredState& old, const FieldOwners& owners, OwnedState& out) {
  for (const TenantSpec& tenant : old.tenants) {
    if (find_tenant(out.desired, tenant.tenant) != nullptr) {
      continue;
    }
    const std::string& part = tenant.tenant.str();
    out.change.claimed[part].insert(std::string(kWholeTenant));
    const auto claims = owners.find(part);
    if (claims == owners.end() || !claims->second.contains(std::string(kWholeTenant))) {
      out.report.taken.add({path_of(part, kWholeTenant), kIsPresent, kIsAbsent, std::nullopt});
    }
  }
}

/// Drops what is owned of tenants that are no more, but for the claim that they stay away.
void drop_gone(const DesiredState& old, const FieldOwners& owners, OwnedState& out) {
  for (const auto& [part, claims] : owners) {
    const Result<TenantId> tenant = TenantId::parse(part);
    if (part == kPlatformPart ||
        (tenant.has_value() && find_tenant(out.desired, *tenant) != nullptr)) {
      continue;
    }
    std::set<std::string> names = names_of(claims);
    if (tenant.has_value() && find_tenant(old, *tenant) == nullptr) {
      names.erase(std::string(kWholeTenant));
    }
    if (!names.empty()) {
      out.change.dropped[part] = std::move(names);
    }
  }
}

}  // namespace

Result<OwnedState> join_file(DesiredState file,
                             const FieldNames& named,
                             const std::optional<DesiredState>& before,
                             const FieldOwners& owners) {
  if (!before || owners.empty()) {
    return OwnedState{std::move(file)};
  }
  FileJoin out(std::move(file), named, *before);
  for (const auto& [part, claims] : owners) {
    out.join(part, claims);
  }
  return out.finish();
}

OwnedState take_command(DesiredState desired,
                        const std::optional<DesiredState>& before,
                        const FieldOwners& owners,
                        Removed removed) {
  OwnedState out{std::move(desired)};
  const DesiredState none;
  const DesiredState& old = before ? *before : none;
  const std::map<std::string, FieldClaim> unclaimed;
  const auto claims_of = [&](const std::string& part) -> const std::map<std::string, FieldClaim>& {
    const auto found = owners.find(part);
    return found == owners.end() ? unclaimed : found->second;
  };
  if (!(out.desired.platform == old.platform)) {
    const std::string part(kPlatformPart);
    take_part(part, json_of_platform(old.platform), json_of_platform(out.desired.platform),
              claims_of(part), out);
  }
  for (const TenantSpec& tenant : out.desired.tenants) {
    const TenantSpec* const known = find_tenant(old, tenant.tenant);
    if (known == nullptr) {
      take_new_tenant(tenant, out);
    } else if (!(*known == tenant)) {
      const std::string& part = tenant.tenant.str();
      take_part(part, json_of_tenant(*known), json_of_tenant(tenant), claims_of(part), out);
    }
  }
  drop_gone(old, owners, out);
  if (removed == Removed::kStaysAway) {
    take_absence(old, owners, out);
  }
  return out;
}

}  // namespace voicectl
