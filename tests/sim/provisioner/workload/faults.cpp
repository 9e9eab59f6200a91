// SPDX-License-Identifier: Apache-2.0
// What goes wrong in the simulated data centre.
#include <fmt/core.h>

#include <csignal>

#include "tests/sim/provisioner/workload/world.h"

namespace voicectl {

FakeInstances::Loss World::deliver(const std::string& name, const control::Message& question) {
  // What is asked all the time, and changes nothing, would be lost nearly always.
  const bool is_small_talk = question.type == control::request::kPing ||
                             question.type == control::request::kStats ||
                             question.type == control::request::kListSessions;
  FakeInstances::Loss loss = FakeInstances::Loss::kNothing;
  if (loss_ && !is_small_talk && loss_->first-- == 0) {
    loss = std::exchange(loss_, std::nullopt)->second;
  }
  if (!is_small_talk) {
    clients_.act(desired_);
  }
  if (loss != FakeInstances::Loss::kQuestion) {
    witness_.see_question(name, question);
  }
  return loss;
}

void World::cut(const Op& op) {
  if (op.b == 2) {
    machine_.hub.cut("/run/voicectl/holder.sock");
  } else {
    loss_ =
        std::pair(op.a, op.b == 0 ? FakeInstances::Loss::kQuestion : FakeInstances::Loss::kAnswer);
  }
}

void World::freeze_holder(Duration length) {
  machine_.holder.freeze();
  machine_.sim.call_after(length, [this] { machine_.holder.thaw(); });
}

void World::see_hand_over(FakeInstances::HandOverStep step,
                          const std::string& source,
                          const std::string& target) {
  clients_.act(desired_);
  if (!hand_over_fault_ || static_cast<int>(step) != hand_over_fault_->a) {
    return;
  }
  const int who = hand_over_fault_->b;
  if (who == 0 || who == 2) {
    machine_.instances.crash(source, FakeProcesses::killed_by(SIGKILL));
  }
  if ((who == 1 || who == 2) && machine_.instances.is_running(target)) {
    machine_.instances.crash(target, FakeProcesses::killed_by(SIGKILL));
  }
  if (who == 4) {
    // Both go on, and neither can say what came of it.
    machine_.instances.drop_channel(source);
    machine_.instances.drop_channel(target);
  }
  if (who == 3 && daemon_ != nullptr) {
    restart_at_ = now();  // killed between two turns: the loop must not end under its own feet
    daemon_->plan.kill();
  }
}

void World::lose_power(RunFolder run) {
  kill_daemon();
  loss_.reset();
  machine_.holder.crash();
  // Whether it is recorded or not.
  for (const ProcessIdentity& who : machine_.processes.running()) {
    machine_.processes.end(who, FakeProcesses::killed_by(SIGKILL));
  }
  machine_.sim.settle();
  machine_.processes.reboot();
  machine_.edge.served.reset();
  machine_.edge.routes.clear();
  machine_.edge.sockets.clear();
  if (run == RunFolder::kIsEmptied) {
    (void)machine_.files.remove("/run/voicectl");  // nothing there is nothing to remove
  }
  restart_at_ = now() + kPause;
}

void World::plan_fault(const Op& op) {
  static const Error kErrors[] = {
      Error(ErrorCode::kUnavailable, "cannot do this: simulated"),
      Error(ErrorCode::kResourceExhausted, "cannot do this: simulated lack of space"),
      Error(ErrorCode::kPermissionDenied, "cannot do this: simulated refusal"),
  };
  if (daemon_ == nullptr) {
    return;
  }
  const std::size_t call = daemon_->plan.calls() + 1 + static_cast<std::size_t>(op.a);
  if (op.deed == Deed::kTear) {
    daemon_->plan.kill_at(call, KillPoint::kInTheMiddle);
    daemon_->plan.on_torn = [this](std::string_view name) {
      machine_.files.tear(name);
      is_power_lost_ = true;
    };
  } else if (op.deed == Deed::kKillAt) {
    daemon_->plan.kill_at(call, op.b == 0 ? KillPoint::kBeforeEffect : KillPoint::kAfterEffect);
  } else if (op.deed == Deed::kFailLate) {
    daemon_->plan.fail_late_at(call, kErrors[op.b]);
  } else if (op.deed == Deed::kLie) {
    daemon_->plan.on_lie = [this](std::string_view name) { witness_.see_lie(name); };
    daemon_->plan.lie_at(call);
  } else {
    daemon_->plan.fail_at(call, kErrors[op.b]);
  }
}

void World::hurt_instance(const Op& op) {
  const std::optional<std::string> name = instance_number(op.a);
  if (!name || !machine_.instances.is_running(*name)) {
    return;
  }
  if (op.deed == Deed::kCrash) {
    machine_.instances.crash(*name);
  } else {
    // What stands still does not hear that it is to stop, either.
    InstanceScript& script = machine_.instances.script_of_running(*name);
    script.is_mute = true;
    script.stops_after.reset();
    witness_.see_mute(*name);
  }
}

void World::touch(const Op& op) {
  const std::string folder = fmt::format("/var/lib/voicectl/tenants/t{}", op.a);
  const auto if_there = [this](const std::string& path, const auto& act) {
    if (machine_.files.find(path) != nullptr) {
      act(path);
    }
  };
  const auto edit_by_hand = [this](const std::string& path) {
    machine_.files.damage(path, fmt::format("by hand at {}", format_duration(now() - began_)));
  };
  const auto take_away = [this](const std::string& path) { (void)machine_.files.remove(path); };
  switch (op.b) {
    case 0:
      return if_there(folder + "/config.json", edit_by_hand);
    case 1:
      return if_there(folder + "/config.json", take_away);
    case 2:
      return if_there(folder + "/secrets.json", [this](const std::string& path) {
        machine_.files.set_access(path, FileMode{0644}, UserIds{1000, 1000});
      });
    case 3:
      return if_there(folder + "/keys.json", edit_by_hand);
    case 4:
      return if_there(fmt::format("/run/voicectl/tenants/t{}.sock", op.a), take_away);
    default:
      machine_.processes.start_foreign(
          ++last_stray_,
          {"/var/lib/voicectl/programs/any/voice-runtime", "--instance", "shared-9"});
  }
}

void World::set_disk_full(bool is_full) {
  if (is_full) {
    machine_.registry->failure = Error(ErrorCode::kResourceExhausted, "cannot write: disk full");
    machine_.files.fill_disk();
  } else {
    machine_.registry->failure.reset();
    machine_.files.free_space();
  }
}

void World::set_start(std::optional<Duration> ready_after) {
  InstanceScript script;
  script.ready_after = ready_after;
  machine_.instances.script_all(script);
}

void World::vacate_ports() {
  for (int i = 0; i <= 15; ++i) {
    machine_.network.vacate(*Port::make(kFirstPort + i));
  }
}

}  // namespace voicectl
