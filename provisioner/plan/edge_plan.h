// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "provisioner/plan/plan_context.h"

namespace voicectl {

/// How often these steps make the edge that runs read its configuration anew: for another one than
/// it serves, and for a file that is not as it was written. One that does not run is started.
std::size_t reloads_of(const std::vector<Step>& steps, const Snapshot& before);

/// The edge's part of a plan: its configuration, certificates, and who is routed where.
class EdgePlan {
 public:
  /// Adds the wildcard certificate and the publication, where they are due.
  explicit EdgePlan(PlanContext& context);

  /// Adds the certificates of the tenant's own domains and its routes, after all of `after`.
  ///
  /// A domain that still waits, for its first certificate or for another tenant to give it up, does
  /// not keep the tenant's other hosts waiting: they are routed first.
  void plan_tenant(const TenantSpec& spec, const std::vector<StepRef>& after);

  /// The tenant gives up its hosts in this step.
  void note_withdrawal(const TenantId& tenant, StepRef step);

  /// Whether this plan publishes a configuration that names every tenant, but those that are being
  /// deleted.
  bool publishes_tenants() const { return is_static() && publish_; }

  /// In static mode the configuration names every tenant: `step` must come before it is published.
  void note_change_of_tenants(StepRef step);

  /// The step after which nobody is routed to a withdrawn tenant any more: in static mode the
  /// publication. Absent if nothing is to be waited for.
  std::optional<StepRef> after_withdrawal() const;

  /// Links what was planned for single tenants, and removes the certificates that serve no desired
  /// name any more. Call it once, after all of them.
  void finish();

 private:
  struct Wait {
    StepRef step;
    TenantId owner;
  };
  bool is_static() const;
  std::optional<StepRef> plan_certificate(const std::string& name);
  void remove_certificates();
  void route(const TenantSpec& spec,
             const std::vector<std::string>& hosts,
             const std::map<std::string, StepRef>& certificates,
             const std::vector<StepRef>& after);
  StepRef add_route(const TenantId& tenant,
                    const std::vector<std::string>& hosts,
                    std::string reason,
                    const std::vector<StepRef>& after);

  PlanContext& context_;
  std::optional<StepRef> publish_;
  /// Who is routed where now.
  std::map<std::string, TenantId> owners_;
  /// The first step in which a tenant gives up hosts that are not to be its own any more.
  std::map<TenantId, StepRef> releases_;
  std::vector<Wait> waits_;
};

/// The host that a tenant has under the platform's domain, and then its own domains.
std::vector<std::string> hosts_of_tenant(const PlatformSpec& platform, const TenantSpec& spec);

}  // namespace voicectl
