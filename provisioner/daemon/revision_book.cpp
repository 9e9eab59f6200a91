// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/revision_book.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl {
namespace {

RevisionOutcome outcome_of(const api::ApplyOutcome& outcome) {
  if (outcome.failed == 0 && outcome.skipped == 0 && outcome.undone == 0) {
    return RevisionOutcome::kDone;
  }
  return outcome.done > 0 ? RevisionOutcome::kPartial : RevisionOutcome::kFailed;
}

}  // namespace

Status RevisionBook::check_base(std::optional<std::int64_t> base) const {
  if (!base || *base == newest()) {
    return ok_status();
  }
  return Error(ErrorCode::kConflict,
               fmt::format("cannot apply this: it was made from revision {} of the desired state, "
                           "and {}; plan again",
                           *base,
                           newest_ ? fmt::format("{} has made revision {} since ('{}')",
                                                 newest_->who, newest_->number, newest_->why)
                                   : "there is none any more"));
}

void RevisionBook::accept(const DesiredState& desired,
                          const Revision& note,
                          const FieldOwnersChange& owners,
                          Completion<void> done) {
  deps_.registry.run<Revision>(
      [desired, note, owners](Registry& registry) {
        return registry.accept_desired(desired, note, owners);
      },
      [this, owners, done = std::move(done)](const Result<Revision>& accepted) {
        if (accepted.has_error()) {
          done(accepted.error());
          return;
        }
        if (accepted->number != newest()) {
          deps_.events.add("desired.accepted", fmt::format("revision/{}", accepted->number),
                           dump_json({{"who", accepted->who}, {"why", accepted->why}}));
        }
        newest_ = *accepted;
        record_owners(owners_, owners,
                      {accepted->number, accepted->at, accepted->who, accepted->why});
        done(ok_status());
      });
}

void RevisionBook::note_outcome(const api::ApplyOutcome& outcome) {
  const RevisionOutcome came_out = outcome_of(outcome);
  if (!newest_ || newest_->outcome == RevisionOutcome::kDone || newest_->outcome == came_out) {
    return;
  }
  newest_->outcome = came_out;
  deps_.registry.run<void>(
      [number = newest_->number, came_out](Registry& registry) {
        return registry.close_revision(number, came_out);
      },
      [this](const Status& closed) {
        if (closed.has_error()) {
          deps_.log.error("revision.not_closed", {{"error", closed.error()}});
        }
      });
}

}  // namespace voicectl
