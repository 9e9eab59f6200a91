// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "base/os/host_scan.h"
#include "base/os/reactor.h"
#include "provisioner/apply/expected_files.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/apply/written_files.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/edge/edge_proxy.h"
#include "provisioner/instances/instance_manager.h"
#include "provisioner/instances/listeners.h"
#include "provisioner/plan/drift_comparison.h"

namespace voicectl {

/// How often the daemon looks by itself, to tell; whoever plans looks anew.
inline constexpr std::chrono::minutes kDriftInterval{5};

/// Looks at the host and compares it with what is recorded. Judges and tells; never mends.
///
/// A text is read once and then again only when the kernel says that its file was touched: to look
/// at what nobody has touched costs one lstat() for each file, and no memory. A file that was
/// touched within the kernel's tick of its last look would seem untouched; therefore one is
/// believed only when it was touched a second before. THREADS: loop thread only.
class DriftWatch {
 public:
  struct Deps {
    Reactor& reactor;
    const RecordedState& recorded;
    HostScan& scan;
    FileSystem& files;
    ListenerBank& bank;
    InstanceManager& instances;
    EdgeProxy& edge;
    WrittenFiles& written;
    EventLog& events;
    const WallClock& wall;
    FileRules rules;
    /// The daemon's own process.
    int pid = 0;
    /// Recorded and observed state now; called by the looks of the watch itself.
    std::function<Snapshot()> snapshot;
    /// An apply runs: what is seen is on its way.
    std::function<bool()> is_busy;
  };
  explicit DriftWatch(Deps deps) : deps_(std::move(deps)) {}

  /// Looks from time to time, for ever, and tells in events what came and what went.
  void begin();

  /// Begins to look at the tenants' files while the caller finds out what to look for. It ends with
  /// what this returns; a look before that makes use of it.
  class Ahead {
   public:
    explicit Ahead(DriftWatch& watch) : watch_(watch) {}
    Ahead(const Ahead&) = delete;
    Ahead& operator=(const Ahead&) = delete;
    ~Ahead() { watch_.glance_.reset(); }

   private:
    DriftWatch& watch_;
  };
  [[nodiscard]] Ahead look_ahead();

  /// What is not as it is recorded, what was adopted among it. `seen` is the state now.
  std::vector<DriftFinding> look(const Snapshot& seen);
  /// As the last look found it.
  const std::vector<DriftFinding>& last() const { return last_; }
  /// How many looks there were.
  std::uint64_t looks() const { return looks_; }

  /// What the tenant's files (or the platform's) are to be.
  std::vector<ExpectedFile> expected(const std::optional<TenantId>& tenant) const;

 private:
  struct Read {
    FileFacts facts;
    std::string digest;
  };
  /// What a tenant's files are to be, and what that follows from besides its record.
  struct Expectation {
    std::uint64_t recorded = 0;
    std::uint64_t written = 0;
    bool has_edge = false;
    std::uint64_t binding = 0;
    TenantHolds holds;
    std::vector<ExpectedFile> files;
    /// By file: how it was when it was found right; absent: it was not, or too lately to be sure.
    std::vector<std::optional<FileStamp>> right;
  };
  TenantHolds holds_of(const TenantId& tenant) const;
  std::vector<ExpectedFile> expected_of(const RecordedTenant& tenant,
                                        const Snapshot& seen,
                                        const TenantHolds& holds) const;
  /// The same, made anew only when it may have changed.
  Expectation& known_of(const RecordedTenant& tenant, const Snapshot& seen);
  void look_at_tenants(const Snapshot& seen,
                       WallTime began,
                       std::vector<ExpectedFile>& wrong,
                       HostFacts& facts);
  /// Lets go of what is known of tenants that are gone.
  void forget_others(const Snapshot& seen);
  void look_at_platform(const Snapshot& seen, std::vector<ExpectedFile>& wrong, HostFacts& facts);
  /// If it is not right, adds it to `wrong`, and to `facts` what is there instead. Returns what it
  /// is known by if it is right, and was touched long enough before `began`.
  std::optional<FileStamp> look_at(const ExpectedFile& expected,
                                   WallTime began,
                                   std::vector<ExpectedFile>& wrong,
                                   HostFacts& facts);
  /// Asks the kernel unless it is known.
  std::optional<FileIdentity> bound_file(const TenantId& tenant) const;
  /// Asks for all of them together of which it is not known.
  void learn_bound_files(const std::vector<TenantId>& tenants) const;
  /// What was bound since the last look: after an apply, or in a new daemon, that may be
  /// everything.
  void learn_new_bindings(const Snapshot& seen);
  /// Nothing if it may not be looked at.
  std::optional<ObservedFile> observe(const std::string& path, bool wants_text);
  ProcessMarks marks();
  std::vector<HostFacts::Stranger> strangers(const Snapshot& seen,
                                             const ProcessMarks& marks,
                                             const std::vector<ProcessFacts>& processes);
  /// Sockets of ours and of the processes that we know, which have ours.
  std::set<std::uint64_t> known_sockets(const ProcessMarks& marks) const;
  void find_owners(std::vector<HostFacts::Stranger>& strangers,
                   const std::vector<ProcessFacts>& processes) const;
  void note_since(std::vector<DriftFinding>& findings);
  void look_and_tell();

  Deps deps_;
  /// A file of a tenant; valid until the next look.
  struct Place {
    Expectation* tenant;
    std::size_t file;
  };
  void begin_glance();
  /// Forgets that those were right that it found touched.
  void take_glance();

  std::unordered_map<std::string, Read> texts_;
  std::map<TenantId, Expectation> expectations_;
  /// Looks at `glanced_at_`, whose paths are those in `expectations_`: nothing there may change
  /// before it is gone.
  std::unique_ptr<HostScan::Glance> glance_;
  std::vector<Place> glanced_at_;
  std::uint64_t looks_ = 0;
  /// What each tenant's socket is bound to, which stays so for as long as it is that binding.
  mutable std::map<TenantId, std::pair<std::uint64_t, FileIdentity>> bound_;
  /// The latest binding when all were asked for last.
  std::uint64_t learned_ = 0;
  /// Listening sockets that a process of ours has.
  std::set<std::uint64_t> own_sockets_;
  /// When each was seen first, by kind and name.
  std::map<std::pair<DriftKind, std::string>, WallTime> first_seen_;
  struct Told {
    DriftKind kind;
    std::string subject;
  };
  std::map<std::string, Told> told_;
  std::vector<DriftFinding> last_;
};

/// What the control API says of it (docs/reference/drift.schema.json). Never what a file says.
Json drift_json(const std::vector<DriftFinding>& findings,
                const std::map<std::string, AcceptedDrift>& adoptions,
                WallTime looked_at);

}  // namespace voicectl
