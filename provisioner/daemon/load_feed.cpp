// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/load_feed.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "runtime/control/protocol.h"

namespace voicectl {
namespace {

constexpr Duration kForgetAfter = 4 * kSampleInterval;

std::uint64_t count_of(const Json& object, std::string_view key) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer_or(object, key, 0)));
}

}  // namespace

LoadFeed::LoadFeed(Deps deps) : deps_(std::move(deps)) {}

void LoadFeed::start() {
  sample();
  deps_.reactor.call_after(kSampleInterval, [this] { start(); });
}

void LoadFeed::sample() {
  deps_.monitor.forget_older_than(deps_.reactor.now(), kForgetAfter);
  deps_.on_round();
  for (const InstanceView& view : deps_.instances.observe()) {
    if (view.state != InstanceState::kReady) {
      continue;
    }
    deps_.instances.request(view.instance, control::request::kStats, "{}", kSampleInterval,
                            [this, view](const Result<std::string>& stats) {
                              if (stats.has_value()) {
                                take(view, *stats);
                              }
                            });
  }
}

void LoadFeed::take(const InstanceView& instance, const std::string& stats) {
  const Result<Json> body = parse_json(stats);
  if (body.has_error() || !body->contains("tenants") || !(*body)["tenants"].is_array()) {
    return;
  }
  InstanceReport report{instance.instance, std::nullopt, {}};
  if (instance.process) {
    report.usage = deps_.processes.sample({*instance.process}).front();
  }
  for (const Json& tenant : (*body)["tenants"]) {
    const Result<TenantId> name = TenantId::parse(string_or(tenant, "tenant", ""));
    if (name.has_value()) {
      report.tenants.push_back(
          TenantStats{*name, count_of(tenant, "sessions"), count_of(tenant, "connections"),
                      count_of(tenant, "websockets"), count_of(tenant, "requests_total"),
                      count_of(tenant, "tool_calls_total")});
    }
  }
  deps_.monitor.ingest(deps_.reactor.now(), report);
}

LoadView LoadFeed::view() const {
  LoadView out;
  for (const auto& [name, load] : deps_.monitor.instances()) {
    InstanceLoad& shown = out.instances[name];
    shown.sessions = load.sessions;
    if (load.cpu) {
      shown.cpu_percent = static_cast<double>(load.cpu->count) / 10;
    }
    if (load.usage) {
      shown.rss_bytes = load.usage->memory.count;
    }
  }
  for (const auto& [name, load] : deps_.monitor.tenants()) {
    out.tenants[name] =
        TenantLoad{load.stats.sessions, load.stats.websockets, load.requests_per_s,
                   load.cpu ? std::optional(load.cpu->count) : std::nullopt};
  }
  return out;
}

}  // namespace voicectl
