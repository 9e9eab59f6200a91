// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/upgrade_driver.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "provisioner/daemon/upgrade_story.h"

namespace voicectl {
namespace {

constexpr Duration kFirstWait = std::chrono::seconds(2);
constexpr Duration kLongestWait = std::chrono::seconds(60);

std::string short_name(const std::string& fingerprint) {
  return fingerprint.substr(0, 12);
}

}  // namespace

UpgradeDriver::UpgradeDriver(Deps deps) : deps_(std::move(deps)) {}
UpgradeDriver::~UpgradeDriver() = default;

const std::optional<UpgradeRecord>& UpgradeDriver::under_way() const {
  return deps_.recorded.snapshot().programs.upgrade;
}

Snapshot UpgradeDriver::counted() const {
  Snapshot out = deps_.recorded.snapshot();
  if (out.programs.upgrade) {
    out.programs.upgrade->moved += moved_;
    out.programs.upgrade->dropped += dropped_;
  }
  return out;
}

void UpgradeDriver::later(Duration wait, std::function<void()> act) {
  deps_.reactor.call_after(wait, [act = std::move(act), alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) {
      act();
    }
  });
}

void UpgradeDriver::begin(UpgradeRequest request,
                          ReconcileLoop::ApplyListener listener,
                          std::function<void(const Error&)> refused,
                          std::function<Status()> may_begin) {
  const auto asked = std::make_shared<const Asked>(
      Asked{std::move(request), std::move(listener), std::move(refused), std::move(may_begin)});
  take_target(asked->request, [this, asked](const Result<ProgramRecord>& target) {
    if (target.has_error()) {
      asked->refused(target.error());
      return;
    }
    // Until it is recorded or refused.
    count_websockets([this, asked, target = *target,
                      held = deps_.programs.hold(target->fingerprint)](const OpenWebsockets& open) {
      decide(asked, target, open, held);
    });
  });
}

void UpgradeDriver::decide(const std::shared_ptr<const Asked>& asked,
                           const ProgramRecord& target,
                           const OpenWebsockets& websockets,
                           const std::shared_ptr<const void>& held) {
  const Result<UpgradeForecast> forecast = forecast_with_course(asked->request, target, websockets);
  if (forecast.has_error()) {
    asked->refused(forecast.error());
    return;
  }
  if (!forecast->is_understood && asked->request.drops == Drops::kRefuse) {
    asked->refused(
        Error(ErrorCode::kConflict,
              fmt::format("cannot upgrade without dropping WebSockets: the two programs lay out "
                          "hand-overs differently, so {} of {} that are open now would be closed "
                          "(1012) and come again; add --allow-drops",
                          forecast->drops, forecast->websockets)));
    return;
  }
  if (const Status wanted = asked->may_begin(); wanted.has_error()) {
    asked->refused(wanted.error());
    return;
  }
  if (forecast->instances.empty() &&
      deps_.recorded.snapshot().programs.current == target.fingerprint) {
    asked->listener.on_started(Plan{});
    asked->listener.on_finished({});
    return;
  }
  // Checked by the forecast, from the same facts in the same turn.
  const SetPrograms action = *first_action(asked->request, target);
  const Status begun = deps_.loop.run_single(
      action, "asked by " + asked->request.wish.who,
      [this, asked, target, held](const Status& recorded) {
        recorded.has_error() ? asked->refused(recorded.error()) : begun_with(*asked, target);
      });
  if (begun.has_error()) {
    asked->refused(begun.error());
  }
}

void UpgradeDriver::begun_with(const Asked& asked, const ProgramRecord& target) {
  story_ = std::make_unique<Story>();
  story_->listener = asked.listener;
  Plan shown;
  shown.id = "upgrade-" + target.fingerprint;
  asked.listener.on_started(shown);
  deps_.events.add("upgrade.started", "programs",
                   dump_json({{"to", target.fingerprint}, {"version", target.version}}));
  beat();
  drive();
}

