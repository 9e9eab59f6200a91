// SPDX-License-Identifier: Apache-2.0
// Routes of the control API about what is not as it is recorded.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/query.h"

namespace voicectl {
namespace {

constexpr std::size_t kLongestName = 300;

/// What `name` may be adopted as now. `state` is what whoever asks has seen; empty: they do not
/// say.
Result<AcceptedDrift> adoption_of(const std::vector<DriftFinding>& findings,
                                  const std::string& name,
                                  const std::string& state) {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&](const DriftFinding& one) { return one.name == name; });
  const std::string shown = one_line(name, kLongestName);
  if (found == findings.end()) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot adopt '{}': nothing is found wrong with it; see "
                             "'voicectl drift -o name'",
                             shown));
  }
  if (!found->not_adoptable.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot adopt '{}': {}", shown, found->not_adoptable));
  }
  if (!state.empty() && state != found->state) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot adopt '{}' as '{}': it is '{}' by now; look at it again",
                             shown, one_line(state, kLongestName), found->state));
  }
  return AcceptedDrift{.name = found->name, .state = found->state, .who = {}, .why = {}};
}

}  // namespace

void ControlServer::show_drift(const Call& call) {
  const std::vector<DriftFinding> findings = deps_.drift.look(deps_.loop.snapshot());
  Json body = drift_json(findings, deps_.recorded.snapshot().adoptions, deps_.wall.now());
  body["applying"] = deps_.loop.is_busy();
  answer(call, body);
}

Result<Json> ControlServer::about_finding(const Call& call) {
  VC_TRY(Json body, parse_body(call.request.body));
  VC_TRY(require_string(body, "name"));
  VC_TRY(check_words(body));
  return body;
}

void ControlServer::adopt_drift(const Call& call) {
  const Result<Json> body = about_finding(call);
  if (body.has_error()) {
    refuse(call, body.error());
    return;
  }
  const std::string name = string_or(*body, "name", "");
  Result<AcceptedDrift> adoption =
      adoption_of(deps_.drift.look(deps_.loop.snapshot()), name, string_or(*body, "state", ""));
  if (adoption.has_value()) {
    adoption->who = string_or(*body, "who", "unknown");
    adoption->why = string_or(*body, "why", "");
    adoption->at = deps_.wall.now();
  }
  if (adoption.has_error() || adoption->why.empty()) {
    refuse(call, adoption.has_error()
                     ? adoption.error()
                     : Error(ErrorCode::kInvalidArgument, "cannot adopt it: 'why' must be said"));
    return;
  }
  record_adoption(call, *body, RecordAdoption{adoption->name, *adoption});
}

void ControlServer::give_up_drift(const Call& call) {
  const Result<Json> body = about_finding(call);
  if (body.has_error()) {
    refuse(call, body.error());
    return;
  }
  const std::string name = string_or(*body, "name", "");
  if (!deps_.recorded.snapshot().adoptions.contains(name)) {
    refuse(call, Error(ErrorCode::kNotFound,
                       fmt::format("cannot give up '{}': it was not adopted; see 'voicectl drift'",
                                   one_line(name, kLongestName))));
    return;
  }
  record_adoption(call, *body, RecordAdoption{name, std::nullopt});
}

void ControlServer::record_adoption(const Call& call,
                                    const Json& body,
                                    const RecordAdoption& action) {
  const Result<LockedRun> run = begin_run(body, "adopt " + action.name);
  if (run.has_error()) {
    refuse(call, run.error());
    return;
  }
  const std::string who = string_or(body, "who", "unknown");
  const auto recorded = [this, call, action, who, run = *run](const Status& noted) {
    abandon(run);  // nothing goes on
    if (noted.has_error()) {
      refuse(call, noted.error());
      return;
    }
    const Json detail = {{"name", action.name},
                         {"who", who},
                         {"reason", action.adoption ? action.adoption->why : ""},
                         {"state", action.adoption ? action.adoption->state : ""}};
    if (action.adoption) {
      deps_.events.add("drift.adopted", action.name, dump_json(detail));
    } else {
      deps_.events.add("drift.given_up", action.name, dump_json(detail));
    }
    Json told = {{"name", action.name},
                 {"adopted", action.adoption.has_value()},
                 {"recorded", !deps_.loop.has_unrecorded()}};
    if (action.adoption) {
      told["state"] = action.adoption->state;
    }
    answer(call, told);
  };
  const Status begun = deps_.loop.run_single(action, "asked by " + who, recorded);
  if (begun.has_error()) {
    abandon(*run);
    refuse(call, begun.error());
  }
}

}  // namespace voicectl
