// SPDX-License-Identifier: Apache-2.0
#include "provisioner/api/control_protocol.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl::api {
namespace {

constexpr std::array<std::string_view, 5> kStates = {"running", "done", "failed", "skipped",
                                                     "undone"};

std::size_t size_or_zero(const Json& object, std::string_view key) {
  return static_cast<std::size_t>(std::max<std::int64_t>(0, integer_or(object, key, 0)));
}

std::optional<StepState> state_named(std::string_view name) {
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    if (kStates.at(i) == name) {
      return static_cast<StepState>(i);
    }
  }
  return std::nullopt;
}

Json render_move(const MoveProgress& move) {
  return {
      {"phase", move.phase},     {"percent", move.percent},       {"connections", move.connections},
      {"copied", move.copied},   {"websockets", move.websockets}, {"refused", move.refused},
      {"dropped", move.dropped}, {"pause_us", move.pause_us},     {"wait_us", move.wait_us},
      {"took_us", move.took_us}};
}

MoveProgress read_move(const Json& object) {
  return {string_or(object, "phase", ""),
          static_cast<int>(std::min<std::size_t>(size_or_zero(object, "percent"), 100)),
          size_or_zero(object, "connections"),
          size_or_zero(object, "copied"),
          size_or_zero(object, "websockets"),
          size_or_zero(object, "refused"),
          size_or_zero(object, "dropped"),
          integer_or(object, "pause_us", 0),
          integer_or(object, "wait_us", 0),
          integer_or(object, "took_us", 0)};
}

std::vector<Compared> read_compared(const Json& object) {
  std::vector<Compared> out;
  const Json list = object.value("compared", Json::array());
  for (const Json& each : list.is_array() ? list : Json::array()) {
    out.push_back(Compared{string_or(each, "quantity", ""), integer_or(each, "forecast", 0),
                           integer_or(each, "outcome", 0)});
  }
  return out;
}

Json render_rollout(const RolloutOutcome& rollout) {
  Json failed = Json::array();
  for (const auto& [tenant, error] : rollout.failed) {
    failed.push_back({{"tenant", tenant}, {"error", error}});
  }
  return {{"batches", rollout.batches},
          {"batches_done", rollout.batches_done},
          {"stopped", rollout.stopped.empty() ? Json(nullptr) : Json(rollout.stopped)},
          {"failed", std::move(failed)},
          {"held", rollout.held}};
}

std::optional<RolloutOutcome> read_rollout(const Json& object) {
  const auto rollout = object.find("rollout");
  if (rollout == object.end() || !rollout->is_object()) {
    return std::nullopt;
  }
  RolloutOutcome out{size_or_zero(*rollout, "batches"), size_or_zero(*rollout, "batches_done"),
                     string_or(*rollout, "stopped", "")};
  const Json failed = rollout->value("failed", Json::array());
  for (const Json& each : failed.is_array() ? failed : Json::array()) {
    out.failed.emplace_back(string_or(each, "tenant", ""), string_or(each, "error", ""));
  }
  const Json held = rollout->value("held", Json::array());
  for (const Json& each : held.is_array() ? held : Json::array()) {
    out.held.push_back(each.is_string() ? each.get<std::string>() : "");
  }
  return out;
}

}  // namespace

std::string_view name_of(StepState state) {
  return kStates.at(static_cast<std::size_t>(state));
}

std::string render_started(const std::string& plan_id, std::size_t steps) {
  return dump_json({{"type", "started"}, {"plan_id", plan_id}, {"steps", steps}});
}

std::string render_step(const StepProgress& progress) {
  Json line = {{"type", "step"},
               {"number", progress.number},
               {"state", name_of(progress.state)},
               {"kind", progress.kind},
               {"subject", progress.subject},
               {"text", progress.text},
               {"took_ms", progress.took_ms}};
  if (!progress.error.empty()) {
    line["error"] = progress.error;
  }
  if (!progress.note.empty()) {
    line["note"] = progress.note;
  }
  if (progress.move) {
    line["move"] = render_move(*progress.move);
  }
  return dump_json(line);
}

std::string render_finished(const ApplyOutcome& outcome) {
  Json compared = Json::array();
  for (const Compared& each : outcome.compared) {
    compared.push_back(
        {{"quantity", each.quantity}, {"forecast", each.forecast}, {"outcome", each.outcome}});
  }
  Json line = {{"type", "finished"},
               {"done", outcome.done},
               {"failed", outcome.failed},
               {"skipped", outcome.skipped},
               {"undone", outcome.undone},
               {"remedy", outcome.remedy},
               {"compared", std::move(compared)}};
  if (outcome.rollout) {
    line["rollout"] = render_rollout(*outcome.rollout);
  }
  if (outcome.hooks_failed > 0) {
    line["hooks_failed"] = outcome.hooks_failed;
  }
  return dump_json(line);
}

Result<ApplyLine> parse_apply_line(std::string_view line) {
  VC_TRY(const Json object, parse_json(line));
  const std::string type = object.is_object() ? string_or(object, "type", "") : "";
  ApplyLine out;
  if (type == "started") {
    out.started_steps = size_or_zero(object, "steps");
    return out;
  }
  if (type == "finished") {
    out.finished = ApplyOutcome{size_or_zero(object, "done"),
                                size_or_zero(object, "failed"),
                                size_or_zero(object, "skipped"),
                                size_or_zero(object, "undone"),
                                string_or(object, "remedy", ""),
                                read_compared(object),
                                read_rollout(object),
                                size_or_zero(object, "hooks_failed")};
    return out;
  }
  const std::optional<StepState> state = state_named(string_or(object, "state", ""));
  if (type != "step" || !state) {
    return Error(ErrorCode::kCorrupt, "cannot read the daemon's progress: unknown line");
  }
  out.step = StepProgress{size_or_zero(object, "number"), *state,
                          string_or(object, "kind", ""),  string_or(object, "subject", ""),
                          string_or(object, "text", ""),  integer_or(object, "took_ms", 0),
                          string_or(object, "error", ""), string_or(object, "note", "")};
  if (const auto move = object.find("move"); move != object.end() && move->is_object()) {
    out.step->move = read_move(*move);
  }
  return out;
}

int http_status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return 400;
    case ErrorCode::kPermissionDenied:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kConflict:
    case ErrorCode::kFenced:
      return 409;
    case ErrorCode::kResourceExhausted:
      return 507;
    case ErrorCode::kUnavailable:
    case ErrorCode::kCancelled:
      return 503;
    case ErrorCode::kTimeout:
      return 504;
    case ErrorCode::kCorrupt:
    case ErrorCode::kInternal:
      return 500;
  }
  return 500;
}

}  // namespace voicectl::api
