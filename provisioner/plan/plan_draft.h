// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "provisioner/plan/action.h"

namespace voicectl {

/// Names a step while a plan is being made; its number is known only at the end.
enum class StepRef : std::size_t {};

/// Collects steps and what they need in any order, and brings them into one that is safe.
class PlanDraft {
 public:
  StepRef add(Action action, std::string reason, const std::vector<StepRef>& needs = {});

  /// `step` runs only after `needed` has succeeded. An absent one asks for nothing.
  void need(StepRef step, std::optional<StepRef> needed);

  /// Every step that needs nothing else needs this one; but files are restored before it.
  void set_foundation(StepRef step) { foundation_ = step; }

  /// The plan: needs come first, and beside that steps stay in the order in which they were added.
  /// Keys are made of the action and of what `snapshot` says about its subject.
  /// ERRORS: kInternal if steps need each other in a circle.
  Result<Plan> finish(const Snapshot& snapshot) &&;

 private:
  struct Draft {
    Action action;
    std::string reason;
    std::vector<std::size_t> needs;
  };
  void lay_foundation();
  Result<std::vector<std::size_t>> safe_order() const;

  std::vector<Draft> drafts_;
  std::optional<StepRef> foundation_;
};

/// What the snapshot says about the subject of an action, as one line: an action that repeats on
/// the same facts is the same action.
std::string base_facts(const Snapshot& snapshot, const Action& action);

}  // namespace voicectl
