// SPDX-License-Identifier: Apache-2.0
#include "cli/apply_flow.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "cli/effect_printer.h"
#include "cli/ownership_printer.h"
#include "cli/plan_difference.h"
#include "cli/step_display.h"
#include "provisioner/api/control_protocol.h"
#include "provisioner/model/desired_state_yaml.h"
#include "provisioner/model/field_owners.h"

namespace voicectl {
namespace {

void show(const api::ApplyLine& line, StepDisplay& steps) {
  if (line.started_steps) {
    steps.started(*line.started_steps);
  } else if (line.step) {
    steps.hear(*line.step);
  }
}

ExitCode exit_code_of(const api::ApplyOutcome& outcome) {
  if (outcome.failed == 0 && outcome.skipped == 0 && outcome.undone == 0 &&
      outcome.hooks_failed == 0) {
    return ExitCode::kOk;
  }
  return outcome.done > 0 ? ExitCode::kPartial : ExitCode::kFailure;
}

std::string outcome_line(const api::ApplyOutcome& outcome) {
  std::string out = fmt::format("Done: {} step{}", outcome.done, outcome.done == 1 ? "" : "s");
  for (const auto& [count, what] :
       {std::pair(outcome.failed, "failed"), std::pair(outcome.skipped, "skipped"),
        std::pair(outcome.undone, "undone")}) {
    out += count == 0 ? "" : fmt::format(", {} {}", count, what);
  }
  if (outcome.hooks_failed > 0) {
    out += fmt::format("; {} hook{} failed after it, and it stays", outcome.hooks_failed,
                       outcome.hooks_failed == 1 ? "" : "s");
  }
  return out + ".\n";
}

/// Asks for the word of each change that all tenants' customers would feel.
Answer agree_to_severe_acts(Console& console, const Json& answer, const ApplyOptions& options) {
  for (const Json& act : answer.value("severe", Json::array())) {
    const Answer agreed =
        ask_for_word(console, safe_for_terminal(string_or(act, "text", "This is severe.")),
                     safe_for_terminal(string_or(act, "confirm", "yes")), options.confirmation);
    if (agreed != Answer::kYes) {
      return agreed;
    }
  }
  return Answer::kYes;
}

Answer agree(Console& console, const Json& answer, const ApplyOptions& options) {
  if (const Answer severe = agree_to_severe_acts(console, answer, options);
      severe != Answer::kYes) {
    return severe;
  }
  const Json& plan = answer.at("plan");
  const std::size_t deleted = summary_count(plan, "tenants_deleted");
  if (deleted <= options.allow_delete) {
    return ask_yes_no(console, "Apply this plan?", options.consent);
  }
  const std::string what = fmt::format("{} tenant{}", deleted, deleted == 1 ? "" : "s");
  if (options.consent == Consent::kGiven || why_nobody_answers(console)) {
    console.err << fmt::format(
        "voicectl: cannot delete {} without being told so: add "
        "--allow-delete={}\n",
        what, deleted);
    return Answer::kCannotAsk;
  }
  return ask_for_word(console, fmt::format("This deletes {} and ends their sessions.", what),
                      "delete", "");
}

/// A plan as it was shown, and what of it was agreed to: members of a request.
struct Shown {
  const Json& plan;
  Json agreed = Json::object();
};

Shown agreed_to_all(const Json& answer) {
  const Json& plan = answer.at("plan");
  Json words = Json::array();
  for (const Json& act : answer.value("severe", Json::array())) {
    words.push_back(string_or(act, "confirm", "yes"));
  }
  return {plan, {{"allow_delete", summary_count(plan, "tenants_deleted")}, {"confirm", words}}};
}

/// How a plan takes its tenants, without who that comes to; null if it says nothing of it.
Json rollout_in(const Json& plan) {
  Json out = plan.value("rollout", Json());
  if (out.is_object()) {
    out.erase("batches");
  }
  return out;
}

/// A desired state as it is sent, and whose it is.
struct Wanted {
  const std::string& document;
  FieldOwner owner;
  Removed removed = Removed::kMadeAgain;
};

/// The members of a request that say so.
Json request_of(const Wanted& wanted) {
  Json out = {{"document", wanted.document}, {"owner", name_of(wanted.owner)}};
  if (wanted.removed == Removed::kStaysAway) {
    out["stays_away"] = true;
  }
  return out;
}

Result<ExitCode> apply_plan(CommandContext& context,
                            DaemonClient& daemon,
                            const Shown& shown,
                            const Wanted& wanted,
                            const ApplyOptions& options,
                            PlatformLock& lock,
                            Progress progress) {
  const Json& plan = shown.plan;
  const std::int64_t base =
      options.base_generation.value_or(integer_or(plan, "base_generation", 0));
  Json request = request_of(wanted);
  request.update(shown.agreed);
  request.update({{"plan_id", string_or(plan, "id", "")},
                  {"base_generation", base},
                  {"who", context.surroundings.user},
                  {"why", options.why},
                  {"lock", lock.token()}});
  if (options.conflicts == Conflicts::kForce) {
    request["force_conflicts"] = true;
  }
  if (Json rollout = rollout_in(plan); !rollout.is_null()) {
    request["rollout"] = std::move(rollout);  // as it was shown
  }
  if (options.base_revision) {
    request["base_revision"] = *options.base_revision;
  }
  // Refused, it is this program's to give back; else the daemon ends it with the apply.
  const auto begun = [&lock] { lock.leave_to_apply(); };
  return follow_progress(context, daemon, {"/v1/apply", begun}, dump_json(request), progress);
}

/// Shows the plan, asks, and has exactly it carried out.
Result<ExitCode> show_and_apply(CommandContext& context,
                                DaemonClient& daemon,
                                const Json& planned,
                                const Wanted& wanted,
                                const ApplyOptions& options,
                                PlatformLock& lock) {
  const Json& plan = planned.at("plan");
  const bool is_json = options.format == OutputFormat::kJson;
  if (!is_json) {
    context.console.out << print_plan(plan, context.console.out_palette, options.reasons);
  }
  const bool is_refused = has_conflicts(plan) && options.conflicts == Conflicts::kRefuse;
  if (count_steps(plan) == 0 || is_refused) {
    // The document is accepted all the same: it may differ in what needs no step. One that will not
    // be is not asked about: the daemon says why.
    return apply_plan(context, daemon, {plan}, wanted, options, lock,
                      is_json ? Progress::kJson : Progress::kSilent);
  }
  const Answer answer = agree(context.console, planned, options);
  if (answer != Answer::kYes) {
    const ExitCode refused = exit_code_of_refusal(context.console, answer);
    // With --detailed-exitcode the number of a usage error says that changes were made.
    return options.code_when_changed == ExitCode::kOk ? refused : ExitCode::kFailure;
  }
  VC_TRY(const ExitCode code, apply_plan(context, daemon, agreed_to_all(planned), wanted, options,
                                         lock, is_json ? Progress::kJson : Progress::kText));
  return code == ExitCode::kOk ? options.code_when_changed : code;
}

/// As fetch_plan(); null says nothing of how tenants are taken.
Result<Json> ask_for_plan(DaemonClient& daemon, const Wanted& wanted, const Json& rollout) {
  Json request = request_of(wanted);
  if (!rollout.is_null()) {
    request["rollout"] = rollout;
  }
  VC_TRY(Json answer, daemon.call("POST", "/v1/plan", dump_json(request)));
  const auto plan = answer.is_object() ? answer.find("plan") : answer.end();
  if (plan == answer.end() || !plan->is_object()) {
    return Error(ErrorCode::kCorrupt, "cannot read the daemon's answer: it holds no plan");
  }
  return answer;
}

Error moved_world(CommandContext& context,
                  const Json& saved,
                  const Json& now,
                  const std::string& name,
                  OutputFormat format) {
  const PlanDifference difference = compare_plans(saved.at("plan"), now);
  if (format == OutputFormat::kJson) {
    Json line = render_difference(difference);
    line["type"] = "refused";
    line["saved_plan_id"] = string_or(saved.at("plan"), "id", "");
    line["plan_id"] = string_or(now, "id", "");
    context.console.out << dump_json(line) << '\n';
  } else {
    context.console.out << "The plan of now differs from the saved one:\n"
                        << print_difference(difference, context.console.out_palette);
  }
  return Error(ErrorCode::kConflict,
               fmt::format("cannot apply '{}': the platform has changed since it was made at {} "
                           "(generation {} then, {} now); plan again",
                           name, string_or(saved, "made_at", "?"),
                           integer_or(saved.at("plan"), "base_generation", 0),
                           integer_or(now, "base_generation", 0)));
}

Result<ExitCode> plan_and_apply(CommandContext& context,
                                const Wanted& wanted,
                                const ApplyOptions& options) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  std::unique_ptr<PlatformLock> own;
  if (options.lock == nullptr) {
    VC_TRY(own, PlatformLock::take(context, *daemon, options.why, options.lock_patience));
  }
  PlatformLock& lock = own == nullptr ? *options.lock : *own;
  VC_TRY(const Json answer, ask_for_plan(*daemon, wanted, rollout_of(options.rollout)));
  return show_and_apply(context, *daemon, answer, wanted, options, lock);
}

}  // namespace

