// SPDX-License-Identifier: Apache-2.0
// What must hold whatever happens, and what must hold in the end.
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "provisioner/model/desired_state_yaml.h"
#include "provisioner/plan/effect_forecast.h"
#include "tests/sim/provisioner/workload/world.h"

namespace voicectl {
namespace {

/// What is recorded, as text to compare.
std::string render_records(const Snapshot& snapshot) {
  std::string out = fmt::format("{} {}\n", snapshot.generation.value, snapshot.edge_fingerprint);
  for (const auto& [name, tenant] : snapshot.tenants) {
    out += fmt::format("{} {} {} {} {} {} {} {} {}\n", render_tenant(tenant.spec),
                       name_of(tenant.phase), tenant.generation.value,
                       tenant.port ? tenant.port->str() : "-", tenant.has_data, tenant.has_listener,
                       tenant.placement ? tenant.placement->str() : "-", tenant.token.value,
                       tenant.wish ? tenant.wish->reason : "-");
  }
  for (const auto& [name, instance] : snapshot.instances) {
    out += fmt::format("{} {} {} {} {}\n", name.str(), name_of(instance.kind),
                       instance.admin_port.str(), instance.fingerprint, name_of(instance.fate));
  }
  std::map<Port, std::string> leases;
  for (const PortLease& lease : snapshot.leases) {
    leases[lease.port] = fmt::format("{} {}", lease.holder, lease.released_at.has_value());
  }
  for (const auto& [port, lease] : leases) {
    out += fmt::format("{} {}\n", port.str(), lease);
  }
  return out + render_programs(snapshot.programs);
}

/// The first lines that are not the same; empty: all are.
std::string first_difference(const std::string& one, const std::string& other) {
  std::istringstream left(one);
  std::istringstream right(other);
  std::string a;
  std::string b;
  while (std::getline(left, a) && std::getline(right, b)) {
    if (a != b) {
      return fmt::format("'{}' and '{}'", a, b);
    }
  }
  return one == other ? "" : "one of them ends";
}

}  // namespace

void World::check_growth() {
  const Snapshot& recorded = stored();
  if (machine_.registry->epoch < epoch_ || recorded.generation < generation_) {
    broken("epoch or generation went back");
  }
  epoch_ = machine_.registry->epoch;
  generation_ = recorded.generation;
  for (const auto& [name, tenant] : recorded.tenants) {
    FencingToken& before = tokens_[{name, tenant.created_at}];
    if (tenant.token < before) {
      broken(fmt::format("the token of {} went back", name.str()));
    }
    before = tenant.token;
  }
}

void World::check_forecasts() {
  for (const ForecastRecord& record : machine_.registry->forecasts) {
    if (record.number <= last_forecast_ || !record.is_complete) {
      last_forecast_ = std::max(last_forecast_, record.number);
      continue;
    }
    last_forecast_ = record.number;
    const Quantities forecast = parse_quantities(record.forecast);
    const Quantities outcome = parse_quantities(record.outcome);
    std::string wrong;
    for (const auto& [quantity, expected] : forecast) {
      const auto counted = outcome.find(quantity);
      if (!is_time(quantity) && counted != outcome.end() && counted->second != expected) {
        wrong += fmt::format("{}: {} forecast, {} counted; ", name_of(quantity), expected,
                             counted->second);
      }
    }
    ++forecasts_;
    wrong_forecasts_ += wrong.empty() ? 0 : 1;
    if (const std::int64_t expected = forecast.at(Quantity::kDuration); expected > 0) {
      time_ratios_.push_back(static_cast<double>(outcome.at(Quantity::kDuration)) /
                             static_cast<double>(expected));
    }
    if (!is_hurt_ && !wrong.empty()) {
      broken("a forecast was wrong although nothing went wrong: " + wrong);
    }
  }
}

void World::check_always() {
  if (stopped_with_tenants_) {
    broken(*stopped_with_tenants_);
  }
  for (const auto& [name, tenant] : stored().tenants) {
    const std::vector<std::string> holders = machine_.instances.holders(name);
    if (holders.size() > 1) {
      broken(fmt::format("{} is held by {}", name.str(), fmt::join(holders, " and ")));
    }
  }
  std::map<Port, std::string> ports;
  for (const PortLease& lease : stored().leases) {
    if (!ports.emplace(lease.port, lease.holder).second) {
      broken(fmt::format("port {} is leased twice", lease.port.str()));
    }
  }
  check_growth();
  check_forecasts();
}

void World::check_desired() {
  const std::optional<DesiredState>& known = daemon_->daemon->loop().desired();
  if (std::find(accepted_.begin(), accepted_.end(), known) == accepted_.end()) {
    broken("the daemon that is back does not know the file that was accepted");
  }
  accepted_ = {known};
}

void World::check_tenant(const TenantId& name, const RecordedTenant& tenant) {
  if (tenant.phase != TenantPhase::kServing || !tenant.port || !tenant.placement) {
    broken(fmt::format("{} is not served", name.str()));
  }
  const std::vector<std::string> holders = machine_.instances.holders(name);
  if (holders.size() != 1 || holders.front() != tenant.placement->str()) {
    broken(fmt::format("{} is recorded in {} and held by [{}]", name.str(), tenant.placement->str(),
                       fmt::join(holders, " ")));
  }
  if (!machine_.network.is_held(*tenant.port)) {
    broken(fmt::format("nobody listens for {}", name.str()));
  }
  if (!machine_.edge.sockets.contains(name)) {
    broken(fmt::format("the edge does not know {}", name.str()));
  }
}

void World::check_strays(const Snapshot& recorded) {
  std::set<Port> expected;
  for (const PortLease& lease : recorded.leases) {
    if (!lease.released_at) {
      expected.insert(lease.port);
    }
  }
  for (const Port port : machine_.network.held_ports()) {
    if (!expected.contains(port)) {
      broken(fmt::format("port {} is held for nobody", port.str()));
    }
  }
  std::size_t runtimes = 0;
  for (const ProcessIdentity& who : machine_.processes.running()) {
    const LaunchSpec* const spec = machine_.processes.spec_of(who);
    const bool is_runtime = spec != nullptr && spec->argv.front().ends_with("/voice-runtime");
    runtimes += is_runtime ? 1 : 0;
  }
  if (runtimes != recorded.instances.size()) {
    broken(
        fmt::format("{} instances run and {} are recorded", runtimes, recorded.instances.size()));
  }
}

void World::check_rest() {
  if (!is_ready()) {
    broken("no daemon is ready in the end");
  }
  const ReconcileLoop& loop = daemon_->daemon->loop();
  if (loop.is_busy()) {
    broken("the daemon is still busy");
  }
  const Result<Plan> rest = loop.plan(desired_);
  if (rest.has_error()) {
    broken("the last file cannot be planned: " + rest.error().text());
  }
  if (!rest->empty()) {
    broken(fmt::format("another apply would still {} ({})", describe(rest->steps.front().action),
                       rest->steps.front().reason));
  }
  const Snapshot& recorded = daemon_->daemon->recorded().snapshot();
  if (recorded.tenants.size() != desired_.tenants.size()) {
    broken("there are other tenants than those that are desired");
  }
  for (const auto& [name, tenant] : recorded.tenants) {
    check_tenant(name, tenant);
  }
  check_strays(recorded);
  if (const std::string difference =
          first_difference(render_records(recorded), render_records(stored()));
      !difference.empty()) {
    broken("the daemon believes something else than the registry would load: " + difference);
  }
  for (const JournalEntry& entry : machine_.registry->journal) {
    if (entry.state == JournalState::kIntent) {
      broken(fmt::format("the intent '{}' is still open", entry.kind));
    }
  }
}

}  // namespace voicectl
