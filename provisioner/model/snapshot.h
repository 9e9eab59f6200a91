// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/units.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/model/drift.h"
#include "provisioner/model/programs.h"

namespace voicectl {

enum class InstanceKind { kShared, kDedicated };
std::string_view name_of(InstanceKind kind);

/// What is to become of an instance.
enum class InstanceFate {
  kServing,  ///< it is there to stay
  kWayBack,  ///< replaced; it stays, empty, until what replaced it has proven itself
  kRetired,  ///< replaced; it stops when its last tenant has left
};
std::string_view name_of(InstanceFate fate);

/// How far a tenant has come. Recorded, so that a restart goes on from there.
enum class TenantPhase {
  kCreating,  ///< recorded; its data, listener and placement are being made
  kServing,
  kDeleting,  ///< no longer announced; what it holds is being given back
};
std::string_view name_of(TenantPhase phase);

/// That a tenant of tier auto is to have an instance of its own, and why: what InstanceMonitor has
/// decided. It stands until the monitor takes it back.
struct PromotionWish {
  /// With the numbers that decided.
  std::string reason;
  WallTime since{};
  friend bool operator==(const PromotionWish&, const PromotionWish&) = default;
};

/// What the registry last acknowledged about a tenant.
struct RecordedTenant {
  /// As it was last applied.
  TenantSpec spec;
  TenantPhase phase = TenantPhase::kCreating;
  /// Version of `spec` as written into its configuration file.
  Generation generation;
  std::optional<Port> port;
  /// Folder and configuration file exist.
  bool has_data = false;
  /// Its listeners were bound and are to be kept.
  bool has_listener = false;
  /// Instance that it is lent to.
  std::optional<InstanceId> placement;
  /// Token of that placement; grows with each one.
  FencingToken token;
  /// Hosts that the edge routes to it.
  std::vector<std::string> routes;
  WallTime created_at{};
  std::optional<PromotionWish> wish{};
};

/// What the registry last acknowledged about an instance.
struct RecordedInstance {
  InstanceId instance;
  InstanceKind kind = InstanceKind::kShared;
  /// Port of its health and metrics.
  Port admin_port;
  /// Of the program that it runs.
  std::string fingerprint;
  WallTime started_at{};
  InstanceFate fate = InstanceFate::kServing;
};

struct RecordedCertificate {
  /// Name it is for; "*.<domain>" for the wildcard.
  std::string name;
  WallTime not_after{};
};

/// What the machine shows now.
struct ObservedInstance {
  InstanceId instance;
  /// Process alive and told ready.
  bool ready = false;
  /// Given up: its restart budget is spent.
  bool failed = false;
};

struct ObservedState {
  std::vector<ObservedInstance> instances;
  /// Tenants whose listeners the daemon holds.
  std::vector<TenantId> listeners;
  /// Tenants that their instance, although it is ready, did not take again after a restart, and
  /// what it said.
  std::map<TenantId, std::string> unserved;
  /// Tenants whose instance is not known to accept on the sockets of now: they were bound anew since
  /// it was lent them, or its answer to the lending is missing.
  std::set<TenantId> rebound;
  /// Tenants that their instance goes on serving with an older configuration than the recorded one,
  /// and which.
  std::map<TenantId, Generation> outdated;
  /// Ports that the plan would bind and another program holds.
  std::set<Port> foreign_ports;
  /// The Ultravox key file holds another key than the instances read.
  bool has_new_key = false;
  /// Tenants whose file of credentials holds others than their instance reads.
  std::set<TenantId> new_credentials;
  /// nginx runs, and with this configuration; empty if it does not run.
  std::string edge_fingerprint;
  /// Certificates that are on disk.
  std::vector<RecordedCertificate> certificates;
  /// What is not as it is recorded, as far as somebody has looked.
  std::vector<DriftFinding> drift;
};

struct PortLease {
  Port port;
  /// "tenant/<slug>" or "instance/<name>".
  std::string holder;
  /// Set when given back: until the quarantine has passed the port is not leased again.
  std::optional<WallTime> released_at;
};

/// Everything that a plan is made from, beside the desired state: recorded and observed, as of one
/// generation. A value: copying it is how a plan is forecast.
struct Snapshot {
  Generation generation;
  Epoch epoch;
  /// Last applied platform; nullopt before the first apply.
  std::optional<PlatformSpec> platform;
  std::map<TenantId, RecordedTenant> tenants;
  std::map<InstanceId, RecordedInstance> instances;
  std::vector<PortLease> leases;
  Programs programs;
  /// Fingerprint of the edge configuration last published; empty for none.
  std::string edge_fingerprint;
  /// What was last written into files that others might edit: path and SHA-256 of the text. Only
  /// as loaded: whoever writes keeps it from then on (apply/written_files.h).
  std::map<std::string, std::string> written;
  /// What a person has accepted as it is, by name.
  std::map<std::string, AcceptedDrift> adoptions;
  ObservedState observed;
};

/// Whether the tenant is to be alone in an instance: its tier says so, or its tier is auto and the
/// monitor wishes it.
bool wants_own_instance(const TenantSpec& spec, const Snapshot& snapshot);

}  // namespace voicectl
