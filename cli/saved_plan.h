// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace voicectl {

/// What `plan --out` writes: a plan, and all that is needed to apply exactly it or to refuse.
/// Schema voicectl/saved-plan/v1 (docs/how-to/apply-from-ci.md).
///
/// It names files that hold secrets, and holds none.
struct SavedPlanNote {
  /// The desired state that it leads to, as one canonical document.
  std::string document;
  std::string made_at;
  std::string made_by;
};

/// The file's text, with a checksum over all of it. `answer` is the daemon's: "plan", "platform_id"
/// and "revision".
std::string render_saved_plan(const Json& answer, const SavedPlanNote& note);

/// Reads such a file: an object with "plan", "document", "platform_id", "base_revision"
/// and "made_at". `name` is for
/// messages.
/// ERRORS: kInvalidArgument for what is no saved plan, kConflict for one of a newer program,
/// kCorrupt for one that was changed after it was written; each says what to do.
Result<Json> parse_saved_plan(std::string_view text, const std::string& name);

}  // namespace voicectl
