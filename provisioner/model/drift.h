// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"

namespace voicectl {

/// What the machine has that the records do not say.
enum class DriftKind {
  kEdited,           ///< the text of a file that voicectl writes is another one
  kMissingFile,      ///< a file, folder, socket or link is gone
  kReplaced,         ///< something else has its name: a link, a folder, somebody's socket
  kAccess,           ///< mode or owner are others
  kStrayProcess,     ///< it carries our marks and no record knows it
  kMissingProcess,   ///< it is recorded and does not run
  kForeignListener,  ///< another program listens on a leased port
  kCertificate,      ///< missing, expired, or about to
};
std::string_view name_of(DriftKind kind);

/// What brings it back.
enum class DriftRepair {
  kNone,         ///< a person: nothing of ours may end or overwrite it
  kRestore,      ///< the action restore_files, of the finding's tenant or of the platform
  kPublishEdge,  ///< the edge's configuration is published again
  kBind,         ///< the tenant's socket is bound anew and lent again
  kStart,        ///< the process is started
  kEnd,          ///< the process is ended
  kIssue,        ///< the certificate is made anew
};

/// Whether the daemon may repair it by itself, or only when a person applies: what somebody wrote
/// or started on purpose is not taken away while they look elsewhere.
enum class RepairedBy { kDaemon, kPerson };

/// What a person has accepted as it is.
struct AcceptedDrift {
  /// As DriftFinding::name.
  std::string name;
  /// As DriftFinding::state: another state is drift again.
  std::string state;
  std::string who;
  std::string why;
  WallTime at{};
  friend bool operator==(const AcceptedDrift&, const AcceptedDrift&) = default;
};

/// One thing that is not as it should be. Names, paths and modes; never what a file says.
struct DriftFinding {
  DriftKind kind = DriftKind::kEdited;
  /// "<kind>/<name>", as `voicectl adopt` takes it: "file/run/edge/nginx.conf".
  std::string name;
  /// Whom it concerns: "tenant/mario-pizza", "edge", "platform", "instance/shared-0".
  std::string subject;
  std::optional<TenantId> tenant{};
  /// Of the file; empty for what is none.
  std::string path;
  std::string expected;
  std::string found;
  /// What tells this state from the next one, for adoption: a digest, a mode, a process's start.
  std::string state;
  /// When it came to be so; absent if nobody knows.
  std::optional<WallTime> since{};
  DriftRepair repair = DriftRepair::kNone;
  /// Of a stray: with `state` its identity.
  int pid = 0;
  std::uint64_t start_ticks = 0;
  /// Set: why it cannot be adopted.
  std::string not_adoptable;
  /// Another state of it was adopted: nothing touches it until it is adopted again or given up.
  bool is_held = false;
  /// A person has accepted exactly this.
  std::optional<AcceptedDrift> adopted{};

  friend bool operator==(const DriftFinding&, const DriftFinding&) = default;
};

/// What the step of a plan says: "drift: '/run/x' was edited".
std::string summarize(const DriftFinding& finding);
/// What to do about it, for people.
std::string remedy_of(const DriftFinding& finding);
RepairedBy repaired_by(const DriftFinding& finding);

/// Name of the finding of nginx's configuration, whose text can be adopted.
inline constexpr std::string_view kEdgeFileName = "file/run/edge/nginx.conf";

}  // namespace voicectl
