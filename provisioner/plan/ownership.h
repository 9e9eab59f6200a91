// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/model/field_owners.h"

/// Who decides over which field when a file and the command line both have something to say
/// (docs/explanation/who-owns-a-field.md). Values only.
namespace voicectl {

/// A field that is not simply as whoever applies says.
struct FieldNote {
  /// "tenants[mario-pizza].tier", "platform.monitor.mode", "tenants[luigi]".
  std::string path;
  /// As JSON; empty where it is a whole tenant, or is not set.
  std::string now;
  std::string wanted;
  /// Absent: the file's.
  std::optional<FieldClaim> claim;
  /// Of a conflict that the file does not name: why it cannot stay beside what the file says.
  std::string misfit{};
};

/// How many there are, and the first of them.
class FieldNotes {
 public:
  static constexpr std::size_t kMostNamed = 100;

  void add(FieldNote note);
  const std::vector<FieldNote>& named() const { return named_; }
  std::size_t count() const { return count_; }
  bool empty() const { return count_ == 0; }

 private:
  std::vector<FieldNote> named_{};
  std::size_t count_ = 0;
};

struct OwnershipReport {
  /// The command line has set it, and the file says otherwise, or what does not go with it. The
  /// file's value is the wanted one.
  FieldNotes conflicts{};
  /// The command line has set it, and the file says nothing.
  FieldNotes kept{};
  /// The file's until now, and the command line changes it.
  FieldNotes taken{};

  bool empty() const { return conflicts.empty() && kept.empty() && taken.empty(); }
};

/// What is to be desired, and who owns it then.
struct OwnedState {
  DesiredState desired;
  FieldOwnersChange change{};
  OwnershipReport report{};
};

/// `file` joined with what the command line has set and the file says nothing of. Of a conflict the
/// file's value is taken: whether that may be is check_conflicts()'s to say. So it is with what the
/// command line has set and a part of the file has no room for, such as the low one of two marks
/// when the file sets the high one lower.
///
/// `named` are the fields that the file names, `before` the desired state as last accepted.
/// ERRORS: kInvalidArgument if tenants and platform, joined, do not go together.
Result<OwnedState> join_file(DesiredState file,
                             const FieldNames& named,
                             const std::optional<DesiredState>& before,
                             const FieldOwners& owners);

/// What becomes of a tenant that a command takes away, when a file still names it.
enum class Removed {
  kMadeAgain,  ///< nothing is known of it any more
  kStaysAway,  ///< that it is not there is the command line's: the file is a conflict
};

/// `desired`, as a command has edited it from `before`: what differs is the command line's.
OwnedState take_command(DesiredState desired,
                        const std::optional<DesiredState>& before,
                        const FieldOwners& owners,
                        Removed removed = Removed::kMadeAgain);

/// ERRORS: kConflict if there are any: which, who wants what, and the ways out.
Status check_conflicts(const OwnershipReport& report);

/// `plan`, a document of render_plan_json(), with the report in it, unless there is nothing to
/// tell. Long values are cut: a report has a bounded size, whatever it is about.
std::string with_ownership(std::string plan, const OwnershipReport& report);

}  // namespace voicectl
