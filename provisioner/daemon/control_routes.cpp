// SPDX-License-Identifier: Apache-2.0
// Routes of the control API that plan, apply, and look.
#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/api/control_protocol.h"
#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/progress_stream.h"
#include "provisioner/daemon/query.h"
#include "provisioner/model/text_rules.h"
#include "provisioner/plan/open_imports.h"
#include "provisioner/plan/protection.h"

namespace voicectl {
namespace {

constexpr JsonBudget kRequestBudget{
    .bytes = DocumentReader::kMostBytes, .depth = 8, .nodes = 10'000};

constexpr std::size_t kLongestWho = 100;
constexpr std::size_t kLongestWhy = 1000;

/// The request, with all tenants taken side by side whatever the document says: what is moved at
/// one time is said otherwise.
Json at_once(Json body) {
  body["rollout"] = rollout_json(RolloutSpec{});
  return body;
}

/// A canary that a command has deleted goes first nowhere.
RolloutSpec without_gone_canaries(RolloutSpec spec,
                                  const std::function<bool(const TenantId& tenant)>& is_known) {
  std::erase_if(spec.canary, std::not_fn(is_known));
  if (spec.canary.empty() && !spec.batch) {
    spec.pause = {};  // nothing that it would come between
  }
  return spec;
}

Json severe_json(const std::optional<PlatformSpec>& before, const PlatformSpec& wanted) {
  Json out = Json::array();
  for (const SevereAct& act : severe_acts(before, wanted)) {
    out.push_back({{"text", act.what}, {"confirm", act.confirmation}});
  }
  return out;
}

Error said_with(const std::string& what_holds, const Error& why) {
  return what_holds.empty() ? why : why.with_context(what_holds);
}

/// What the request says was agreed to. ERRORS: kInvalidArgument.
Result<Agreement> agreement_in(const Json& body) {
  Agreement out;
  if (const auto most = body.find("allow_delete"); most != body.end() && !most->is_null()) {
    if (!most->is_number_unsigned()) {
      return Error(ErrorCode::kInvalidArgument,
                   "cannot take 'allow_delete': a number of tenants is needed");
    }
    out.deletions = most->get<std::size_t>();
  }
  if (const auto words = body.find("confirm"); words != body.end() && !words->is_null()) {
    const auto is_word = [](const Json& word) { return word.is_string(); };
    if (!words->is_array() || !std::all_of(words->begin(), words->end(), is_word)) {
      return Error(ErrorCode::kInvalidArgument, "cannot take 'confirm': a list of words is needed");
    }
    out.words = words->get<std::vector<std::string>>();
  }
  return out;
}

}  // namespace

Status ControlServer::check_words(const Json& body) {
  for (const auto& [key, most] : {std::pair("who", kLongestWho), std::pair("why", kLongestWhy)}) {
    const std::string text = string_or(body, key, "");
    if (text.size() > most || find_unprintable(text, Lines::kOne)) {
      return Error(ErrorCode::kInvalidArgument,
                   fmt::format("cannot take '{}': one printable line of at most {} bytes is needed",
                               key, most));
    }
  }
  return ok_status();
}

void ControlServer::show_version(const Call& call) {
  answer(call, deps_.status.version());
}
void ControlServer::show_metrics(const Call& call) {
  call.responder->send(HttpResponse{
      200, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}}, deps_.metrics()});
}
void ControlServer::show_status(const Call& call) {
  answer(call, deps_.status.status());
}
void ControlServer::list_instances(const Call& call) {
  answer(call, deps_.status.instances());
}
void ControlServer::list_tenants(const Call& call) {
  answer(call, deps_.status.tenants());
}
void ControlServer::show_desired(const Call& call) {
  answer(call, deps_.status.desired());
}

void ControlServer::show_tenant(const Call& call) {
  const Result<TenantId> tenant = TenantId::parse(call.captures[0]);
  const std::optional<Json> found =
      tenant.has_value() ? deps_.status.tenant(*tenant) : std::nullopt;
  if (!found) {
    refuse(call, Error(ErrorCode::kNotFound,
                       fmt::format("cannot find tenant '{}'", call.captures[0].substr(0, 80))));
    return;
  }
  answer(call, *found);
}

void ControlServer::make_plan(const Call& call) {
  const DriftWatch::Ahead ahead = deps_.drift.look_ahead();
  const Result<Json> body = parse_body(call.request.body, kRequestBudget);
  const Result<OwnedState> wanted =
      body.has_error() ? Result<OwnedState>(body.error()) : wanted_state(*body);
  const Result<std::string> plan =
      wanted.has_error() ? Result<std::string>(wanted.error()) : planned_json(*wanted, *body);
  if (plan.has_error()) {
    refuse(call, plan.error());
    return;
  }
  const Json severe = severe_json(deps_.recorded.snapshot().platform, wanted->desired.platform);
  call.responder->send(json_response(
      200,
      fmt::format(R"({{"plan":{},"platform_id":{},"revision":{},"severe":{}}})", *plan,
                  dump_json(Json(deps_.platform_id)), deps_.loop.revision(), dump_json(severe))));
}

