// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "provisioner/model/desired_state.h"
#include "provisioner/model/desired_state_yaml.h"
#include "provisioner/model/value_reader.h"

namespace voicectl {

/// Files that documents name, each read and parsed once.
///
/// OWNS: the trees of those files; values read from them live as long.
class IncludedFiles {
 public:
  IncludedFiles(FileReader read_file, const YamlBudget& budget, Problems& problems);

  /// The one document in the file named by `value`; nullopt after telling why not.
  std::optional<ValueReader> open(const ValueReader& value);

 private:
  TreeRef load(const std::string& path, const ValueReader& asked_by);

  FileReader read_file_;
  YamlBudget budget_;
  Problems* problems_;
  std::map<std::string, TreeRef> trees_;
};

/// A tenant as it was read, and where, for rules that look at several tenants.
struct TenantDraft {
  TenantSpec spec;
  /// Absent if the slug could not be read; `spec.tenant` then stands for it.
  std::optional<Spot> slug;
  /// Same order as `spec.domains`.
  std::vector<Spot> domains;
  Spot backend_url;
};

/// A platform as it was read, and where its parts stand.
struct PlatformDraft {
  PlatformSpec spec;
  Spot platform;
  Spot domain;
  Spot port_range;
  /// Where the rollout stands.
  Spot rollout;
};

/// `path` as named in `document`: below the document's folder unless it is absolute.
std::string resolve_path(const std::string& document, const std::string& path);

/// Fields that are wrong have their defaults in the result, and a problem.
PlatformDraft read_platform(const ValueReader& value);
TenantDraft read_tenant(const ValueReader& value, IncludedFiles& files);
PromotionPolicy read_monitor(const ValueReader& value);
RolloutSpec read_rollout(const ValueReader& value);
HooksSpec read_hooks(const ValueReader& value);

/// A figure that may be left to the default: absent where the key is absent or null.
std::optional<std::uint32_t> read_figure(MapReader& map,
                                         std::string_view key,
                                         std::int64_t least,
                                         std::int64_t most);

/// What a business offers and who works there, inline or from files, into `spec`.
void read_catalogue(MapReader& tenant, IncludedFiles& files, TenantSpec& spec);
OpeningHours read_opening_hours(const ValueReader& value);

/// Rules that hold between the parts of one platform.
void check_platform(const PlatformDraft& draft, Problems& problems);

/// That no tenant's backend is named by an address that the platform does not let it have. A name
/// is judged by the instance, each time that it has been resolved.
void check_backends(const PlatformDraft& platform,
                    const std::vector<TenantDraft>& tenants,
                    Problems& problems);

/// That each canary is a tenant of the same state: one that is in none would never go first.
void check_canaries(const PlatformDraft& platform,
                    const std::vector<TenantDraft>& tenants,
                    Problems& problems);

/// Rules that hold between all tenants, and between them and the platform.
void check_together(const PlatformDraft& platform,
                    const std::vector<TenantDraft>& tenants,
                    Problems& problems);

}  // namespace voicectl
