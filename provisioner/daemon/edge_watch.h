// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/ids.h"
#include "base/metrics_text.h"
#include "base/os/reactor.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/daemon/http_probe.h"

namespace voicectl {

/// How patiently tenants are asked through the edge.
struct EdgeWatchLimits {
  /// Between two questions to one tenant that was not well, unless it is asked more often than that
  /// anyway (platform.edge.probe).
  Duration doubt = std::chrono::seconds(5);
  /// Between any two. Each is a TLS handshake for the edge and for us: a thousand tenants are asked
  /// within a quarter of an hour, and cost no more than ten.
  Duration pace = std::chrono::seconds(1);
};

static_assert(EdgeWatchLimits{}.pace < EdgeWatchLimits{}.doubt,
              "whoever is doubted is asked before all others were");

/// What was seen of one tenant through the edge.
struct EdgeSight {
  MonoTime asked_at;
  /// Questions in a row that were not answered well.
  std::uint32_t missed = 0;
  /// What came instead of a good answer, or what ails who answered; empty if nothing does.
  std::string why;
};

/// Where the edge is asked from its own machine: "<address>:<port>".
std::string edge_door(const EdgeSpec& edge);

/// Asks tenants for their health as a caller reaches them: by their host name, over TLS, through
/// nginx. Says who does not answer (event `tenant.unreachable`), and acts on nothing: what ails may
/// be nginx, the certificate, the name or the instance.
///
/// One question is under way at a time.
/// THREADS: loop thread only.
class EdgeWatch {
 public:
  struct Deps {
    Reactor& reactor;
    const RecordedState& recorded;
    HttpProbe& probe;
    EventLog& events;
    /// PEM file of the authorities that the certificates are good by; empty: the system's.
    std::string ca_file;
  };
  /// REQUIRES: all outlive it.
  explicit EdgeWatch(Deps deps, EdgeWatchLimits limits = {})
      : deps_(std::move(deps)), limits_(limits) {}

  /// Begins to ask, and does so for ever.
  void begin();

  /// By tenant; who was not asked yet is missing.
  const std::map<TenantId, EdgeSight>& seen() const { return seen_; }
  bool is_unreachable(const EdgeSight& sight) const { return sight.missed >= spec().misses; }
  /// How many of them are.
  std::size_t unreachable() const;

  std::uint64_t answered() const { return answered_; }
  std::uint64_t failed() const { return failed_; }
  /// How long good answers took.
  const LatencyTotals& took() const { return took_; }

 private:
  EdgeProbeSpec spec() const;
  /// The next one whose turn it is; null if it is nobody's. Every second turn is that of those who
  /// did not answer, as far as they are due; the other one goes round.
  const RecordedTenant* next();
  const RecordedTenant* next_doubted();
  const RecordedTenant* next_of_all();
  bool is_due(const RecordedTenant& tenant) const;
  void ask(const RecordedTenant& tenant);
  void take(const TenantId& tenant, MonoTime asked_at, const Status& answer);

  Deps deps_;
  EdgeWatchLimits limits_;
  std::map<TenantId, EdgeSight> seen_;
  std::optional<TenantId> last_;
  /// Who did not answer the last question.
  std::set<TenantId> doubted_;
  std::optional<TenantId> last_doubted_;
  bool is_turn_of_doubted_ = false;
  std::uint64_t answered_ = 0;
  std::uint64_t failed_ = 0;
  LatencyTotals took_;
};

}  // namespace voicectl
