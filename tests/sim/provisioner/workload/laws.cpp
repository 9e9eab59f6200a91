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
    broken("growth", "epoch or generation went back");
  }
  epoch_ = machine_.registry->epoch;
  generation_ = recorded.generation;
  for (const auto& [name, tenant] : recorded.tenants) {
    FencingToken& before = tokens_[{name, tenant.created_at}];
    if (tenant.token < before) {
      broken("growth", fmt::format("the token of {} went back", name.str()));
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
    WrongForecast wrong;
    for (const auto& [quantity, expected] : forecast) {
      const auto counted = outcome.find(quantity);
      if (!is_estimate(quantity) && counted != outcome.end() && counted->second != expected) {
        wrong.quantities.emplace_back(name_of(quantity));
        wrong.what += fmt::format("{}{}: {} forecast, {} counted", wrong.what.empty() ? "" : "; ",
                                  name_of(quantity), expected, counted->second);
      }
    }
    ++forecasts_;
    if (const std::int64_t expected = forecast.at(Quantity::kDuration); expected > 0) {
      time_ratios_.push_back(static_cast<double>(outcome.at(Quantity::kDuration)) /
                             static_cast<double>(expected));
    }
    if (wrong.quantities.empty()) {
      continue;
    }
    if (!witness_.is_hurt()) {
      broken("forecast", "a forecast was wrong although nothing went wrong: " + wrong.what);
    }
    wrong.what = fmt::format("after {}: {}", format_duration(now() - began_), wrong.what);
    wrong_forecasts_.push_back(std::move(wrong));
  }
}

void World::check_always() {
  witness_.see_second(is_ready() ? &daemon_->daemon->recorded().snapshot() : nullptr);
  if (const std::optional<Broken>& seen = witness_.broken()) {
    broken(seen->law, seen->what);
  }
  if (const std::optional<Broken>& seen = clients_.broken()) {
    broken(seen->law, seen->what);
  }
  for (const auto& [name, tenant] : stored().tenants) {
    const std::vector<std::string> holders = machine_.instances.holders(name);
    if (holders.size() > 1) {
      broken("holders", fmt::format("{} is held by {}", name.str(), fmt::join(holders, " and ")));
    }
  }
  std::map<Port, std::string> ports;
  const auto use = [&](const Port port, const std::string& who) {
    const auto [other, is_first] = ports.emplace(port, who);
    if (!is_first) {
      broken("ports",
             fmt::format("port {} is that of {} and of {}", port.str(), other->second, who));
    }
  };
  for (const auto& [name, tenant] : stored().tenants) {
    if (tenant.port) {
      use(*tenant.port, "tenant/" + name.str());
    }
  }
  for (const auto& [name, instance] : stored().instances) {
    use(instance.admin_port, "instance/" + name.str());
  }
  check_growth();
  check_forecasts();
}

void World::check_desired() {
  const std::optional<DesiredState>& known = daemon_->daemon->loop().desired();
  if (std::find(accepted_.begin(), accepted_.end(), known) == accepted_.end()) {
    broken("file", "the daemon that is back does not know the file that was accepted");
  }
  accepted_ = {known};
}

void World::check_tenant(const TenantId& name, const RecordedTenant& tenant) {
  if (tenant.phase != TenantPhase::kServing || !tenant.port || !tenant.placement) {
    broken("served", fmt::format("{} is not served", name.str()));
  }
  const std::vector<std::string> holders = machine_.instances.holders(name);
  if (holders.size() != 1 || holders.front() != tenant.placement->str()) {
    broken("served", fmt::format("{} is recorded in {} and held by [{}]", name.str(),
                                 tenant.placement->str(), fmt::join(holders, " ")));
  }
  const std::string path = fmt::format("/run/voicectl/tenants/{}.sock", name.str());
  if (!machine_.instances.accepts_at(holders.front(), name, path, *tenant.port)) {
    broken("served",
           fmt::format("{} does not accept where callers of {} come", holders.front(), name.str()));
  }
  if (machine_.edge.socket_of(name) != path) {
    broken("served", fmt::format("the edge does not know {}", name.str()));
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
      broken("strays", fmt::format("port {} is held for nobody", port.str()));
    }
  }
  std::size_t runtimes = 0;
  for (const ProcessIdentity& who : machine_.processes.running()) {
    const LaunchSpec* const spec = machine_.processes.spec_of(who);
    const bool is_runtime = spec != nullptr && spec->argv.front().ends_with("/voice-runtime");
    runtimes += is_runtime ? 1 : 0;
  }
  if (runtimes != recorded.instances.size()) {
    broken("strays", fmt::format("{} instances run and {} are recorded", runtimes,
                                 recorded.instances.size()));
  }
}

/// A lease is somebody's who is recorded, and who has it as his.
void World::check_leases(const Snapshot& recorded) {
  std::set<Port> expected;
  for (const auto& [name, tenant] : recorded.tenants) {
    if (tenant.port) {
      expected.insert(*tenant.port);
    }
  }
  for (const auto& [name, instance] : recorded.instances) {
    expected.insert(instance.admin_port);
  }
  for (const PortLease& lease : recorded.leases) {
    if (!lease.released_at && !expected.contains(lease.port)) {
      broken("strays", fmt::format("port {} stays leased to {}", lease.port.str(), lease.holder));
    }
  }
}

void World::check_folders(const Snapshot& recorded) {
  const Result<std::vector<std::string>> tenants = machine_.files.list("/var/lib/voicectl/tenants");
  for (const std::string& name : tenants.has_value() ? *tenants : std::vector<std::string>()) {
    const Result<TenantId> tenant = TenantId::parse(name);
    if (tenant.has_error() || !recorded.tenants.contains(*tenant)) {
      broken("strays", fmt::format("the folder of tenant '{}' stays behind", name));
    }
  }
  const Result<std::vector<std::string>> instances = machine_.files.list("/run/voicectl/instances");
  for (const std::string& name : instances.has_value() ? *instances : std::vector<std::string>()) {
    const Result<InstanceId> instance = InstanceId::parse(name);
    if (instance.has_error() || !recorded.instances.contains(*instance)) {
      broken("strays", fmt::format("the folder of instance '{}' stays behind", name));
    }
  }
}

void World::check_rest() {
  if (!is_ready()) {
    broken("rest", "no daemon is ready in the end");
  }
  const ReconcileLoop& loop = daemon_->daemon->loop();
  if (loop.is_busy()) {
    broken("rest", "the daemon is still busy");
  }
  const Result<Plan> rest = loop.plan(desired_);
  if (rest.has_error()) {
    broken("rest", "the last file cannot be planned: " + rest.error().text());
  }
  if (!rest->empty()) {
    broken("rest", fmt::format("another apply would still {} ({})",
                               describe(rest->steps.front().action), rest->steps.front().reason));
  }
  const Snapshot& recorded = daemon_->daemon->recorded().snapshot();
  if (recorded.tenants.size() != desired_.tenants.size()) {
    broken("rest", "there are other tenants than those that are desired");
  }
  for (const auto& [name, tenant] : recorded.tenants) {
    check_tenant(name, tenant);
  }
  check_strays(recorded);
  check_leases(recorded);
  check_folders(recorded);
  if (const std::string difference =
          first_difference(render_records(recorded), render_records(stored()));
      !difference.empty()) {
    broken("belief",
           "the daemon believes something else than the registry would load: " + difference);
  }
  for (const JournalEntry& entry : machine_.registry->journal) {
    if (entry.state == JournalState::kIntent) {
      broken("rest", fmt::format("the intent '{}' is still open", entry.kind));
    }
  }
}

}  // namespace voicectl
