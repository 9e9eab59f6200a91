// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/model/field_owners.h"

namespace voicectl {

/// What came of bringing the platform to a revision.
enum class RevisionOutcome {
  kOpen,     ///< it is being applied, or the daemon ended meanwhile and the next one goes on
  kDone,     ///< the platform was as it says
  kPartial,  ///< some steps did not succeed
  kFailed,   ///< none did
};
std::string_view name_of(RevisionOutcome outcome);
/// kOpen for a name that is none.
RevisionOutcome revision_outcome_named(std::string_view name);

/// One desired state that was accepted: which, when, by whom, and why.
struct Revision {
  /// Given by the registry, ascending without gaps.
  std::int64_t number = 0;
  /// Of the recorded state that it was accepted on.
  Generation generation{};
  WallTime at{};
  std::string who{};
  std::string why{};
  std::string plan_id{};
  /// What the plan came to: a JSON object of counts.
  std::string summary = "{}";
  RevisionOutcome outcome = RevisionOutcome::kOpen;
};

/// A revision with its desired state.
struct KeptRevision {
  Revision revision;
  /// One canonical document, without the tenants that were purged since.
  std::string document;
  /// Tenants that it had and of which nothing is kept any more.
  std::vector<TenantId> purged;
};

/// How many revisions are kept: the newest.
inline constexpr std::int64_t kKeptRevisions = 500;

/// Keeps every desired state that was accepted. What two revisions share is stored once, so that a
/// change of one tenant of ten thousand costs what that tenant does.
///
/// Part of Registry; its rules hold.
class RevisionStore {
 public:
  virtual ~RevisionStore() = default;

  /// Desired state as last accepted; nullopt before the first apply.
  virtual Result<std::optional<DesiredState>> load_desired() = 0;

  /// Accepts `desired` as the newest revision, described by `note` (its number and outcome say
  /// nothing), and notes who owns its fields. The same state as before is no new revision: the
  /// newest one is returned.
  virtual Result<Revision> accept_desired(const DesiredState& desired,
                                          const Revision& note,
                                          const FieldOwnersChange& owners) = 0;
  /// The same, for whom nothing changes hands.
  Result<Revision> accept_desired(const DesiredState& desired, const Revision& note) {
    return accept_desired(desired, note, {});
  }

  /// Fields of the newest revision that are not the file's.
  virtual Result<FieldOwners> load_owners() = 0;

  /// One that is not kept any more is success.
  virtual Status close_revision(std::int64_t number, RevisionOutcome outcome) = 0;

  /// Revisions before number `before`, newest first, at most `limit`.
  virtual Result<std::vector<Revision>> read_revisions(std::int64_t before, std::size_t limit) = 0;

  /// nullopt if it is not kept (any more).
  virtual Result<std::optional<KeptRevision>> read_revision(std::int64_t number) = 0;
};

}  // namespace voicectl
