// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/liveness_watch.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "runtime/control/protocol.h"

namespace voicectl {

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
    found->second.missed = 0;
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
    pulse.missed = 0;
  }
}

void LivenessWatch::note_missed(const InstanceId& instance, Pulse& pulse) {
  const LivenessSpec limits = spec();
  ++pulse.missed;
  if (pulse.missed < limits.misses || (pulse.missed > limits.misses && !limits.replaces)) {
    return;
  }
  const std::string reason = fmt::format("it has not answered {} heartbeats, {} each", pulse.missed,
                                         format_duration(limits.interval));
  ++hangs_[instance];
  deps_.events.add("instance.hangs", "instance/" + instance.str(),
                   dump_json({{"reason", reason}, {"replaced", limits.replaces}}));
  if (limits.replaces) {
    deps_.instances.give_up(
        instance, pulse.process,
        Error(ErrorCode::kTimeout,
              fmt::format("cannot keep instance '{}' up: {}", instance.str(), reason)));
  }
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
