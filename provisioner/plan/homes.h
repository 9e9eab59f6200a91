// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "provisioner/plan/plan_context.h"

namespace voicectl {

/// An instance that the plan keeps or starts.
struct Home {
  InstanceId instance;
  /// The step that starts it; absent while it runs.
  std::optional<StepRef> start;
  /// Ready now, or after `start`. False while it is being restarted without us.
  bool is_ready = false;
  /// Tenants that stay or were sent here.
  std::size_t tenants = 0;
  /// What it runs.
  std::string program{};
  /// Processor time of them, in thousandths of a processor, as far as it was measured.
  std::uint64_t load = 0;
};

/// The home of one tenant, and why it is that one.
struct Placement {
  InstanceId instance;
  std::optional<StepRef> start;
  std::string reason;
};

/// A tenth of a processor: loads that differ by less count as equal.
inline constexpr std::uint64_t kLoadStep = 100;

/// Where tenants can be. Everything recorded that is not among the homes is to be emptied and then
/// stopped.
class Homes {
 public:
  /// Adds the steps that start what is missing: the pool, and an instance for each tenant of tier
  /// dedicated, for which one that waits is taken if the monitor promotes the tenant, and those
  /// that wait for whoever is next. One that is to be replaced is no home: a new one is started
  /// beside it, with the program that program_choice.h says. ERRORS: kResourceExhausted when the
  /// port range is full.
  static Result<Homes> plan(PlanContext& context);

  /// Sends every desired tenant to a home: who is in a home that suits its tier stays; others go to
  /// the least loaded shared instance, those that are ready first, and during an upgrade those of
  /// the program that they belong on. Loads count in steps of kLoadStep, so that a little more does
  /// not change a plan; between equals the fewest tenants decide, then the name. A tenant whose
  /// load was not measured counts as much as those that were measured on average. ERRORS:
  /// kInvalidArgument if the pool is empty and a tenant needs it.
  Result<std::map<TenantId, Placement>> place(const PlanContext& context);

  bool contains(const InstanceId& instance) const;
  /// The step that starts the instance, if there is one.
  std::optional<StepRef> start_of(const InstanceId& instance) const;

 private:
  Status plan_pool(PlanContext& context);
  Status plan_dedicated(PlanContext& context);
  /// Of `free`, which serve nobody, as many as are wanted stay; what is missing is started.
  Status plan_spares(PlanContext& context, const std::vector<const RecordedInstance*>& free);
  /// `program`: that of the instances to prefer; empty for any.
  Placement place_in_pool(const RecordedTenant* recorded,
                          const std::string& program,
                          std::uint64_t load);

  std::map<InstanceId, Home> shared_;
  /// Loads are known.
  bool is_measured_ = false;
  std::map<TenantId, Home> dedicated_;
  /// By the instances of `dedicated_`, and those that wait for a tenant.
  std::map<InstanceId, std::optional<StepRef>> dedicated_starts_;
};

}  // namespace voicectl
