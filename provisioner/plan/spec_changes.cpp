// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/spec_changes.h"

#include <fmt/core.h>

namespace voicectl {
namespace {

class Changes {
 public:
  /// For values that are short enough to show.
  void compare(std::string_view key, std::string_view before, std::string_view after) {
    if (before != after) {
      append(fmt::format("{} {} -> {}", key, shown(before), shown(after)));
    }
  }

  /// For values that are not.
  template <typename T>
  void compare_whole(std::string_view key, const T& before, const T& after) {
    if (!(before == after)) {
      append(std::string(key));
    }
  }

  std::string text() && { return std::move(text_); }

 private:
  static std::string shown(std::string_view value) {
    return value.empty() ? "(none)" : std::string(value);
  }
  void append(const std::string& change) { text_ += text_.empty() ? change : "; " + change; }

  std::string text_;
};

std::string ports(const PlatformSpec& spec) {
  return fmt::format("{}-{}", spec.first_port, spec.last_port);
}

}  // namespace

std::string describe_changes(const TenantSpec& before, const TenantSpec& after) {
  Changes changes;
  changes.compare("name", before.name, after.name);
  changes.compare("business_type", name_of(before.business_type), name_of(after.business_type));
  changes.compare("plan", name_of(before.plan), name_of(after.plan));
  changes.compare("tier", name_of(before.tier), name_of(after.tier));
  changes.compare_whole("demo", before.demo, after.demo);
  changes.compare_whole("protect", before.protect, after.protect);
  changes.compare_whole("email", before.email, after.email);
  changes.compare_whole("phone", before.phone, after.phone);
  changes.compare("time_zone", before.time_zone, after.time_zone);
  changes.compare_whole("domains", before.domains, after.domains);
  changes.compare_whole("allowed_origins", before.allowed_origins, after.allowed_origins);
  changes.compare_whole("limits", before.limits, after.limits);
  changes.compare_whole("retention", before.retention, after.retention);
  changes.compare_whole("backend", before.backend, after.backend);
  changes.compare_whole("voice", before.voice, after.voice);
  changes.compare_whole("opening_hours", before.opening_hours, after.opening_hours);
  changes.compare_whole("menu", before.menu, after.menu);
  changes.compare_whole("services", before.services, after.services);
  changes.compare_whole("support_categories", before.support_categories, after.support_categories);
  changes.compare_whole("staff", before.staff, after.staff);
  changes.compare_whole("knowledge_base", before.knowledge_base, after.knowledge_base);
  changes.compare("import", before.import_id, after.import_id);
  return std::move(changes).text();
}

std::string describe_changes(const PlatformSpec& before, const PlatformSpec& after) {
  Changes changes;
  changes.compare("domain", before.domain, after.domain);
  changes.compare("edge.mode", name_of(before.edge.mode), name_of(after.edge.mode));
  changes.compare_whole("edge", before.edge, after.edge);
  changes.compare("ports", ports(before), ports(after));
  changes.compare("monitor.mode", name_of(before.monitor.mode), name_of(after.monitor.mode));
  PromotionPolicy as_before = after.monitor;
  as_before.mode = before.monitor.mode;
  changes.compare_whole("monitor", before.monitor, as_before);
  changes.compare_whole("liveness", before.liveness, after.liveness);
  changes.compare_whole("rollout", before.rollout, after.rollout);
  changes.compare_whole("hooks", before.hooks, after.hooks);
  changes.compare("state_directory", before.state_directory, after.state_directory);
  changes.compare("log_directory", before.log_directory, after.log_directory);
  changes.compare("pool.size", std::to_string(before.pool_size), std::to_string(after.pool_size));
  changes.compare_whole("store", before.store, after.store);
  changes.compare_whole("ultravox", before.ultravox, after.ultravox);
  changes.compare_whole("backend_networks", before.backend_networks, after.backend_networks);
  return std::move(changes).text();
}

}  // namespace voicectl
