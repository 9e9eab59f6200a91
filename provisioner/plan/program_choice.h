// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "provisioner/model/desired_state.h"
#include "provisioner/model/snapshot.h"
#include "provisioner/plan/planner.h"

namespace voicectl {

/// Which program an instance is started with, and which tenants that have to move go to, by how far
/// an upgrade is.
///
///   no upgrade   the present program
///   canary       the new one for what replaces the canary, the old one for everybody else
///   rolling      the new one
///   reversing    the old one
class ProgramChoice {
 public:
  /// Both must outlive it.
  ProgramChoice(const Snapshot& snapshot, const PlanInputs& inputs)
      : snapshot_(&snapshot), inputs_(&inputs) {}

  /// Of one more shared instance, when `on_target` that stay run the new one.
  const std::string& of_shared(std::size_t on_target) const;
  /// Of an instance of `tenant` alone.
  const std::string& of_dedicated(const TenantId& tenant) const;
  /// Of the instances that `tenant` goes to when it has no home.
  const std::string& of_homeless(const TenantId& tenant) const;

  /// The tenant is to be on an instance of the new program before anybody else is.
  bool is_canary(const TenantId& tenant) const;
  /// Shared instances beside the pool: the one of a canary tenant.
  std::size_t beside_pool(const DesiredState& desired) const;
  bool is_upgrading() const { return snapshot_->programs.upgrade.has_value(); }

 private:
  bool in_canary_phase() const;
  /// Of everybody that the canary is not about.
  const std::string& of_others() const;

  const Snapshot* snapshot_;
  const PlanInputs* inputs_;
};

}  // namespace voicectl