void UpgradeDriver::abort(const std::string& who, Completion<void> done) {
  if (!under_way() || story_ == nullptr) {
    deps_.reactor.post([done] {
      done(Error(ErrorCode::kNotFound, "cannot turn an upgrade back: none is under way"));
    });
    return;
  }
  if (under_way()->phase == UpgradePhase::kReversing) {
    deps_.reactor.post([done] { done(ok_status()); });
    return;
  }
  story_->abort_why = "aborted by " + who;
  story_->abort_told.push_back(std::move(done));
}

void UpgradeDriver::resume() {
  if (!under_way()) {
    deps_.programs.keep_only(programs_in_use(deps_.recorded.snapshot()));
    return;
  }
  story_ = std::make_unique<Story>();
  story_->listener = {[](const Plan&) {}, [](const api::StepProgress&) {},
                      [](const api::ApplyOutcome&) {}};
  deps_.events.add(
      "upgrade.resumed", "programs",
      dump_json({{"to", under_way()->target}, {"phase", name_of(under_way()->phase)}}));
  drive();
}

void UpgradeDriver::record(const SetPrograms& action,
                           const std::string& reason,
                           std::function<void()> then) {
  const auto again = [this] { later(kFirstWait, [this] { drive(); }); };
  const Status begun = deps_.loop.run_single(
      action, reason,
      [this, then = std::move(then), again, alive = std::weak_ptr(alive_)](const Status& done) {
        if (alive.expired()) {
          return;
        }
        if (done.has_error()) {
          again();
          return;
        }
        moved_ = 0;
        dropped_ = 0;
        then();
      });
  if (begun.has_error()) {
    again();
  }
}

void UpgradeDriver::drive() {
  if (deps_.loop.is_stopping()) {
    return;  // the next daemon goes on
  }
  if (deps_.loop.is_busy()) {
    deps_.loop.when_idle([this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) {
        drive();
      }
    });
    return;
  }
  if (is_aborted()) {
    return;
  }
  settle();
}

bool UpgradeDriver::is_aborted() {
  if (!story_->abort_why || !under_way() || under_way()->phase == UpgradePhase::kReversing) {
    return false;
  }
  // Kept until that is recorded: what cannot be recorded now is tried again.
  turn_back(*story_->abort_why);
  return true;
}

void UpgradeDriver::settle() {
  story_->failure.clear();
  const Status begun = deps_.loop.settle(
      "an upgrade",
      ReconcileLoop::ApplyListener{[](const Plan&) {},
                                   [this](const api::StepProgress& step) {
                                     if (story_->failure.empty() && !step.error.empty()) {
                                       story_->failure = step.text + ": " + step.error;
                                     }
                                     api::StepProgress shown = step;
                                     shown.number += story_->lines;
                                     story_->listener.on_progress(shown);
                                   },
                                   [this](const api::ApplyOutcome& outcome) { settled(outcome); }});
  if (begun.has_error()) {
    later(kFirstWait, [this] { drive(); });
  }
}

void UpgradeDriver::settled(const api::ApplyOutcome& outcome) {
  story_->lines += outcome.done + outcome.failed + outcome.skipped + outcome.undone;
  story_->outcome.done += outcome.done;
  if (!under_way()) {
    finish();
    return;
  }
  const bool is_back = under_way()->phase == UpgradePhase::kReversing;
  const bool is_there = is_upgrade_settled(deps_.recorded.snapshot());
  if (is_there && is_back) {
    record(end_reversal(counted(), deps_.wall.now()), "it is reversed", [this] { finish(); });
    return;
  }
  if (is_aborted()) {
    return;
  }
  if (is_there) {
    story_->tries = 0;
    begin_watch();
    return;
  }
  ++story_->tries;
  if (!is_back && story_->tries >= kTries) {
    turn_back(story_->failure.empty() ? "not everybody has moved" : story_->failure);
  } else if (is_back && story_->tries >= kTries) {
    force_back();
  } else {
    later(std::min<Duration>(kLongestWait, kFirstWait * story_->tries), [this] { drive(); });
  }
}