Result<Json> fetch_plan(DaemonClient& daemon,
                        const std::string& document,
                        const RolloutFlags& rollout) {
  return ask_for_plan(daemon, {document, FieldOwner::kFile}, rollout_of(rollout));
}

Result<DesiredState> fetch_desired(DaemonClient& daemon) {
  VC_TRY(DesiredAt desired, fetch_desired_at(daemon));
  return std::move(desired.state);
}

Result<DesiredAt> fetch_desired_at(DaemonClient& daemon) {
  VC_TRY(const Json answer, daemon.get("/v1/desired"));
  const std::string document = string_or(answer, "document", "");
  const std::int64_t generation = integer_or(answer, "generation", 0);
  const std::int64_t revision = integer_or(answer, "revision", 0);
  if (document.empty()) {
    return DesiredAt{DesiredState{}, generation, revision};
  }
  ParsedState parsed =
      parse_desired_state({{"the daemon's desired state", document}}, nullptr, kOwnDocumentBudget);
  if (!parsed.ok()) {
    return Error(ErrorCode::kCorrupt,
                 "cannot read the daemon's desired state: " + parsed.problems.front().str());
  }
  return DesiredAt{std::move(parsed.state), generation, revision};
}

Result<ExitCode> follow_progress(CommandContext& context,
                                 DaemonClient& daemon,
                                 const Followed& what,
                                 const std::string& body,
                                 Progress progress,
                                 const OnStep& on_step) {
  Console& console = context.console;
  const bool is_beside = progress == Progress::kBeside;
  std::ostream& to = is_beside ? console.err : console.out;
  const Palette& palette = is_beside ? console.err_palette : console.out_palette;
  std::optional<api::ApplyOutcome> outcome;
  StepDisplay steps(console, to, palette, context.clock);
  VC_TRY(daemon.stream("POST", what.target, body, [&](std::string_view text) -> Status {
    if (what.on_begun) {
      what.on_begun();
    }
    VC_TRY(const api::ApplyLine line, api::parse_apply_line(text));
    if (line.finished) {
      outcome = line.finished;
    }
    if (line.step && on_step) {
      on_step(*line.step);
    }
    if (progress == Progress::kJson) {
      to << text << '\n' << std::flush;
    } else if (progress != Progress::kSilent) {
      show(line, steps);
    }
    return ok_status();
  }));
  steps.clear();
  if (!outcome) {
    return Error(ErrorCode::kUnavailable,
                 "cannot tell how it ended: the daemon stopped telling; see 'voicectl status'");
  }
  if (progress == Progress::kText) {
    to << steps.counts() << outcome_line(*outcome) << print_comparison(outcome->compared, palette);
  }
  if (!outcome->remedy.empty()) {
    console.err << safe_for_terminal(outcome->remedy) << '\n';
  }
  return exit_code_of(*outcome);
}

