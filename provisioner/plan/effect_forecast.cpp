// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/effect_forecast.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl {
namespace {

constexpr std::array<std::string_view, kQuantities> kNames = {
    "processes_started",  "processes_stopped", "tenants_moved",        "websockets_moved",
    "websockets_dropped", "edge_reloads",      "certificates_ordered", "ports_bound",
    "ports_released",     "longest_pause_us",  "duration_us",          "memory_bytes",
    "cpu_milli"};

template <typename Set>
std::int64_t new_in(const Set& after, const Set& before) {
  return std::count_if(after.begin(), after.end(),
                       [&](const auto& each) { return !before.contains(each); });
}

}  // namespace

std::string_view name_of(Quantity quantity) {
  return kNames.at(static_cast<std::size_t>(quantity));
}

bool is_estimate(Quantity quantity) {
  return quantity >= Quantity::kLongestPause;
}

std::string render_quantities(const Quantities& quantities) {
  Json out = Json::object();
  for (const auto& [quantity, number] : quantities) {
    out[name_of(quantity)] = number;
  }
  return dump_json(out);
}

Quantities parse_quantities(std::string_view text) {
  Quantities out;
  const Result<Json> object = parse_json(text);
  for (int i = 0; object.has_value() && object->is_object() && i < kQuantities; ++i) {
    const auto found = object->find(kNames.at(static_cast<std::size_t>(i)));
    if (found != object->end() && found->is_number_integer()) {
      out.emplace(static_cast<Quantity>(i), found->get<std::int64_t>());
    }
  }
  return out;
}

EffectMarks marks_of(const Snapshot& snapshot) {
  EffectMarks out;
  for (const ObservedInstance& instance : snapshot.observed.instances) {
    out.known.insert(instance.instance);
    if (!instance.failed) {
      out.kept_up.insert(instance.instance);
    }
  }
  for (const PortLease& lease : snapshot.leases) {
    if (!lease.released_at) {
      out.ports.insert(lease.port);
    }
  }
  for (const auto& [name, tenant] : snapshot.tenants) {
    if (tenant.placement) {
      out.placements.emplace(name, *tenant.placement);
    }
  }
  for (const RecordedCertificate& certificate : snapshot.observed.certificates) {
    out.certificates.emplace(certificate.name, certificate.not_after);
  }
  return out;
}

Quantities changes_between(const EffectMarks& before, const EffectMarks& after) {
  const std::int64_t moved =
      std::count_if(after.placements.begin(), after.placements.end(), [&](const auto& now) {
        const auto then = before.placements.find(now.first);
        return then != before.placements.end() && then->second != now.second;
      });
  return {{Quantity::kProcessesStarted, new_in(after.kept_up, before.kept_up)},
          {Quantity::kProcessesStopped, new_in(before.known, after.known)},
          {Quantity::kTenantsMoved, moved},
          {Quantity::kCertificatesOrdered, new_in(after.certificates, before.certificates)},
          {Quantity::kPortsBound, new_in(after.ports, before.ports)},
          {Quantity::kPortsReleased, new_in(before.ports, after.ports)}};
}

std::optional<Bytes> memory_of(const LiveLoad& load, const Snapshot& snapshot) {
  Bytes out{0};
  for (const ObservedInstance& instance : snapshot.observed.instances) {
    const auto known = load.memory.find(instance.instance);
    if (instance.ready && known == load.memory.end()) {
      return std::nullopt;
    }
    out.count += instance.ready ? known->second.count : 0;
  }
  return out;
}

std::optional<std::uint32_t> processor_of(const LiveLoad& load, const Snapshot& snapshot) {
  std::uint32_t out = 0;
  for (const auto& [name, tenant] : snapshot.tenants) {
    const auto live = load.tenants.find(name);
    if (tenant.placement && (live == load.tenants.end() || !live->second.cpu_milli)) {
      return std::nullopt;
    }
    out += tenant.placement ? *live->second.cpu_milli : 0;
  }
  return out;
}

std::string_view name_of(SessionFate fate) {
  switch (fate) {
    case SessionFate::kStay:
      return "stay";
    case SessionFate::kMove:
      return "move";
    case SessionFate::kDrain:
      return "drain";
    case SessionFate::kDrop:
      return "drop";
  }
  return "unknown";
}

}  // namespace voicectl
