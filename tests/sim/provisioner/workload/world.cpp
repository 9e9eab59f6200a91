// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/provisioner/workload/world.h"

#include <algorithm>

#include "base/crypto.h"
#include "provisioner/daemon/live_load.h"
#include "provisioner/plan/pool_moves.h"

namespace voicectl {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kProgram = "/usr/lib/voicectl/voice-runtime";
/// What an upgrade may go to: the same, two that can take connections over or not, and one that
/// does not run.
constexpr std::pair<const char*, const char*> kPrograms[] = {
    {kProgram, "1.0 layout-1"},
    {"/opt/second/voice-runtime", "2.0 layout-1"},
    {"/opt/third/voice-runtime", "3.0 layout-2"},
    {"/opt/broken/voice-runtime", "broken"},
};
/// Runs before applies, if the file says so.
constexpr const char* kHook = "/usr/local/bin/check";
/// Within which everything comes to rest once nothing fails any more.
constexpr Duration kRest = minutes(45);

TenantId tenant_named(int number) {
  return *TenantId::parse(fmt::format("t{}", number));
}

}  // namespace

World::World() {
  for (const auto& [path, content] : kPrograms) {
    machine_.files.put(path, content, FileMode{0755});
  }
  desired_ = base_state();
  machine_.has_registry_faults = true;
  machine_.instances.on_delivery = [this](const std::string& name,
                                          const control::Message& question) {
    return deliver(name, question);
  };
  machine_.processes.on_spawn = [this, others = std::move(machine_.processes.on_spawn)](
                                    const LaunchSpec& spec, const ProcessIdentity& who) {
    others(spec, who);
    begin_hook(spec, who);
  };
  machine_.instances.on_hand_over_step =
      [this](FakeInstances::HandOverStep step, const std::string& source,
             const std::string& target) { see_hand_over(step, source, target); };
  start_daemon();
}

DesiredState World::base_state() {
  DesiredState state;
  state.platform.domain = "example.com";
  state.platform.edge = {EdgeMode::kDynamic, "127.0.0.1", 8080, 8443};
  state.platform.pool_size = 2;
  state.platform.ultravox.endpoint = "http://127.0.0.1:4100/api";
  PromotionPolicy& policy = state.platform.monitor;
  policy.starter = {.high_sessions = 20, .low_sessions = 5, .high_dwell = seconds(20)};
  policy.low_dwell = seconds(60);
  policy.cooldown = seconds(60);
  policy.max_promoted = 2;
  return state;
}

void World::start_daemon() {
  kill_daemon();  // one that was killed between two turns
  restart_at_.reset();
  ++daemons_;
  witness_.see_new_daemon();
  daemon_ = std::make_unique<SimDaemon>(machine_);
  const Status started = daemon_->daemon->start([this] {
    daemon_->is_started = true;
    check_desired();
    watch_.reset();
    watch_ = std::make_unique<SimWatch>(*daemon_);
    watch_->watch.begin();
  });
  if (started.has_error()) {
    // A full disk: it ends, and its supervisor tries again.
    kill_daemon();
    restart_at_ = now() + kPause;
  }
}

void World::kill_daemon() {
  if (daemon_ != nullptr) {
    calls_ += daemon_->plan.calls();
    daemon_->plan.kill();
    daemon_->loop.kill();
    watch_.reset();
    daemon_.reset();
  }
}

/// Runs what may kill the daemon; a supervisor starts the next.
void World::guarded(const std::function<void()>& act) {
  try {
    act();
  } catch (const DaemonKilled&) {
    if (std::exchange(is_power_lost_, false)) {
      return lose_power(RunFolder::kStays);
    }
    kill_daemon();
    restart_at_ = now() + kPause;
  }
}

void World::advance(Duration length) {
  for (const MonoTime end = now() + length; now() < end;) {
    if (restart_at_ && now() >= *restart_at_) {
      guarded([this] { start_daemon(); });
    }
    guarded([this] { machine_.sim.advance(seconds(1)); });
    if (!is_resting_ || (now() - began_) % minutes(1) == Duration::zero()) {
      clients_.act(desired_);
    }
    check_always();
  }
}