ExitCode exit_code_of_refusal(Console& console, Answer answer) {
  console.err << "Nothing was changed.\n";
  return answer == Answer::kCannotAsk ? ExitCode::kUsage : ExitCode::kFailure;
}

Result<ExitCode> apply_desired(CommandContext& context,
                               const DesiredState& desired,
                               const ApplyOptions& options) {
  const std::string document = render_desired_state(desired);
  return plan_and_apply(context, {document, FieldOwner::kCommandLine, options.removed}, options);
}

Result<ExitCode> apply_document(CommandContext& context,
                                const std::string& document,
                                const ApplyOptions& options) {
  return plan_and_apply(context, {document, FieldOwner::kFile}, options);
}

Result<ExitCode> apply_saved_plan(CommandContext& context,
                                  const Json& saved,
                                  const std::string& name,
                                  const ApplyOptions& options) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  VC_TRY(const std::unique_ptr<PlatformLock> lock,
         PlatformLock::take(context, *daemon, options.why, options.lock_patience));
  // As it was saved, unless the command line says otherwise now.
  Json rollout = rollout_in(saved.at("plan"));
  if (const Json said = rollout_of(options.rollout); rollout.is_null()) {
    rollout = said;
  } else if (!said.is_null()) {
    rollout.update(said);
  }
  const std::string document = string_or(saved, "document", "");
  const Wanted wanted{document, FieldOwner::kFile};
  VC_TRY(const Json now, ask_for_plan(*daemon, wanted, rollout));
  if (string_or(now, "platform_id", "") != string_or(saved, "platform_id", "?")) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot apply '{}': it was made for another platform than the one at "
                             "'{}'; plan again, or name the daemon's socket with --socket",
                             name, find_socket(context)));
  }
  if (string_or(now.at("plan"), "id", "?") != string_or(saved.at("plan"), "id", "") ||
      integer_or(now, "revision", 0) != integer_or(saved, "base_revision", 0)) {
    return moved_world(context, saved, now.at("plan"), name, options.format);
  }
  ApplyOptions exactly = options;
  exactly.base_revision = integer_or(saved, "base_revision", 0);
  return show_and_apply(context, *daemon, now, wanted, exactly, *lock);
}