Result<std::string> ControlServer::planned_json(const OwnedState& wanted, const Json& body) const {
  const DesiredState& desired = wanted.desired;
  VC_TRY(const RolloutSpec rollout, rollout_in(body, desired));
  VC_TRY(const Plan plan, deps_.loop.plan(desired));
  if (rollout.is_plain() || plan.empty()) {
    VC_TRY(std::string out, forecast_json_of(plan, desired));
    return with_ownership(std::move(out), wanted.report);
  }
  VC_TRY(const EffectForecast forecast, deps_.loop.forecast(plan, desired));
  return with_ownership(render_plan_json(plan, forecast, rollout), wanted.report);
}

Result<RolloutSpec> ControlServer::rollout_in(const Json& body, const DesiredState& desired) const {
  const auto is_known = [&](const TenantId& tenant) {
    return find_tenant(desired, tenant) != nullptr || deps_.recorded.find_tenant(tenant) != nullptr;
  };
  const RolloutSpec standard = without_gone_canaries(desired.platform.rollout, is_known);
  const auto given = body.find("rollout");
  if (given == body.end() || given->is_null()) {
    return standard;
  }
  VC_TRY(RolloutSpec spec, parse_rollout(*given, standard));
  for (const TenantId& canary : spec.canary) {
    if (!is_known(canary)) {
      return Error(ErrorCode::kNotFound,
                   fmt::format("cannot take '{}' as a canary: there is no such tenant, and none is "
                               "asked for",
                               canary.str()));
    }
  }
  return spec;
}

Result<std::string> ControlServer::forecast_json_of(const Plan& plan,
                                                    const DesiredState& desired) const {
  if (plan.empty()) {
    return render_plan_json(plan);
  }
  VC_TRY(const EffectForecast forecast, deps_.loop.forecast(plan, desired));
  return render_plan_json(plan, forecast);
}

/// What somebody wants to be applied.
struct ControlServer::ApplyWish {
  Json body;
  OwnedState wanted;
  Agreement agreement;
};

Result<ControlServer::ApplyWish> ControlServer::apply_wish_in(const Call& call) {
  VC_TRY(Json body, parse_body(call.request.body, kRequestBudget));
  VC_TRY(OwnedState wanted, wanted_state(body));
  VC_TRY(check_words(body));
  if (!flag_in(body, "force_conflicts")) {
    VC_TRY(check_conflicts(wanted.report));
  }
  VC_TRY(Agreement agreement, agreement_in(body));
  return ApplyWish{std::move(body), std::move(wanted), std::move(agreement)};
}

void ControlServer::apply(const Call& call) {
  Result<ApplyWish> wish = apply_wish_in(call);
  if (wish.has_error()) {
    refuse(call, wish.error());
    return;
  }
  const std::string why = string_or(wish->body, "why", "");
  const Result<LockedRun> run = begin_run(wish->body, why.empty() ? "apply" : why);
  if (run.has_error()) {
    refuse(call, run.error());
    return;
  }
  stream_apply(call, *run, std::move(wish->wanted), wish->body,
               {.agreement = std::move(wish->agreement)});
}

Result<OwnedState> ControlServer::wanted_state(const Json& body) {
  VC_TRY(const std::string text, require_string(body, "document"));
  const std::string owner = string_or(body, "owner", name_of(FieldOwner::kFile));
  const bool is_file = owner == name_of(FieldOwner::kFile);
  if (!is_file && owner != name_of(FieldOwner::kCommandLine)) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot take 'owner': found '{}', allowed are file, command_line",
                             one_line(owner, kLongestWho)));
  }
  VC_TRY(const DocumentReader::DocumentRef document,
         documents_.read(text, is_file ? FieldOwner::kFile : FieldOwner::kCommandLine));
  const std::optional<DesiredState>& before = deps_.loop.desired();
  const FieldOwners& owners = deps_.loop.owners();
  OwnedState out;
  if (is_file) {
    VC_TRY(out, join_file(document->state, document->named, before, owners));
  } else {
    const Removed removed = flag_in(body, "stays_away") ? Removed::kStaysAway : Removed::kMadeAgain;
    out = take_command(document->state, before, owners, removed);
  }
  out.desired = with_open_imports(std::move(out.desired), before, deps_.recorded.snapshot());
  return out;
}

struct ControlServer::Replacement {
  InstanceId instance;
  std::size_t moves_at_once = kActionsInFlight;
  Json body;
};

