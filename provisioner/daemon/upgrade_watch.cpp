// SPDX-License-Identifier: Apache-2.0
// How an upgrade looks at what it has replaced.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "provisioner/daemon/upgrade_driver.h"
#include "provisioner/daemon/upgrade_story.h"

namespace voicectl {
namespace {

const InstanceView* find_view(const std::vector<InstanceView>& views, const InstanceId& instance) {
  const auto found = std::find_if(views.begin(), views.end(), [&](const InstanceView& view) {
    return view.instance == instance;
  });
  return found == views.end() ? nullptr : &*found;
}

}  // namespace

void UpgradeDriver::begin_watch() {
  story_->bad_looks = 0;
  story_->unasked = 0;
  story_->restarts.clear();
  const std::vector<InstanceView> views = deps_.instances.observe();
  for (const InstanceId& instance : upgraded_instances(deps_.recorded.snapshot())) {
    const InstanceView* const view = find_view(views, instance);
    story_->restarts.emplace(instance, view == nullptr ? 0 : view->restarts);
  }
  // Those that follow the canary run what it has proven: one good look is enough.
  const bool is_canary = under_way()->phase == UpgradePhase::kCanary;
  story_->watch_until =
      deps_.reactor.now() + (is_canary ? Duration(under_way()->watch) : Duration::zero());
  look();
}

void UpgradeDriver::look() {
  if (deps_.loop.is_stopping() || is_aborted()) {
    return;
  }
  if (const Status alive = look_at_processes(); alive.has_error()) {
    turn_back(alive.error().text());
    return;
  }
  ask_all([this](const Status& seen) { looked(seen); });
}

Status UpgradeDriver::look_at_processes() const {
  const std::vector<InstanceView> views = deps_.instances.observe();
  for (const auto& [instance, restarts] : story_->restarts) {
    const InstanceView* const view = find_view(views, instance);
    if (view == nullptr || view->state != InstanceState::kReady || view->restarts != restarts) {
      return Error(ErrorCode::kUnavailable,
                   fmt::format("cannot keep instance '{}': it ended or is not ready while it was "
                               "watched; see "
                               "'voicectl logs --instance {}'",
                               instance.str(), instance.str()));
    }
  }
  return ok_status();
}

void UpgradeDriver::ask_all(std::function<void(const Status&)> done) {
  const Snapshot& snapshot = deps_.recorded.snapshot();
  std::vector<ProbeTarget> targets;
  for (const InstanceId& instance : upgraded_instances(snapshot)) {
    targets.push_back(ProbeTarget{.port = snapshot.instances.at(instance).admin_port});
    for (const TenantId& tenant : deps_.recorded.tenants_of(instance)) {
      targets.push_back(probe_target_of(snapshot.tenants.at(tenant), deps_.paths));
    }
  }
  ask_each(
      deps_.probe, targets,
      [done = std::move(done), alive = std::weak_ptr(alive_)](const std::vector<Status>& answers) {
        // Whoever could not be asked counts only if nobody answered badly.
        auto bad = std::find_if(answers.begin(), answers.end(), [](const Status& each) {
          return each.has_error() && each.error().code() != ErrorCode::kResourceExhausted;
        });
        if (bad == answers.end()) {
          bad = std::find_if(answers.begin(), answers.end(),
                             [](const Status& each) { return each.has_error(); });
        }
        if (!alive.expired()) {
          done(bad == answers.end() ? ok_status() : *bad);
        }
      });
}

void UpgradeDriver::looked(const Status& seen) {
  if (seen.has_error() && seen.error().code() == ErrorCode::kResourceExhausted) {
    if (++story_->unasked >= kMostUnasked) {
      turn_back("nobody could ask whether it is well: " + seen.error().text());
    } else {
      later(kProbeInterval, [this] { look(); });  // it says nothing of them
    }
    return;
  }
  story_->unasked = 0;
  story_->bad_looks = seen.has_error() ? story_->bad_looks + 1 : 0;
  if (story_->bad_looks >= kProbeFailures) {
    turn_back("a probe failed: " + seen.error().text());
    return;
  }
  const MonoTime now = deps_.reactor.now();
  if (seen.has_value() && now >= story_->watch_until) {
    proven();
    return;
  }
  const Duration left = std::max<Duration>(story_->watch_until - now, Duration::zero());
  later(seen.has_error() || left > kProbeInterval ? kProbeInterval : left, [this] { look(); });
}

}  // namespace voicectl