std::optional<std::string> World::instance_number(int number) const {
  if (stored().instances.empty()) {
    return std::nullopt;
  }
  const auto place = static_cast<std::size_t>(number) % stored().instances.size();
  return std::next(stored().instances.begin(), static_cast<std::ptrdiff_t>(place))->first.str();
}

void World::apply() {
  if (!is_ready()) {
    return;
  }
  ApplyLock& lock = daemon_->daemon->lock();
  const Result<FencingToken> token = lock.begin_run(std::nullopt, {"operator", "apply"});
  if (token.has_error()) {
    return;
  }
  const DesiredState asked = desired_;
  const Status begun = daemon_->daemon->loop().apply(
      {asked, std::nullopt, "operator"},
      {[this, asked](const Plan&) { accepted_ = {asked}; }, [](const api::StepProgress&) {},
       [&lock, token](const api::ApplyOutcome&) { lock.end_run(*token); }});
  if (begun.has_value()) {
    accepted_.emplace_back(asked);
  } else {
    lock.abandon_run(*token, std::nullopt);
  }
}

void World::begin_hook(const LaunchSpec& spec, const ProcessIdentity& who) {
  if (spec.argv.front() == kHook && hook_ends_) {
    machine_.sim.call_after(std::chrono::milliseconds(200),
                            [this, who, how = *hook_ends_] { machine_.processes.end(who, how); });
  }
}

void World::take_lock(const Op& op) {
  ApplyLock& lock = daemon_->daemon->lock();
  if (op.b != 0 && lock.held()) {
    (void)lock.steal(lock.held()->wish.holder, "operator");  // he is there, as we have just seen
  } else {
    lock.take({"ci", "a deployment", seconds(1 + op.a)}, Duration::zero(),
              [](const Result<HeldLock>&) {});
  }
}

void World::edit_platform(const Op& op) {
  PlatformSpec& platform = desired_.platform;
  if (op.deed == Deed::kPool) {
    platform.pool_size = static_cast<std::uint32_t>(1 + op.a);
  } else if (op.deed == Deed::kEdge) {
    platform.edge.mode = op.a == 0 ? EdgeMode::kDynamic : EdgeMode::kStatic;
  } else if (op.deed == Deed::kHook) {
    platform.hooks.before_apply.clear();
    if (op.a > 0) {
      platform.hooks.before_apply = {{.command = {kHook}, .timeout = seconds(5)}};
    }
    hook_ends_ = op.a == 3 ? std::nullopt : std::optional(FakeProcesses::exited(op.a == 2 ? 1 : 0));
  } else if (op.deed == Deed::kRollout) {
    platform.rollout = {};
    if (op.a > 0) {
      platform.rollout.batch = static_cast<std::uint32_t>(op.a);
      platform.rollout.pause = seconds(3);
    }
    const TenantId first = tenant_named(op.b);
    for (const TenantSpec& tenant : desired_.tenants) {
      if (tenant.tenant == first) {
        platform.rollout.canary = {first};
      }
    }
  }
}

void World::edit(const Op& op) {
  const TenantId tenant = tenant_named(op.a);
  auto& tenants = desired_.tenants;
  const auto found = std::find_if(tenants.begin(), tenants.end(),
                                  [&](const TenantSpec& spec) { return spec.tenant == tenant; });
  if (op.deed == Deed::kCreate && found == tenants.end()) {
    TenantSpec spec{tenant};
    spec.name = tenant.str();
    spec.business_type = BusinessType::kRestaurant;
    spec.menu.push_back({.name = "Soup", .price = Money{450}});
    tenants.push_back(std::move(spec));
    std::sort(tenants.begin(), tenants.end(),
              [](const TenantSpec& a, const TenantSpec& b) { return a.tenant < b.tenant; });
  } else if (op.deed == Deed::kDelete && found != tenants.end()) {
    tenants.erase(found);
    std::erase(desired_.platform.rollout.canary, tenant);
    clients_.see_deletion(tenant);
  } else if (op.deed == Deed::kEdit && found != tenants.end()) {
    found->menu.front().price.cents += 10;
  } else if (op.deed == Deed::kTier && found != tenants.end()) {
    found->tier = static_cast<Tier>(op.b);
  } else {
    edit_platform(op);
  }
}

