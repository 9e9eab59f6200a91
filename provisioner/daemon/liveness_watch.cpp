// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/liveness_watch.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/json.h"
#include "runtime/control/protocol.h"

namespace voicectl {
namespace {

std::string reason_of(std::uint32_t missed, const LivenessSpec& limits) {
  return fmt::format("it has not answered {} heartbeat{}, {} each", missed, missed == 1 ? "" : "s",
                     format_duration(limits.interval));
}

}  // namespace

LivenessSpec LivenessWatch::spec() const {
  const std::optional<PlatformSpec>& platform = deps_.recorded.snapshot().platform;
  return platform ? platform->liveness : LivenessSpec{};
}

void LivenessWatch::begin() {
  std::map<InstanceId, Pulse> still_there;
  for (const InstanceView& view : deps_.instances.observe()) {
    if (view.state != InstanceState::kReady || !view.process) {
      continue;
    }
    const auto known = pulses_.find(view.instance);
    const bool is_same = known != pulses_.end() && known->second.process == *view.process;
    still_there.emplace(view.instance, is_same ? known->second : Pulse{*view.process});
  }
  pulses_ = std::move(still_there);
  const MonoTime now = deps_.reactor.now();
  for (auto& [instance, pulse] : pulses_) {
    const bool has_answered = pulse.answered_at && now - *pulse.answered_at < spec().interval;
    if (!pulse.is_asked && !has_answered) {
      pulse.is_asked = true;
      ask(instance, pulse.process);
    }
  }
  deps_.reactor.call_after(spec().interval, [this] { begin(); });
}

void LivenessWatch::note_answer(const InstanceId& instance) {
  const auto found = pulses_.find(instance);
  if (found != pulses_.end()) {
    found->second.answered_at = deps_.reactor.now();
    note_heard(instance, found->second);
  }
}

void LivenessWatch::ask(const InstanceId& instance, const ProcessIdentity& process) {
  // Shorter than the interval, so that an answer is in or missed before the next one is asked for.
  const Duration patience = Duration(spec().interval) * 9 / 10;
  deps_.instances.request(instance, control::request::kPing, "{}", patience,
                          [this, instance, process](const Result<std::string>& answer) {
                            take(instance, process, answer);
                          });
}

void LivenessWatch::take(const InstanceId& instance,
                         const ProcessIdentity& process,
                         const Result<std::string>& answer) {
  const auto found = pulses_.find(instance);
  if (found == pulses_.end() || !(found->second.process == process)) {
    return;  // it ended meanwhile
  }
  Pulse& pulse = found->second;
  pulse.is_asked = false;
  if (answer.has_error() && answer.error().code() == ErrorCode::kTimeout) {
    note_missed(instance, pulse);
  } else if (!answer.has_error() || answer.error().code() != ErrorCode::kUnavailable) {
    // A refusal is an answer. A channel that breaks is its supervisor's business.
    note_heard(instance, pulse);
  }
}

void LivenessWatch::note_heard(const InstanceId& instance, Pulse& pulse) {
  pulse.missed = 0;
  pulse.is_told = false;
  // What another process answers in its place, before that is known here, is not its answer.
  if (std::exchange(pulse.doubt, std::nullopt) && is_running(instance, pulse.process)) {
    deps_.instances.trust(instance, pulse.process);
    deps_.events.add("instance.answers", "instance/" + instance.str(), "{}");
  }
}

bool LivenessWatch::is_running(const InstanceId& instance, const ProcessIdentity& process) const {
  const std::vector<InstanceView> views = deps_.instances.observe();
  return std::any_of(views.begin(), views.end(), [&](const InstanceView& view) {
    return view.instance == instance && view.process == process &&
           view.state == InstanceState::kReady;
  });
}

void LivenessWatch::note_missed(const InstanceId& instance, Pulse& pulse) {
  const LivenessSpec limits = spec();
  ++pulse.missed;
  if (pulse.missed + 1 >= limits.misses) {
    doubt(instance, pulse, limits);
  }
  if (pulse.missed < limits.misses) {
    return;
  }
  if (!std::exchange(pulse.is_told, true)) {
    tell_hung(instance, pulse, limits);
  }
  if (limits.replaces) {
    deps_.instances.give_up(
        instance, pulse.process,
        Error(ErrorCode::kTimeout, fmt::format("cannot keep instance '{}' up: {}", instance.str(),
                                               reason_of(pulse.missed, limits))));
  }
}

void LivenessWatch::doubt(const InstanceId& instance, Pulse& pulse, const LivenessSpec& limits) {
  const Doubt wanted = limits.replaces ? Doubt::kReplace : Doubt::kTell;
  if (pulse.doubt == wanted) {
    return;
  }
  if (!pulse.doubt) {
    deps_.events.add(
        "instance.silent", "instance/" + instance.str(),
        dump_json({{"reason", reason_of(pulse.missed, limits)}, {"allowed", limits.misses}}));
  }
  pulse.doubt = wanted;
  deps_.instances.doubt(instance, pulse.process, wanted);
}

void LivenessWatch::tell_hung(const InstanceId& instance,
                              const Pulse& pulse,
                              const LivenessSpec& limits) {
  ++hangs_[instance];
  deps_.events.add(
      "instance.hangs", "instance/" + instance.str(),
      dump_json({{"reason", reason_of(pulse.missed, limits)}, {"replaced", limits.replaces}}));
}

std::map<InstanceId, std::uint32_t> LivenessWatch::missed() const {
  std::map<InstanceId, std::uint32_t> out;
  for (const auto& [instance, pulse] : pulses_) {
    if (pulse.missed > 0) {
      out.emplace(instance, pulse.missed);
    }
  }
  return out;
}

}  // namespace voicectl