Result<ControlServer::Replacement> ControlServer::replacement_in(const Call& call) const {
  VC_TRY(const Json body, parse_body(call.request.body, kRequestBudget));
  VC_TRY(const InstanceId instance, InstanceId::parse(call.captures[0]));
  const std::int64_t parallel =
      integer_or(body, "parallel", static_cast<std::int64_t>(kActionsInFlight));
  if (parallel < 1 || parallel > static_cast<std::int64_t>(kActionsInFlight)) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot move {} tenants at one time: 1 to {} are possible", parallel,
                             kActionsInFlight));
  }
  if (!deps_.loop.desired()) {
    return Error(ErrorCode::kConflict, "cannot replace an instance: nothing was applied yet");
  }
  if (const std::size_t held = deps_.loop.rollout().held().size(); held > 0) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot replace an instance: a rollout was stopped before {} "
                             "tenant{} had their turn; run 'voicectl apply' again first",
                             held, held == 1 ? "" : "s"));
  }
  if (deps_.recorded.find_instance(instance) == nullptr) {
    return Error(
        ErrorCode::kNotFound,
        fmt::format("cannot replace instance '{}': there is none of that name", instance.str()));
  }
  return Replacement{instance, static_cast<std::size_t>(parallel), body};
}

void ControlServer::preview_restart(const Call& call) {
  const Result<Replacement> wanted = replacement_in(call);
  if (wanted.has_error()) {
    refuse(call, wanted.error());
    return;
  }
  const auto preview = deps_.loop.preview_of_replacing(wanted->instance, wanted->moves_at_once);
  if (preview.has_error()) {
    refuse(call, preview.error());
    return;
  }
  call.responder->send(json_response(
      200, fmt::format(R"({{"plan":{}}})", render_plan_json(preview->plan, preview->forecast))));
}

void ControlServer::restart_instance(const Call& call) {
  const Result<Replacement> wanted = replacement_in(call);
  if (wanted.has_error()) {
    refuse(call, wanted.error());
    return;
  }
  const Result<LockedRun> run =
      begin_run(wanted->body, "instance restart " + wanted->instance.str());
  if (run.has_error()) {
    refuse(call, run.error());
    return;
  }
  const std::string who = one_line(string_or(wanted->body, "who", "unknown"), kLongestWho);
  const Status begun =
      deps_.loop.run_single(RetireInstance{wanted->instance}, "asked by " + who,
                            [this, call, run = *run, body = at_once(wanted->body),
                             moves_at_once = wanted->moves_at_once](const Status& noted) {
                              // What is recorded now is carried out by the next apply, whoever
                              // begins it.
                              if (noted.has_error()) {
                                abandon(run);
                                refuse(call, noted.error());
                                return;
                              }
                              stream_apply(call, run, OwnedState{*deps_.loop.desired()}, body,
                                           {"it is recorded that the instance is to be replaced, "
                                            "which the next apply or hourly look does",
                                            moves_at_once});
                            });
  if (begun.has_error()) {
    abandon(*run);
    refuse(call, begun.error());
  }
}

void ControlServer::stream_apply(
    const Call& call, const LockedRun& run, OwnedState wanted, const Json& body, Streamed how) {
  // What came before it took its time, in which the lock may have been stolen.
  if (const Status held = deps_.lock.check_run(run.token); held.has_error()) {
    refuse(call, said_with(how.if_refused, held.error()));
    return;
  }
  const Result<RolloutSpec> rollout = rollout_in(body, wanted.desired);
  if (rollout.has_error()) {
    abandon(run);
    refuse(call, rollout.error());
    return;
  }
  const std::string plan_id = string_or(body, "plan_id", "");
  const std::int64_t base = integer_or(body, "base_generation", -1);
  const std::int64_t revision = integer_or(body, "base_revision", -1);
  ReconcileLoop::ApplyRequest request{
      std::move(wanted.desired),
      plan_id.empty() ? std::nullopt : std::optional<std::string>(plan_id),
      string_or(body, "who", "unknown"),
      base < 0 ? std::nullopt : std::optional(Generation{static_cast<std::uint64_t>(base)}),
      how.moves_at_once,
      string_or(body, "why", ""),
      revision < 0 ? std::nullopt : std::optional(revision),
      *rollout,
      std::move(wanted.change),
      std::move(how.agreement)};
  const Status begun =
      deps_.loop.apply(std::move(request), ending(run, progress_stream(call.responder)));
  if (begun.has_error()) {
    abandon(run);
    refuse(call, said_with(how.if_refused, begun.error()));
  }
}

void ControlServer::stop(const Call& call) {
  const std::shared_ptr<ResponseStream> stream =
      call.responder->stream(HttpResponse{200, {{"Content-Type", "application/x-ndjson"}}, ""});
  auto number = std::make_shared<std::size_t>(0);
  deps_.loop.stop_everything(
      [stream, number](const std::string& what) {
        stream->write(api::render_step(api::StepProgress{(*number)++, api::StepState::kDone, "stop",
                                                         "", what, 0, ""}) +
                      "\n");
      },
      [this, stream, number] {
        stream->write(api::render_finished(api::ApplyOutcome{*number, 0, 0, 0, ""}) + "\n");
        stream->end();
        deps_.on_stopped();
      });
}

}  // namespace voicectl
