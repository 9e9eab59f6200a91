// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "base/units.h"
#include "provisioner/model/readers.h"

namespace voicectl {
namespace {

constexpr std::int64_t kHighestPort = 65535;
/// Below are the ports that only root may bind.
constexpr std::uint16_t kFirstUnprivilegedPort = 1024;
/// net.ipv4.ip_local_port_range as Linux sets it. A listener cannot be bound to a port that an
/// outgoing connection happens to have, not even to one whose connection has just ended.
constexpr std::uint16_t kFirstEphemeralPort = 32768;
constexpr std::uint16_t kLastEphemeralPort = 60999;
constexpr std::int64_t kLargestPool = 64;
constexpr TextRule kUrl{.form = TextForm::kHttpUrl, .least = 1, .most = 500};
constexpr std::size_t kMostNetworks = 50;
constexpr std::int64_t kMostSessions = 1'000'000;
constexpr std::int64_t kMostCpu = 1'000'000;
constexpr std::int64_t kMostSpare = 16;
constexpr std::int64_t kMostReserveMib = 1 << 20;
constexpr std::int64_t kMostPromoted = 1000;
/// In seconds.
constexpr std::int64_t kLongestHeartbeat = 300;
constexpr std::int64_t kMostMisses = 100;
constexpr std::int64_t kLongestStart = 600;
constexpr std::int64_t kLongestProbe = 60;
constexpr std::int64_t kLongestBetweenProbes = 3600;
constexpr std::int64_t kMostMilliseconds = 600'000;
constexpr std::int64_t kMostInFlight = 100'000;
constexpr std::int64_t kMostDwell = std::chrono::seconds(kLongestDwell).count();
/// In seconds.
constexpr std::int64_t kLongestCooldown = 7 * 24 * 3600;
constexpr TextRule kFolder{.form = TextForm::kAbsolutePath, .most = 400};

EdgeProbeSpec read_edge_probe(const ValueReader& value) {
  MapReader map = value.map();
  EdgeProbeSpec probe;
  probe.interval = map.seconds("every", 5, kLongestBetweenProbes, probe.interval);
  probe.misses = map.number("misses", 1, kMostMisses, probe.misses);
  probe.timeout = map.seconds("timeout", 1, kLongestProbe, probe.timeout);
  map.finish();
  return probe;
}

EdgeSpec read_edge(const ValueReader& value) {
  MapReader map = value.map();
  EdgeSpec edge;
  edge.mode = map.choice("mode", edge.mode);
  edge.address = map.text("address", {.form = TextForm::kIpAddress, .least = 1}, edge.address);
  edge.http_port =
      static_cast<std::uint16_t>(map.number("http_port", 1, kHighestPort, edge.http_port));
  edge.https_port =
      static_cast<std::uint16_t>(map.number("https_port", 1, kHighestPort, edge.https_port));
  if (const std::optional<ValueReader> probe = map.find("probe")) {
    edge.probe = read_edge_probe(*probe);
  }
  map.finish();
  return edge;
}

void read_ports(const ValueReader& value, PlatformDraft& draft) {
  MapReader map = value.map();
  if (const std::optional<ValueReader> range = map.find("range")) {
    draft.port_range = range->spot();
    const std::optional<std::string> text = range->text({.least = 1, .most = 20});
    const Result<PortRange> ports = PortRange::parse(text.value_or("1-1"));
    if (ports.has_error()) {
      range->refuse_value("a range of ports such as '21000-25999', the first not above the last");
    } else if (text) {
      draft.spec.first_port = ports->first().value();
      draft.spec.last_port = ports->last().value();
    }
  }
  map.finish();
}

StoreSpec read_store(const ValueReader& value) {
  MapReader map = value.map();
  StoreSpec store;
  store.kind = map.choice("kind", store.kind);
  store.redis_url = map.text("redis_url", {.form = TextForm::kRedisUrl, .most = 500}, "");
  store.password_file = resolve_path(
      value.spot().file, map.text("password_file", {.form = TextForm::kFilePath, .most = 400}, ""));
  if (store.kind == SessionStoreKind::kEmbedded && !store.password_file.empty()) {
    value.problems().add(
        map.spot_of("password_file")
            .problem("found a password, which means nothing to the session store 'embedded'",
                     "remove password_file, or take kind: redis"));
  }
  if (store.kind == SessionStoreKind::kRedis && map.is_blank("redis_url")) {
    value.problems().add(map.spot_of("redis_url")
                             .problem("found no address for the session store 'redis'",
                                      "add redis_url: redis://127.0.0.1:6379"));
  }
  map.finish();
  return store;
}

UltravoxSpec read_ultravox(const ValueReader& value) {
  MapReader map = value.map();
  UltravoxSpec ultravox;
  ultravox.endpoint = map.text("endpoint", kUrl, ultravox.endpoint);
  const TextRule file{.form = TextForm::kFilePath, .most = 400};
  ultravox.api_key_file =
      resolve_path(value.spot().file, map.text("api_key_file", file, ultravox.api_key_file));
  TextRule base = kUrl;
  base.least = 0;
  ultravox.webhook_base = map.text("webhook_base", base, ultravox.webhook_base);
  map.finish();
  return ultravox;
}

void read_networks(MapReader& map, PlatformSpec& spec) {
  spec.backend_networks = map.texts("backend_networks", {.form = TextForm::kNetwork, .least = 1});
  if (spec.backend_networks.size() > kMostNetworks) {
    map.find("backend_networks")
        ->refuse(fmt::format("found {} networks; allowed are {}", spec.backend_networks.size(),
                             kMostNetworks));
  }
}

void read_pool(const ValueReader& value, PlatformSpec& spec) {
  MapReader map = value.map();
  spec.pool_size = map.number("size", 1, kLargestPool, spec.pool_size);
  map.finish();
}

/// Absent if neither key is there, or both are null. A low mark that is not said is a quarter of
/// the high one.
std::optional<ExtraMarks> read_extra(MapReader& map, const std::string& name, std::int64_t most) {
  const auto is_said = [&](const std::string& key) {
    const std::optional<ValueReader> value = map.find(key);
    return value && value->kind() != TreeNode::Kind::kNothing;
  };
  const bool has_high = is_said("high_" + name);
  const bool has_low = is_said("low_" + name);
  if (!has_high && !has_low) {
    return std::nullopt;
  }
  ExtraMarks marks;
  marks.high = map.number("high_" + name, 1, most, 0);
  marks.low = has_low ? map.number("low_" + name, 0, most, 0) : marks.high / 4;
  return marks;
}

LivenessSpec read_liveness(const ValueReader& value) {
  MapReader map = value.map();
  LivenessSpec liveness;
  liveness.interval = map.seconds("every", 1, kLongestHeartbeat, liveness.interval);
  liveness.misses = map.number("misses", 2, kMostMisses, liveness.misses);
  liveness.replaces = map.flag("replace", liveness.replaces);
  liveness.start_timeout = map.seconds("start_timeout", 1, kLongestStart, liveness.start_timeout);
  map.finish();
  return liveness;
}

BalancePolicy read_balance(const ValueReader& value) {
  MapReader map = value.map();
  BalancePolicy balance;
  balance.spread.count = map.number("spread_cpu", 0, kMostCpu, balance.spread.count);
  balance.dwell = map.seconds("after", 1, kMostDwell, balance.dwell);
  map.finish();
  return balance;
}

PoolReserve read_reserve(const ValueReader& value) {
  MapReader map = value.map();
  PoolReserve reserve;
  const auto mebibytes = static_cast<std::uint32_t>(reserve.memory.count >> 20);
  reserve.memory =
      Bytes{std::uint64_t{map.number("memory_mib", 0, kMostReserveMib, mebibytes)} << 20};
  reserve.cpu.count = map.number("cpu", 0, kMostCpu, reserve.cpu.count);
  map.finish();
  return reserve;
}

LoadMarks read_marks(const ValueReader& value, LoadMarks marks) {
  MapReader map = value.map();
  marks.p99_ms = read_extra(map, "p99_ms", kMostMilliseconds);
  marks.in_flight = read_extra(map, "in_flight", kMostInFlight);
  marks.high_sessions = map.number("high_sessions", 1, kMostSessions, marks.high_sessions);
  marks.low_sessions = map.number("low_sessions", 0, kMostSessions, marks.low_sessions);
  marks.high_cpu.count = map.number("high_cpu", 1, kMostCpu, marks.high_cpu.count);
  marks.low_cpu.count = map.number("low_cpu", 0, kMostCpu, marks.low_cpu.count);
  marks.high_dwell = map.seconds("promote_after", 0, kMostDwell, marks.high_dwell);
  map.finish();
  const auto refuse = [&](std::string_view high, std::string_view low) {
    value.problems().add(map.spot_of(low).problem(
        fmt::format("found {} not below {}: a tenant at that mark would move to and fro", low,
                    high),
        fmt::format("take a {} well below {}", low, high)));
  };
  if (marks.low_sessions >= marks.high_sessions) {
    refuse("high_sessions", "low_sessions");
  }
  if (marks.low_cpu >= marks.high_cpu) {
    refuse("high_cpu", "low_cpu");
  }
  if (marks.p99_ms && marks.p99_ms->low >= marks.p99_ms->high) {
    refuse("high_p99_ms", "low_p99_ms");
  }
  if (marks.in_flight && marks.in_flight->low >= marks.in_flight->high) {
    refuse("high_in_flight", "low_in_flight");
  }
  return marks;
}

void read_parts(MapReader& map, PlatformDraft& draft) {
  if (const std::optional<ValueReader> edge = map.find("edge")) {
    draft.spec.edge = read_edge(*edge);
  }
  if (const std::optional<ValueReader> ports = map.find("ports")) {
    read_ports(*ports, draft);
  }
  if (const std::optional<ValueReader> pool = map.find("pool")) {
    read_pool(*pool, draft.spec);
  }
  if (const std::optional<ValueReader> store = map.find("store")) {
    draft.spec.store = read_store(*store);
  }
  if (const std::optional<ValueReader> ultravox = map.find("ultravox")) {
    draft.spec.ultravox = read_ultravox(*ultravox);
  }
  if (const std::optional<ValueReader> monitor = map.find("monitor")) {
    draft.spec.monitor = read_monitor(*monitor);
  }
  if (const std::optional<ValueReader> liveness = map.find("liveness")) {
    draft.spec.liveness = read_liveness(*liveness);
  }
  if (const std::optional<ValueReader> rollout = map.find("rollout")) {
    draft.spec.rollout = read_rollout(*rollout);
    draft.rollout = rollout->spot();
  }
  if (const std::optional<ValueReader> hooks = map.find("hooks")) {
    draft.spec.hooks = read_hooks(*hooks);
  }
  read_networks(map, draft.spec);
}

bool is_in_range(const PlatformSpec& spec, std::uint16_t port) {
  return spec.first_port <= port && port <= spec.last_port;
}

}  // namespace

PromotionPolicy read_monitor(const ValueReader& value) {
  MapReader map = value.map();
  PromotionPolicy policy;
  policy.mode = map.choice("mode", policy.mode);
  policy.low_dwell = map.seconds("demote_after", 1, kMostDwell, policy.low_dwell);
  policy.cooldown = map.seconds("cooldown", 0, kLongestCooldown, policy.cooldown);
  policy.max_promoted = map.number("max_promoted", 0, kMostPromoted, policy.max_promoted);
  policy.moves_per_minute = map.number("moves_per_minute", 1, 60, policy.moves_per_minute);
  policy.spare = map.number("spare", 0, kMostSpare, policy.spare);
  if (const std::optional<ValueReader> reserve = map.find("reserve")) {
    policy.reserve = read_reserve(*reserve);
  }
  if (const std::optional<ValueReader> balance = map.find("rebalance")) {
    policy.balance = read_balance(*balance);
  }
  if (const std::optional<ValueReader> marks = map.find("marks")) {
    MapReader plans = marks->map();
    for (const auto& [name, of_plan] :
         {std::pair("starter", &policy.starter), std::pair("professional", &policy.professional),
          std::pair("enterprise", &policy.enterprise)}) {
      if (const std::optional<ValueReader> plan = plans.find(name)) {
        *of_plan = read_marks(*plan, *of_plan);
      }
    }
    plans.finish();
  }
  map.finish();
  return policy;
}

PlatformDraft read_platform(const ValueReader& value) {
  MapReader map = value.map();
  PlatformDraft draft;
  draft.platform = value.spot();
  draft.domain = map.spot_of("domain");
  draft.port_range = map.spot_of("ports");
  if (const std::optional<ValueReader> domain = map.find("domain")) {
    const std::optional<std::string> text = domain->text({.least = 1, .most = 253});
    if (text && HostName::parse(*text).has_error()) {
      domain->refuse_value(
          "a host name in lower case with at least two labels, such as "
          "'example.com'");
    } else if (text) {
      draft.spec.domain = *text;
    }
  }
  read_parts(map, draft);
  draft.spec.state_directory = map.text("state_directory", kFolder, "");
  draft.spec.log_directory = map.text("log_directory", kFolder, "");
  map.finish();
  return draft;
}

void check_platform(const PlatformDraft& draft, Problems& problems) {
  const PlatformSpec& spec = draft.spec;
  const std::string range = fmt::format("'{}-{}'", spec.first_port, spec.last_port);
  if (spec.first_port < kFirstUnprivilegedPort) {
    problems.add(draft.port_range.problem(
        fmt::format("found the range {}, which begins below {}", range, kFirstUnprivilegedPort),
        "take a range such as 21000-25999"));
  }
  if (spec.first_port <= kLastEphemeralPort && spec.last_port >= kFirstEphemeralPort) {
    problems.add(draft.port_range.problem(
        fmt::format("found the range {}, which overlaps the ports {}-{} that the kernel gives to "
                    "outgoing connections",
                    range, kFirstEphemeralPort, kLastEphemeralPort),
        "take a range such as 21000-25999"));
  }
  if (spec.edge.mode == EdgeMode::kNone) {
    return;
  }
  if (spec.edge.http_port == spec.edge.https_port) {
    problems.add(draft.platform.problem(
        fmt::format("found port {} for both edge.http_port and edge.https_port",
                    spec.edge.http_port),
        "give them different ports"));
  }
  for (const std::uint16_t port : {spec.edge.http_port, spec.edge.https_port}) {
    if (is_in_range(spec, port)) {
      problems.add(draft.port_range.problem(
          fmt::format("found the range {}, which contains the edge's port {}", range, port),
          "move the range or the edge's port"));
    }
  }
}

}  // namespace voicectl
