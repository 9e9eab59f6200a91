// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/step_order.h"

#include <variant>

namespace voicectl {

const LendListener* move_in(const Action& action) {
  const auto* const lend = std::get_if<LendListener>(&action);
  return lend != nullptr && lend->from ? lend : nullptr;
}

StepOrder::StepOrder(const std::vector<Step>& steps) {
  steps_.reserve(steps.size());
  for (const Step& step : steps) {
    add(step.action);
    const std::size_t number = steps_.size() - 1;
    steps_[number].open_needs = step.needs.size();
    for (const std::size_t need : step.needs) {
      steps_[need].needed_by.push_back(number);
    }
    if (!step.needs.empty()) {
      ready_.erase(number);
    }
  }
}

void StepOrder::add(const Action& action) {
  ready_.insert(ready_.end(), steps_.size());
  steps_.push_back(Entry{subject_of(action), move_in(action) != nullptr, 0, {}});
}

std::vector<std::size_t> StepOrder::begin(std::size_t most, std::size_t most_moves) {
  std::vector<std::size_t> out;
  for (auto next = ready_.begin(); next != ready_.end() && under_way_ < most;) {
    const Entry& step = steps_[*next];
    if ((step.is_move && moving_ >= most_moves) || !busy_.insert(step.subject).second) {
      ++next;
      continue;
    }
    ++under_way_;
    moving_ += step.is_move ? 1 : 0;
    out.push_back(*next);
    next = ready_.erase(next);
  }
  return out;
}

void StepOrder::end(std::size_t step, End how) {
  const Entry& ended = steps_[step];
  busy_.erase(ended.subject);
  --under_way_;
  moving_ -= ended.is_move ? 1 : 0;
  if (how == End::kFailed) {
    return;
  }
  for (const std::size_t next : ended.needed_by) {
    if (--steps_[next].open_needs == 0) {
      ready_.insert(next);
    }
  }
}

}  // namespace voicectl
