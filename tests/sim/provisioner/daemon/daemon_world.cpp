// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/provisioner/daemon/daemon_world.h"

#include <fmt/core.h>

#include <set>

namespace voicectl {
namespace {

constexpr std::string_view kHead = R"(
apiVersion: voicectl/v1
platform:
  domain: example.com
  edge: { mode: dynamic, address: 127.0.0.1, http_port: 8080, https_port: 8443 }
  pool: { size: 2 }
  ultravox: { endpoint: "http://127.0.0.1:4100/api" }
tenants:
)";

}  // namespace

void DaemonWorld::start_daemon(Duration limit) {
  daemon_ = std::make_unique<SimDaemon>(machine);
  ASSERT_THAT(daemon_->daemon->start([this] { daemon_->is_started = true; }), IsOk());
  machine.sim.advance(limit);
  ASSERT_TRUE(daemon_->is_started);
}

bool DaemonWorld::start_and_die(std::size_t n, KillPoint point) {
  daemon_ = std::make_unique<SimDaemon>(machine);
  daemon_->plan.kill_at(daemon_->plan.calls() + n, point);
  try {
    (void)daemon_->daemon->start([] {});  // whether it can is told by the next start
    machine.sim.advance(60s);
  } catch (const DaemonKilled&) {
    return true;
  }
  return false;
}

std::string DaemonWorld::install(const std::string& path, const std::string& content) {
  EXPECT_THAT(machine.files.make_directory(path.substr(0, path.rfind('/')), kSharedDirectory),
              IsOk());
  EXPECT_THAT(machine.files.replace_atomically(path, content, FileMode{0755}), IsOk());
  return fingerprint_of_program(content);
}

void DaemonWorld::kill_daemon() {
  if (daemon_ != nullptr) {
    daemon_->plan.kill();
    daemon_->loop.kill();
    daemon_.reset();
  }
}

void DaemonWorld::count_transactions() {
  machine.has_registry_faults = true;
  kill_daemon();
  start_daemon();
}

void DaemonWorld::lose_the_machine() {
  kill_daemon();
  machine.instances.crash("shared-0");
  machine.instances.crash("shared-1");
  machine.holder.crash();
  machine.sim.settle();
  machine.processes.reboot();
  machine.edge.served.reset();
  machine.edge.routes.clear();
  machine.edge.sockets.clear();
}

void DaemonWorld::refuse_to_take_tenants() {
  machine.instances.on_request =
      [](const std::string&,
         const control::Message& question) -> std::optional<Result<std::string>> {
    return question.type == control::request::kLend
               ? std::optional(Result<std::string>(Error(ErrorCode::kCorrupt, "cannot read it")))
               : std::nullopt;
  };
}

DesiredState DaemonWorld::platform_with(const std::vector<std::string>& tenants) {
  std::string text(kHead);
  for (const std::string& tenant : tenants) {
    text += fmt::format(
        "  - {{ slug: {0}, name: {0}, business_type: restaurant, plan: starter, "
        "menu: [ {{ name: Soup, price: \"4.50\" }} ] }}\n",
        tenant);
  }
  if (tenants.empty()) {
    text += "  []\n";
  }
  ParsedState parsed = parse_desired_state({{"platform.yaml", text}}, {});
  for (const Diagnostic& problem : parsed.problems) {
    ADD_FAILURE() << problem.str();
  }
  return parsed.state;
}

Plan DaemonWorld::plan(const DesiredState& desired) {
  const Result<Plan> plan = daemon_->daemon->loop().plan(desired);
  EXPECT_THAT(plan, IsOk());
  return plan.has_value() ? *plan : Plan{};
}

Applied DaemonWorld::apply(const DesiredState& desired) {
  auto applied = std::make_shared<Applied>();
  const Status begun = daemon_->daemon->loop().apply(
      {desired, std::nullopt, "test"},
      {[](const Plan&) {},
       [applied](const api::StepProgress& step) { applied->steps[step.text] = step; },
       [applied](const api::ApplyOutcome& outcome) {
         applied->is_finished = true;
         applied->outcome = outcome;
       }});
  EXPECT_THAT(begun, IsOk());
  machine.sim.advance(120s);
  return *applied;
}

void DaemonWorld::lose_close(std::size_t n) {
  machine.registry->on_close =
      [n, count = std::make_shared<std::size_t>(0)](const std::vector<ClosedAction>&) -> Status {
    return ++*count == n ? Status(Error(ErrorCode::kResourceExhausted, "cannot write: disk full"))
                         : ok_status();
  };
}

void DaemonWorld::expect_all_recorded() {
  EXPECT_FALSE(daemon_->daemon->loop().has_unrecorded());
  for (const JournalEntry& entry : machine.registry->journal) {
    EXPECT_NE(entry.state, JournalState::kIntent) << entry.kind << " " << entry.subject;
  }
}

void DaemonWorld::expect_converged(const DesiredState& desired) {
  const Plan rest = plan(desired);
  for (const std::string& line : machine.log_lines) {
    if (!rest.empty() && line.find("failed") != std::string::npos) {
      ADD_FAILURE() << line;
    }
  }
  for (const Step& step : rest.steps) {
    ADD_FAILURE() << "still to do: " << describe(step.action) << " (" << step.reason << ")";
  }
  std::set<Port> ports;
  for (const auto& [name, tenant] : daemon_->daemon->recorded().snapshot().tenants) {
    EXPECT_EQ(tenant.phase, TenantPhase::kServing) << name.str();
    ASSERT_TRUE(tenant.port.has_value()) << name.str();
    EXPECT_TRUE(ports.insert(*tenant.port).second) << "two tenants on " << tenant.port->str();
    EXPECT_TRUE(machine.network.is_held(*tenant.port)) << name.str();
    EXPECT_EQ(machine.instances.holders(name).size(), 1U) << name.str();
    ASSERT_TRUE(tenant.placement.has_value()) << name.str();
    EXPECT_TRUE(machine.instances.accepts_at(
        tenant.placement->str(), name, fmt::format("/run/voicectl/tenants/{}.sock", name.str()),
        *tenant.port))
        << name.str();
    EXPECT_TRUE(machine.edge.sockets.contains(name)) << name.str();
  }
  EXPECT_EQ(machine.edge.sockets.size(), desired.tenants.size());
}

}  // namespace voicectl
