// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/plan_printer.h"
#include "cli/platform_lock.h"
#include "cli/rollout_flags.h"
#include "provisioner/api/control_protocol.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/plan/ownership.h"

namespace voicectl {

/// What becomes of fields that the command line has set and a file sets otherwise.
enum class Conflicts { kRefuse, kForce };

/// How an apply is shown and agreed to.
struct ApplyOptions {
  Consent consent = Consent::kAsk;
  Reasons reasons = Reasons::kHide;
  OutputFormat format = OutputFormat::kTable;
  /// What --confirm says: the word that a severe change asks for.
  std::string confirmation{};
  /// Of a file's apply only.
  Conflicts conflicts = Conflicts::kRefuse;
  /// Tenants that may be deleted without a question that names them.
  std::size_t allow_delete = 0;
  /// The generation that the desired state was made from; absent: that of the plan.
  std::optional<std::int64_t> base_generation{};
  /// Why, as it is kept with the revision.
  std::string why{};
  /// The revision that it was made from; absent: whichever is the newest.
  std::optional<std::int64_t> base_revision{};
  /// Of a command only: tenants that it takes away.
  Removed removed = Removed::kMadeAgain;
  /// How tenants are taken, where that is not as the document says.
  RolloutFlags rollout{};
  /// How long to wait for whoever holds the lock.
  std::chrono::seconds lock_patience{0};
  /// The lock, if it was taken before; else one is taken before the plan is made.
  PlatformLock* lock = nullptr;
  /// With --detailed-exitcode: kChanges instead of kOk when something was done.
  ExitCode code_when_changed = ExitCode::kOk;
};

/// What the daemon would do to reach the state that `document`, a file's, describes: its answer, an
/// object with "plan" (schema voicectl/plan/v1), "platform_id" and "revision".
/// `rollout` says how tenants are to be taken where that is not as the document says.
Result<Json> fetch_plan(DaemonClient& daemon,
                        const std::string& document,
                        const RolloutFlags& rollout = {});

/// Desired state as last applied; the defaults before the first apply.
Result<DesiredState> fetch_desired(DaemonClient& daemon);

/// The same, and as of which generation of the platform and which revision.
struct DesiredAt {
  DesiredState state;
  std::int64_t generation = 0;
  std::int64_t revision = 0;
};
Result<DesiredAt> fetch_desired_at(DaemonClient& daemon);

/// Plans, shows the plan, asks, applies exactly that plan, and shows its progress. `desired` is
/// what a command has edited: what differs from the present one becomes the command line's.
///
/// Without agreement, and when nobody is there to be asked, nothing is done and the exit code says
/// so. More deletions than allowed need more than --yes.
/// ERRORS: kConflict when the world moved since the plan was shown; those of the daemon.
Result<ExitCode> apply_desired(CommandContext& context,
                               const DesiredState& desired,
                               const ApplyOptions& options);

/// As apply_desired, of what a file says (load_document()): what it does not name, and the command
/// line has set, stays.
/// ERRORS: kConflict too if it names what the command line has set otherwise, unless forced.
Result<ExitCode> apply_document(CommandContext& context,
                                const std::string& document,
                                const ApplyOptions& options);

/// Applies exactly the plan that was saved in the file `name` (parse_saved_plan()): shows it, asks,
/// and shows its progress.
///
/// If anything else would be done now, the difference is shown and nothing is done.
/// ERRORS: kConflict when the world moved since the plan was made, kInvalidArgument when it was
/// made for another platform; those of the daemon.
Result<ExitCode> apply_saved_plan(CommandContext& context,
                                  const Json& saved,
                                  const std::string& name,
                                  const ApplyOptions& options);

/// Whether anything is done, or only shown.
enum class DryRun { kNo, kYes };

/// How progress is shown: a line for each step that ended (and how far moves are, on standard
/// error), the daemon's own lines, or not at all.
enum class Progress {
  kText,
  kJson,
  kBeside,  ///< as text, all of it on standard error: a result follows on standard output
  kSilent,
};

/// Hears of each step as the daemon tells it.
using OnStep = std::function<void(const api::StepProgress& step)>;

/// What is asked for, and what runs once it has begun.
struct Followed {
  std::string target;
  std::function<void()> on_begun{};
};

/// Asks the daemon for something that takes its time, and shows its progress to the end.
Result<ExitCode> follow_progress(CommandContext& context,
                                 DaemonClient& daemon,
                                 const Followed& what,
                                 const std::string& body,
                                 Progress progress,
                                 const OnStep& on_step = {});

/// Asks the daemon what it would do for `request` (a JSON object), shows it, asks, and has exactly
/// that done: for routes that answer a "dry_run" with "plan" and "moves".
Result<ExitCode> run_moves(CommandContext& context,
                           std::string_view target,
                           Json request,
                           const ApplyOptions& options,
                           DryRun dry_run);

/// The exit code after a question that was not answered with yes. Says that nothing was done.
ExitCode exit_code_of_refusal(Console& console, Answer answer);

}  // namespace voicectl