void World::move(const Op& op) {
  const Result<std::optional<PoolMove>> chosen =
      choose_move(daemon_->daemon->loop().snapshot(), tenant_named(op.a),
                  *InstanceId::parse(fmt::format("shared-{}", op.b)));
  if (chosen.has_error() || !*chosen) {
    return;
  }
  const Result<Plan> plan = plan_moves(daemon_->daemon->loop().snapshot(), {**chosen});
  if (plan.has_value()) {
    (void)daemon_->daemon->loop().carry_out(
        *plan,
        {[](const Plan&) {}, [](const api::StepProgress&) {}, [](const api::ApplyOutcome&) {}});
  }
}

void World::restart(const Op& op) {
  const std::optional<std::string> name = instance_number(op.a);
  if (!name) {
    return;
  }
  SimDaemon* const daemon = daemon_.get();
  (void)daemon->daemon->loop().run_single(RetireInstance{*InstanceId::parse(*name)}, "operator",
                                          [daemon](const Status& noted) {
                                            if (noted.has_value()) {
                                              daemon->daemon->loop().converge("operator", [] {});
                                            }
                                          });
}

void World::upgrade(const Op& op) {
  UpgradeRequest request;
  request.runtime = kPrograms[op.a].first;
  request.drops = op.b != 0 ? Drops::kAllow : Drops::kRefuse;
  request.wish.who = "operator";
  daemon_->daemon->upgrade().begin(
      request,
      {[](const Plan&) {}, [](const api::StepProgress&) {}, [](const api::ApplyOutcome&) {}},
      [](const Error&) {});
}

void World::operate(const Op& op) {
  if (op.deed == Deed::kMove) {
    move(op);
  } else if (op.deed == Deed::kRestart) {
    restart(op);
  } else if (op.deed == Deed::kUpgrade) {
    upgrade(op);
  } else if (op.deed == Deed::kAbort) {
    daemon_->daemon->upgrade().abort("operator", [](const Status&) {});
  } else if (op.deed == Deed::kLock) {
    take_lock(op);
  } else {
    edit(op);
    apply();
  }
}

/// What is done to the world, by deed; the others are the operators'.
const std::map<Deed, World::Act>& World::acts() {
  static const std::map<Deed, Act> kActs = {
      {Deed::kWait, [](World& w, const Op& op) { w.advance(seconds(op.a)); }},
      {Deed::kLoad,
       [](World& w, const Op& op) {
         const TenantId tenant = tenant_named(op.a);
         const auto sessions = static_cast<std::uint64_t>(op.b);
         w.machine_.instances.sessions[tenant] = sessions;
         w.witness_.see_load(tenant, sessions);
       }},
      {Deed::kVacate, [](World& w, const Op&) { w.vacate_ports(); }},
      {Deed::kFull, [](World& w, const Op&) { w.set_disk_full(true); }},
      {Deed::kFree, [](World& w, const Op&) { w.set_disk_full(false); }},
      {Deed::kKillAt, &World::plan_fault},
      {Deed::kFailAt, &World::plan_fault},
      {Deed::kFailLate, &World::plan_fault},
      {Deed::kLie, &World::plan_fault},
      {Deed::kTear, &World::plan_fault},
      {Deed::kCut, &World::cut},
      {Deed::kFreeze, [](World& w, const Op& op) { w.freeze_holder(seconds(1 + op.a)); }},
      {Deed::kCrash, &World::hurt_instance},
      {Deed::kMute, &World::hurt_instance},
      {Deed::kSlow,
       [](World& w, const Op& op) {
         w.set_start(op.a == 0 ? Duration(std::chrono::milliseconds(50)) : seconds(op.a));
       }},
      {Deed::kNeverReady, [](World& w, const Op&) { w.set_start(std::nullopt); }},
      {Deed::kKill,
       [](World& w, const Op&) {
         w.kill_daemon();
         w.restart_at_ = w.now() + kPause;
       }},
      {Deed::kHandOver, [](World& w, const Op& op) { w.hand_over_fault_ = op; }},
      {Deed::kHolder, [](World& w, const Op&) { w.machine_.holder.crash(); }},
      {Deed::kReboot,
       [](World& w, const Op& op) {
         w.lose_power(op.b == 0 ? RunFolder::kStays : RunFolder::kIsEmptied);
       }},
      {Deed::kOccupy,
       [](World& w, const Op& op) { w.machine_.network.occupy(*Port::make(kFirstPort + op.a)); }},
      {Deed::kTouch, &World::touch},
      {Deed::kJump,
       [](World& w, const Op& op) {
         w.machine_.wall.jump(seconds(op.b != 0 ? -op.a : op.a));
         w.witness_.see_jump();
       }},
  };
  return kActs;
}

