// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/units.h"
#include "provisioner/model/order_limit.h"
#include "provisioner/model/snapshot.h"
#include "provisioner/plan/action.h"

namespace voicectl {

/// What is counted of a plan's effect, before by the forecast and afterwards on the machine.
enum class Quantity {
  kProcessesStarted,
  kProcessesStopped,
  kTenantsMoved,
  kWebsocketsMoved,
  kWebsocketsDropped,
  kEdgeReloads,
  kCertificatesOrdered,
  kPortsBound,
  kPortsReleased,
  kLongestPause,  ///< microseconds
  kDuration,      ///< microseconds
  kMemory,        ///< bytes of all instances, when they were looked at again after it
  kProcessor,     ///< thousandths of a core that tenants use then
};
inline constexpr int kQuantities = static_cast<int>(Quantity::kProcessor) + 1;
/// "processes_started"; times end with "_us", sizes with "_bytes", shares of a core with "_milli".
std::string_view name_of(Quantity quantity);
/// Whether it is estimated, and so nearer or farther; the others are counts, which are right or
/// wrong.
bool is_estimate(Quantity quantity);

/// One that is missing is not known.
using Quantities = std::map<Quantity, std::int64_t>;
/// As a JSON object by name, and back; what is no quantity is left out.
std::string render_quantities(const Quantities& quantities);
Quantities parse_quantities(std::string_view text);

/// What of a state a plan changes and can be counted, taken before and after it.
struct EffectMarks {
  std::set<InstanceId> known;  ///< there, in whatever state
  /// Ready, or on their way: a supervisor brings back those that die, and not the plan.
  std::set<InstanceId> kept_up;
  std::set<Port> ports;  ///< leased
  std::map<TenantId, InstanceId> placements;
  std::set<std::pair<std::string, WallTime>> certificates;
};
EffectMarks marks_of(const Snapshot& snapshot);
/// The counts that two such say of what has happened between them: all but those that only whoever
/// does it knows (connections, reloads and times).
Quantities changes_between(const EffectMarks& before, const EffectMarks& after);

/// How long something took until now: the middle and the ninetieth of a hundred.
struct Estimate {
  Duration typical{0};
  Duration at_most{0};
  /// Measured cases that it is made from; 0: it is assumed.
  std::size_t samples = 0;
};
/// {"typical_us","at_most_us","measured"}.
Json estimate_json(const Estimate& estimate);
/// As a forecast's times are kept and told.
inline std::int64_t microseconds_of(Duration length) {
  return std::chrono::duration_cast<std::chrono::microseconds>(length).count();
}

/// What the live part of the platform does, as last sampled.
struct LiveLoad {
  struct OfTenant {
    std::uint64_t sessions = 0;
    std::uint64_t websockets = 0;
    std::optional<std::uint32_t> cpu_milli{};
    /// What placements are decided with: the same of some minutes, held while it changes little.
    std::optional<std::uint32_t> steady_cpu_milli{};
  };
  /// Tenants that no instance has told of are missing.
  std::map<TenantId, OfTenant> tenants;
  /// Memory of the instances' processes, as far as known.
  std::map<InstanceId, Bytes> memory;
};

/// Of all instances that are ready; nullopt if one was not sampled.
std::optional<Bytes> memory_of(const LiveLoad& load, const Snapshot& snapshot);
/// Thousandths of a core of all tenants that have an instance; nullopt if one was not sampled.
std::optional<std::uint32_t> processor_of(const LiveLoad& load, const Snapshot& snapshot);

/// What becomes of a live session.
enum class SessionFate {
  kStay,   ///< nothing happens to it
  kMove,   ///< it pauses, and goes on in another process, its connections open
  kDrain,  ///< it goes on, and must end or come again until a deadline
  kDrop,   ///< its connections are closed
};
std::string_view name_of(SessionFate fate);

/// A tenant whose sessions do not simply stay.
struct TenantForecast {
  TenantId tenant;
  SessionFate fate = SessionFate::kMove;
  /// Absent: no instance has told.
  std::optional<LiveLoad::OfTenant> live{};
  std::optional<InstanceId> from{};
  std::optional<InstanceId> to{};
  std::string why{};
};

struct ProcessForecast {
  InstanceId instance;
  InstanceKind kind = InstanceKind::kShared;
  /// Else it is stopped.
  bool is_started = true;
  /// Of one that is started: the one whose tenants it gets and which is stopped.
  std::optional<InstanceId> replaces{};
};

struct Irrevocable {
  std::string subject;
  std::string why;
};

/// What carrying out a plan is expected to do outside.
struct EffectForecast {
  WallTime made_at{};
  Quantities quantities;
  std::vector<ProcessForecast> processes;
  /// Processes of nobody's that are ended, at once and by force.
  std::size_t strays_ended = 0;
  /// Live sessions by what becomes of them.
  std::map<SessionFate, std::uint64_t> sessions;
  /// Without those whose sessions stay.
  std::vector<TenantForecast> tenants;
  Estimate pause;
  /// Served tenants of whose sessions nothing is known.
  std::size_t unsampled = 0;
  /// Of WebSockets at workers of nginx that are replaced.
  std::uint64_t stranded = 0;
  Duration linger{0};
  std::vector<std::string> orders;
  OrderLimit limit;
  std::vector<PortLease> ports_bound;
  std::vector<PortLease> ports_released;
  /// Unix sockets, one for each tenant that gets or loses its listener.
  std::size_t sockets_bound = 0;
  std::size_t sockets_released = 0;
  /// Of all instances; absent: nothing is known of one of them.
  std::optional<Bytes> memory_before{};
  std::optional<Bytes> memory_peak{};
  std::optional<Bytes> memory_after{};
  std::optional<std::uint32_t> cpu_before{};
  std::optional<std::uint32_t> cpu_after{};
  Estimate duration;
  /// Kinds of steps whose time is assumed, because none was measured yet.
  std::set<std::string> assumed;
  std::vector<Irrevocable> irrevocable;
  std::vector<std::string> unknown;
  /// Steps that another plan would still have; absent: it was not looked at.
  std::optional<std::size_t> left{};
};

/// As JSON of schema "voicectl/forecast/v1" (docs/reference/forecast.schema.json).
Json forecast_json(const EffectForecast& forecast);

/// The plan with its forecast, as JSON text of schema "voicectl/plan/v1". The forecast is no part
/// of what the plan's id stands for: calls come and go by the second.
std::string render_plan_json(const Plan& plan, const EffectForecast& forecast);

}  // namespace voicectl