Result<ExitCode> run_moves(CommandContext& context,
                           std::string_view target,
                           Json request,
                           const ApplyOptions& options,
                           DryRun dry_run) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  std::unique_ptr<PlatformLock> lock;
  if (dry_run == DryRun::kNo) {
    VC_TRY(lock, PlatformLock::take(context, *daemon, options.why, options.lock_patience));
  }
  request["dry_run"] = true;
  VC_TRY(const Json shown, daemon->call("POST", target, dump_json(request)));
  const Json plan = shown.value("plan", Json::object());
  const bool is_json = options.format == OutputFormat::kJson;
  if (count_steps(plan) == 0 && !is_json) {
    context.console.out << safe_for_terminal(string_or(shown, "note", "Nothing to do.")) << '\n';
    return ExitCode::kOk;
  }
  if (is_json && dry_run == DryRun::kYes) {
    context.console.out << dump_json(plan) << '\n';
  } else if (!is_json) {
    context.console.out << print_plan(plan, context.console.out_palette, options.reasons);
  }
  if (dry_run == DryRun::kYes) {
    return ExitCode::kOk;
  }
  if (const Answer answer = ask_yes_no(context.console, "Go on?", options.consent);
      answer != Answer::kYes) {
    return exit_code_of_refusal(context.console, answer);
  }
  const Json exactly = {{"moves", shown.value("moves", Json::array())},
                        {"base_generation", integer_or(plan, "base_generation", 0)},
                        {"lock", lock->token()},
                        {"who", context.surroundings.user}};
  const auto begun = [&lock] { lock->leave_to_apply(); };
  return follow_progress(context, *daemon, {std::string(target), begun}, dump_json(exactly),
                         is_json ? Progress::kJson : Progress::kText);
}

}  // namespace voicectl
