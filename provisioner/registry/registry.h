// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/model/snapshot.h"
#include "provisioner/registry/audit.h"
#include "provisioner/registry/forecasts.h"
#include "provisioner/registry/load_history.h"
#include "provisioner/registry/revisions.h"

namespace voicectl {

/// A tenant's API key: only its hash is known.
struct ApiKeyRecord {
  std::string key_id;
  TenantId tenant;
  std::string sha256;
  std::string scope;  ///< "admin", "staff", "widget"
  WallTime created_at{};
  /// From then on it opens nothing; absent: no end was set.
  std::optional<WallTime> expires_at{};
  /// It was revoked then, and is only kept to be listed.
  std::optional<WallTime> revoked_at{};
  /// Id of the key that it was rotated into; empty if it was not.
  std::string replaced_by{};
  friend bool operator==(const ApiKeyRecord&, const ApiKeyRecord&) = default;
};

/// A change of recorded state. Exactly the parts that are set are changed. With a tenant go its API
/// keys, which must not open the door to a later tenant of the same name, and what is kept of its
/// load.
struct RecordedChange {
  std::optional<PlatformSpec> platform;
  std::vector<RecordedTenant> put_tenants;
  std::vector<TenantId> drop_tenants;
  std::vector<RecordedInstance> put_instances;
  std::vector<InstanceId> drop_instances;
  std::vector<PortLease> put_leases;
  std::vector<Port> drop_leases;
  std::optional<std::string> edge_fingerprint;
  std::optional<Programs> programs{};
  /// Files that were written, with the SHA-256 of their text; an empty one forgets the file. No
  /// change that raises the generation: it follows from one.
  std::map<std::string, std::string> put_written{};
  std::vector<AcceptedDrift> put_adoptions{};
  std::vector<std::string> drop_adoptions{};
  /// Keys that came with a tenant's data.
  std::vector<ApiKeyRecord> put_api_keys{};
};

Error no_such_api_key(const TenantId& tenant, const std::string& key_id);

/// Whether recording it raises the generation.
bool has_changes(const RecordedChange& change);

enum class JournalState { kIntent, kDone, kFailed, kUndone };
std::string_view name_of(JournalState state);

/// One action on its way: written before the effect, closed after it.
struct JournalEntry {
  std::int64_t number = 0;  ///< given by the registry, ascending
  std::string plan_id;
  std::string key;
  std::string kind;
  std::string subject;
  /// The action itself (render_action).
  std::string action;
  Epoch epoch;
  JournalState state = JournalState::kIntent;
  /// What came of it, for people; empty while open.
  std::string outcome;
  WallTime opened_at{};
};

/// Whether what the journal says of an action is about that tenant and not about another one whose
/// name is like it.
bool speaks_of(const TenantId& tenant, std::string_view subject, std::string_view outcome);

/// How an action ended, and what it changed.
struct ClosedAction {
  std::int64_t number = 0;
  JournalState state = JournalState::kDone;
  /// For people; the error's text when it failed.
  std::string outcome;
  RecordedChange change;
  /// From its intent on.
  std::optional<ActionTime> time{};
};

/// How many closed entries of the journal, and how many events, are kept: the newest.
inline constexpr std::int64_t kKeptJournalEntries = 20'000;
inline constexpr std::int64_t kKeptEvents = 100'000;

/// Something that happened, for `voicectl events`. Numbers ascend without gaps.
struct EventRecord {
  std::int64_t number = 0;
  WallTime at{};
  std::string name;     ///< "instance.ready"
  std::string subject;  ///< "instance/shared-0"
  std::string detail;   ///< JSON object
};

/// What survives loss of power: recorded state, desired state, journal, events.
///
/// Every call is one transaction: all or nothing, durable when it returns. Recorded changes raise
/// the generation by one. Calls of an older epoch than the newest that opened the registry are
/// refused (kFenced), so that a daemon that was taken for dead can do no harm.
/// THREADS: one at a time; blocking, so call it on an Offload.
/// ERRORS (all calls): kResourceExhausted when the disk is full, kCorrupt, kFenced.
class Registry : public RevisionStore,
                 public AuditStore,
                 public ForecastStore,
                 public LoadHistoryStore {
 public:
  /// The epoch of this opening: one more than the last.
  virtual Epoch epoch() const = 0;

  /// What tells this platform from every other one: made with the registry, and kept for good.
  virtual const std::string& identity() const = 0;

  /// Recorded state (the observed part of the snapshot is empty).
  virtual Result<Snapshot> load() = 0;

  /// Writes intents before their effects; returns their numbers in the same order.
  virtual Result<std::vector<std::int64_t>> open_actions(std::vector<JournalEntry> entries) = 0;
  /// Closes intents and records what they changed, in the given order, in one transaction (one
  /// fsync for many actions that finished together). Returns the new generation: raised by one if
  /// anything recorded changed.
  /// ERRORS: kNotFound if one of them is not open; then none is closed.
  virtual Result<Generation> close_actions(const std::vector<ClosedAction>& actions) = 0;
  /// Intents that were never closed, oldest first: what a crash left to be examined. Each names
  /// the epoch that opened it.
  virtual Result<std::vector<JournalEntry>> open_intents() = 0;

  /// Appends events; returns the number of the last one.
  virtual Result<std::int64_t> append_events(std::vector<EventRecord> events) = 0;
  /// Events after number `after`, oldest first, at most `limit`.
  virtual Result<std::vector<EventRecord>> read_events(std::int64_t after, std::size_t limit) = 0;
  /// Events of exactly that subject whose names begin with `prefix`, newest first, at most `limit`.
  virtual Result<std::vector<EventRecord>> latest_events(const std::string& subject,
                                                         const std::string& prefix,
                                                         std::size_t limit) = 0;
  /// Events of exactly that name, of any subject, newest first, at most `limit`.
  virtual Result<std::vector<EventRecord>> latest_events_named(const std::string& name,
                                                               std::size_t limit) = 0;

  /// Records keys, or records them anew: all or none.
  virtual Status put_api_keys(const std::vector<ApiKeyRecord>& keys) = 0;
  /// Marks a key as revoked. ERRORS: kNotFound if it is not there, where it stays: its tenant may
  /// have been deleted meanwhile, or it came with something that could not be recorded yet.
  virtual Status revoke_api_key(const TenantId& tenant, const std::string& key_id, WallTime at) = 0;
  /// One that is not there is success.
  virtual Status drop_api_key(const TenantId& tenant, const std::string& key_id) = 0;
  virtual Result<std::vector<ApiKeyRecord>> load_api_keys() = 0;

  /// Removes what is still known of a tenant that was deleted: closed actions that are about it,
  /// with their documents, its API keys, what earlier revisions say of it, its load, who owns what
  /// of it, and its name at ports that are in quarantine. Events stay: they are what tells who did
  /// what. Where a tenant of that name is desired, it keeps who owns what of it. Nothing of it
  /// stays in the file's free space either.
  virtual Status forget_tenant(const TenantId& tenant) = 0;

  /// Small texts that a restart must find again, such as the identity of nginx's process.
  virtual Status put_note(const std::string& name, const std::string& text) = 0;
  virtual Result<std::optional<std::string>> find_note(const std::string& name) = 0;
};

}  // namespace voicectl
