// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "provisioner/plan/action.h"

namespace voicectl {

/// Which steps of a plan may begin, while others end: a step when all that it needs is done, and
/// one at a time for each subject, because what is recorded of a subject is recorded as a whole, so
/// that two outcomes side by side would undo each other.
///
/// What it costs grows with the steps and what they need, not with their square.
class StepOrder {
 public:
  explicit StepOrder(const std::vector<Step>& steps);

  /// One more step, numbered behind the others, that needs nothing.
  void add(const Action& action);

  /// Begins as many as may begin, lowest first: never more than `most` under way, and of those that
  /// move a tenant from one instance to another never more than `most_moves`.
  std::vector<std::size_t> begin(std::size_t most, std::size_t most_moves);

  enum class End { kDone, kFailed };
  /// What needs a step that failed never begins. REQUIRES: it was begun.
  void end(std::size_t step, End how);

  /// It does not begin, although it might.
  void drop(std::size_t step) { ready_.erase(step); }

  /// Begun and not ended.
  std::size_t under_way() const { return under_way_; }

 private:
  struct Entry {
    std::string subject;
    bool is_move = false;
    std::size_t open_needs = 0;
    std::vector<std::size_t> needed_by;
  };
  std::vector<Entry> steps_;
  /// Need nothing any more, and have not begun.
  std::set<std::size_t> ready_;
  std::set<std::string> busy_;
  std::size_t under_way_ = 0;
  std::size_t moving_ = 0;
};

/// The action if it moves a tenant from one instance to another, else null.
const LendListener* move_in(const Action& action);

}  // namespace voicectl
