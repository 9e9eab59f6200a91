// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/units.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/model/snapshot.h"

namespace voicectl {

/// Record the platform's settings. Tenants whose configuration file says anything else with them
/// get it written anew, with the next generation, and their instances are told.
struct SetPlatform {
  PlatformSpec platform;
};
/// Bring a key that has changed to where the instances read it: the tenant's credentials at its
/// ERPNext and its webhook secrets, if they were rotated, or the platform's Ultravox key.
struct InstallKey {
  std::optional<TenantId> tenant{};
};
/// Record a new tenant (phase creating, generation 1); nothing outside the registry changes.
struct CreateTenant {
  TenantSpec spec;
};
/// Record a changed specification and write it where the instance reads it. Without a folder there
/// is nothing to write: PrepareTenantData does it. Or brings a tenant back (brings_back).
struct UpdateTenant {
  TenantSpec spec;
  Generation generation;
};
/// Forget a tenant whose listener, routes and data are gone.
struct DeleteTenant {
  TenantId tenant;
};
/// Record what the monitor wishes for a tenant of tier auto: an instance of its own, or (absent) a
/// place in the pool. Nothing outside the registry changes; the next plan moves it.
struct RecordWish {
  TenantId tenant;
  std::optional<std::string> reason;
};
/// Make the tenant's folder, secrets and configuration file.
struct PrepareTenantData {
  TenantId tenant;
  Generation generation;
};
/// Set the tenant's folder aside (it is kept until it is purged).
struct RetireTenantData {
  TenantId tenant;
};
/// Start an instance that is missing or has failed, and wait until it is ready. It gets the tenants
/// that are recorded as placed on it, as after any restart.
struct StartInstance {
  InstanceId instance;
  InstanceKind kind = InstanceKind::kShared;
  Port admin_port;
  std::string fingerprint;
};
/// REQUIRES: no tenant is lent to it any more.
struct StopInstance {
  InstanceId instance;
};
/// Record that the instance is to be replaced: the next plan starts another beside it, hands its
/// tenants over and stops it. Nothing outside the registry changes.
struct RetireInstance {
  InstanceId instance;
};
/// Record which programs there are and how far an upgrade is, and what becomes of the instances
/// that are named. Nothing outside the registry changes.
struct SetPrograms {
  Programs programs;
  std::map<InstanceId, InstanceFate> fates;
};
/// Lease `port`, bind it and the unix socket, and keep both for the tenant's life. A listener that
/// is bound anew is lent to nobody: a recorded placement is cleared. A port that the tenant had
/// before is given back.
struct BindListener {
  TenantId tenant;
  Port port;
};
/// Close the listener; the port goes into quarantine.
struct ReleaseListener {
  TenantId tenant;
};
/// Lend the listener (and with it the tenant) to an instance. From another instance it is handed
/// over with its connections, or, where that cannot be, taken back first: a tenant is in one
/// instance at any time.
struct LendListener {
  TenantId tenant;
  InstanceId instance;
  std::optional<InstanceId> from;
};
/// Take the tenant back from its instance, without a successor.
struct ReclaimListener {
  TenantId tenant;
  InstanceId instance;
};
/// Make a certificate for `name` ("*.<domain>" for the wildcard). It is observed, not recorded.
struct IssueCertificate {
  std::string name;
};
/// Erase the certificate and its key, which serve no name that is desired any more.
struct RemoveCertificate {
  std::string name;
};
/// Write, test and load nginx's configuration. Reloads nginx if it runs, starts it if not. An empty
/// fingerprint (edge mode none) stops it.
struct PublishEdge {
  std::string fingerprint;
};
/// Make the tenant reachable under these hosts and no others; it is serving from then on. No reload
/// in dynamic mode.
struct PublishRoute {
  TenantId tenant;
  std::vector<std::string> hosts;
};
/// Announce the tenant no more: it is being deleted from then on.
struct WithdrawRoute {
  TenantId tenant;
};
/// Bring files, folders, sockets and routes of the tenant (or of the platform) back to what is
/// recorded: text, owner, mode. What a person wrote is kept beside the registry.
struct RestoreFiles {
  std::optional<TenantId> tenant{};
};
/// End a process that carries our marks and that no record knows.
struct EndProcess {
  int pid = 0;
  std::uint64_t start_ticks = 0;
};
/// Record that a person accepts something as it is, or (absent) does not any more. Nothing outside
/// the registry changes.
struct RecordAdoption {
  std::string name;
  std::optional<AcceptedDrift> adoption{};
};

using Action = std::variant<SetPlatform,
                            InstallKey,
                            CreateTenant,
                            UpdateTenant,
                            DeleteTenant,
                            RecordWish,
                            PrepareTenantData,
                            RetireTenantData,
                            StartInstance,
                            StopInstance,
                            RetireInstance,
                            SetPrograms,
                            BindListener,
                            ReleaseListener,
                            LendListener,
                            ReclaimListener,
                            IssueCertificate,
                            RemoveCertificate,
                            PublishEdge,
                            PublishRoute,
                            WithdrawRoute,
                            RestoreFiles,
                            EndProcess,
                            RecordAdoption>;

/// For std::visit with one lambda per alternative. No `auto` catch-all: a new action does not
/// compile until everyone knows it.
template <typename... Ts>
struct Overload : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overload(Ts...) -> Overload<Ts...>;

/// What an action does to its subject, for people: + create, ~ change, - remove, > move.
enum class ActionSymbol { kCreate, kChange, kRemove, kMove };
std::string_view name_of(ActionSymbol symbol);
char character_of(ActionSymbol symbol);

/// Stable name of the kind, such as "bind_listener": in JSON, journal and events.
std::string_view kind_of(const Action& action);
ActionSymbol symbol_of(const Action& action);
/// "tenant/mario-pizza", "instance/shared-0", "edge", "certificate/*.example.com", "platform",
/// "programs", "process/4711", "adoption/file/run/edge/nginx.conf".
std::string subject_of(const Action& action);
/// One line for people: "bind listener of mario-pizza on port 21000".
std::string describe(const Action& action);

/// One action of a plan.
struct Step {
  /// Place in the plan, from 0.
  std::size_t number = 0;
  Action action;
  /// Why it is there, with the values that decided: "shared-0 serves fewer tenants (3) than ...".
  std::string reason;
  /// Steps that must have succeeded before; each is lower than `number`.
  std::vector<std::size_t> needs;
  /// Same action on the same state has the same key; a repeat after a crash is recognised by it.
  std::string key;
};

struct PlanSummary {
  std::size_t tenants_created = 0;
  std::size_t tenants_changed = 0;
  std::size_t tenants_moved = 0;
  std::size_t tenants_deleted = 0;
  std::size_t instances_started = 0;
  std::size_t instances_stopped = 0;
  std::size_t edge_reloads = 0;
  std::size_t certificates = 0;
  /// What is not as it is recorded and no plan repairs: for a person (DriftRepair::kNone).
  std::size_t drift_left = 0;
  friend bool operator==(const PlanSummary&, const PlanSummary&) = default;
};

/// What to do, in an order that is safe, made for one generation of the recorded state.
struct Plan {
  /// Hash over everything below: the same plan has the same id.
  std::string id;
  Generation base;
  std::vector<Step> steps;
  PlanSummary summary;
  bool empty() const { return steps.empty(); }
};

/// The plan as JSON text of schema "voicectl/plan/v1" (docs/reference/plan.schema.json).
std::string render_plan_json(const Plan& plan);

/// What it comes to, as one JSON object: the "summary" of the above, and "steps".
std::string render_plan_summary(const Plan& plan);

/// The action as text for the journal, with all that its handler needs; and back.
std::string render_action(const Action& action);
Result<Action> parse_action(std::string_view text);

}  // namespace voicectl
