// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/os/reactor.h"
#include "provisioner/api/control_protocol.h"
#include "provisioner/apply/registry_queue.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/registry/revisions.h"

namespace voicectl {

/// The newest revision of the desired state, who owns its fields, and what came of it.
///
/// THREADS: loop thread only.
class RevisionBook {
 public:
  struct Deps {
    RegistryQueue& registry;
    EventLog& events;
    const Log& log;
  };
  /// `newest` and `owners` as the registry had them when the daemon started.
  RevisionBook(Deps deps, std::optional<Revision> newest, FieldOwners owners)
      : deps_(deps), newest_(std::move(newest)), owners_(std::move(owners)) {}

  /// Number of the newest revision; 0 before the first apply.
  std::int64_t newest() const { return newest_ ? newest_->number : 0; }

  const FieldOwners& owners() const { return owners_; }
  /// The registry has forgotten that tenant.
  void forget_owners(const TenantId& tenant) { owners_.erase(tenant.str()); }

  /// ERRORS: kConflict if the newest is another one than `base`, which names who made it.
  Status check_base(std::optional<std::int64_t> base) const;

  /// Records `desired` as the newest revision, or as the present one if it is the same, and who
  /// owns its fields.
  void accept(const DesiredState& desired,
              const Revision& note,
              const FieldOwnersChange& owners,
              Completion<void> done);

  /// How bringing the platform to the newest revision has ended. Once it was done it stays so: what
  /// fails later is not about the revision.
  void note_outcome(const api::ApplyOutcome& outcome);

 private:
  Deps deps_;
  std::optional<Revision> newest_;
  FieldOwners owners_;
};

}  // namespace voicectl