void UpgradeDriver::turn_back(const std::string& why) {
  story_->tries = 0;
  record(reverse_upgrade(counted(), why), why, [this, why] {
    story_->abort_why.reset();
    tell("programs", "go on to program " + short_name(under_way()->target), api::StepState::kFailed,
         fmt::format("{}; turning back to program {}", why, short_name(under_way()->from)));
    ++story_->outcome.failed;
    deps_.events.add("upgrade.reversing", "programs", dump_json({{"reason", why}}));
    for (const Completion<void>& told : std::exchange(story_->abort_told, {})) {
      told(ok_status());
    }
    drive();
  });
}

void UpgradeDriver::force_back() {
  // They do not let go of their tenants. Ended, they have none: the connections are lost, but the
  // old program serves again.
  auto left = std::make_shared<std::size_t>(1);
  const auto one_less = [this, left, alive = std::weak_ptr(alive_)] {
    if (--*left == 0 && !alive.expired()) {
      later(std::min<Duration>(kLongestWait, kFirstWait * story_->tries), [this] { drive(); });
    }
  };
  for (const auto& [name, instance] : deps_.recorded.snapshot().instances) {
    if (instance.fate != InstanceFate::kRetired) {
      continue;
    }
    ++*left;
    deps_.events.add("upgrade.forced", "instance/" + name.str(),
                     dump_json({{"reason", "it does not let go of its tenants and is ended"}}));
    deps_.instances.stop(name, kStopGrace, [one_less](const Status&) { one_less(); });
  }
  one_less();
}

void UpgradeDriver::proven() {
  const bool was_canary = under_way()->phase == UpgradePhase::kCanary;
  const std::string what = was_canary ? under_way()->canary : "the batch";
  tell("programs", fmt::format("{} answers with program {}", what, short_name(under_way()->target)),
       api::StepState::kDone);
  ++story_->outcome.done;
  deps_.events.add("upgrade.proven", "programs",
                   dump_json({{"what", what}, {"to", under_way()->target}}));
  record(advance_upgrade(counted(), deps_.wall.now()), what + " has proven itself",
         [this] { drive(); });
}

void UpgradeDriver::finish() {
  const std::optional<UpgradeOutcome>& last = deps_.recorded.snapshot().programs.last;
  VC_CHECK(last.has_value(), "an upgrade that ended has an outcome");
  deps_.programs.keep_only(programs_in_use(deps_.recorded.snapshot()));
  const bool is_done = last->why.empty();
  const std::string detail = dump_json({{"to", last->target},
                                        {"from", last->from},
                                        {"reason", last->why},
                                        {"websockets_moved", last->moved},
                                        {"websockets_dropped", last->dropped}});
  if (is_done) {
    deps_.events.add("upgrade.finished", "programs", detail);
  } else {
    deps_.events.add("upgrade.reversed", "programs", detail);
  }
  const std::unique_ptr<Story> story = std::move(story_);
  for (const Completion<void>& told : story->abort_told) {
    told(Error(ErrorCode::kConflict, "cannot turn the upgrade back: it has just been finished"));
  }
  if (!is_done) {
    story->outcome.remedy = fmt::format(
        "the upgrade was reversed: {}; all tenants are served by program {} again "
        "({} WebSockets moved, {} dropped); see 'voicectl events'",
        last->why, short_name(last->from), last->moved, last->dropped);
  }
  story->listener.on_finished(story->outcome);
}

void UpgradeDriver::beat() {
  later(kBeat, [this] {
    if (story_ != nullptr) {
      story_->listener.on_progress(api::StepProgress{story_->lines, api::StepState::kRunning,
                                                     "upgrade", "programs", "the upgrade goes on",
                                                     0, ""});
      beat();
    }
  });
}

void UpgradeDriver::tell(const std::string& subject,
                         const std::string& text,
                         api::StepState state,
                         const std::string& error) {
  story_->listener.on_progress(
      api::StepProgress{story_->lines++, state, "upgrade", subject, text, 0, error});
}

}  // namespace voicectl