void World::perform(const Op& op) {
  if (is_fault(op.deed)) {
    witness_.see_fault(hides_load(op.deed) ? Sight::kHidden : Sight::kClear);
  }
  if (const auto act = acts().find(op.deed); act != acts().end()) {
    act->second(*this, op);
  } else if (is_ready()) {
    guarded([&] { operate(op); });
  } else {
    edit(op);  // the operator's file changes all the same
  }
  guarded([this] { machine_.sim.settle(); });
  check_always();
}

void World::heal_and_rest() {
  vacate_ports();
  set_disk_full(false);
  set_start(std::chrono::milliseconds(50));
  hand_over_fault_.reset();
  hook_ends_ = FakeProcesses::exited(0);
  loss_.reset();
  machine_.holder.thaw();
  for (auto& [tenant, sessions] : machine_.instances.sessions) {
    sessions = 0;
    witness_.see_load(tenant, 0);
  }
  for (const auto& [name, instance] : stored().instances) {
    if (machine_.instances.is_running(name.str())) {
      InstanceScript& script = machine_.instances.script_of_running(name.str());
      script.is_mute = false;
      script.stops_after = InstanceScript{}.stops_after;
    }
  }
  // What was planned against the daemon goes with it; and what it was about fails.
  const auto& journal = machine_.registry->journal;
  if (std::any_of(journal.begin(), journal.end(),
                  [](const JournalEntry& entry) { return entry.state == JournalState::kIntent; })) {
    witness_.see_fault(Sight::kClear);
  }
  kill_daemon();
  restart_at_ = now();
  advance(minutes(5));
  apply();
  is_resting_ = true;
  advance(kRest);
  check_rest();
  clients_.judge_rest(desired_);
  check_always();
}

void World::fill(Played& played) const {
  played.calls = calls_ + (daemon_ == nullptr ? 0 : daemon_->plan.calls());
  played.daemons = daemons_;
  played.simulated = now() - began_;
  played.forecasts = forecasts_;
  played.acknowledged = clients_.acknowledged();
  played.wrong_forecasts = wrong_forecasts_;
  played.time_ratios = time_ratios_;
  std::string all;
  for (const std::string& line : machine_.log_lines) {
    all += line + "\n";
    played.hand_overs += line.find("tenant.handed_over") != std::string::npos ? 1 : 0;
    played.promotions += line.find("monitor.promotes") != std::string::npos ? 1 : 0;
  }
  played.digest = sha256_hex(all).substr(0, 16);
  const std::size_t shown = std::min<std::size_t>(machine_.log_lines.size(), 30);
  for (std::size_t i = machine_.log_lines.size() - shown; i < machine_.log_lines.size(); ++i) {
    played.log_tail += machine_.log_lines[i] + "\n";
  }
}

}  // namespace voicectl
