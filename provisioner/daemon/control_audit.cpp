// SPDX-License-Identifier: Apache-2.0
// Who asked the control API for a change, and the route that shows it.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "provisioner/daemon/audited_responder.h"
#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/query.h"

namespace voicectl {
namespace {

constexpr JsonBudget kRequestBudget{.bytes = 64U << 20, .depth = 8, .nodes = 10'000};
constexpr std::size_t kRecordsAtOnce = 10'000;
constexpr std::size_t kLongestDetail = 500;

/// Members of a request that say what was asked for. None of them can hold a document or a secret.
constexpr std::array kTold = {"why",       "plan_id",         "base_generation", "base_revision",
                              "scope",     "expires_in",      "overlap",         "to",
                              "max_moves", "runtime",         "canary",          "rollback",
                              "watch_s",   "allow_drops",     "holder",          "name",
                              "owner",     "force_conflicts", "stays_away"};

std::string subject_of(const HttpRequest& request, const std::vector<std::string>& captures) {
  if (captures.empty()) {
    return "platform";
  }
  // "/v1/tenants/*/keys/*" is about the tenant, "/v1/sessions/*" about the session.
  static const std::map<std::string, std::string> kKinds = {{"tenants", "tenant"},
                                                            {"retired", "tenant"},
                                                            {"instances", "instance"},
                                                            {"sessions", "session"},
                                                            {"outbox", "tenant"}};
  const std::string_view path = std::string_view(request.path).substr(1);
  const std::string_view rest = path.substr(std::min(path.find('/') + 1, path.size()));
  const auto kind = kKinds.find(std::string(rest.substr(0, rest.find('/'))));
  return (kind == kKinds.end() ? "platform" : kind->second + "/" + one_line(captures[0], 100));
}

/// Names of the tenants that are to move, as many as a person reads; empty if there are none.
std::string moving_tenants(const Json& body) {
  const auto moves = body.find("moves");
  std::string out;
  if (moves == body.end() || !moves->is_array()) {
    return out;
  }
  for (const Json& move : *moves) {
    out += (out.empty() ? "" : ",") + string_or(move, "tenant", "?");
  }
  return one_line(std::move(out), kLongestDetail);
}

Json detail_of(const Json& body, const std::vector<std::string>& captures) {
  Json out = Json::object();
  for (const char* const key : kTold) {
    if (const auto found = body.find(key); found != body.end() && !found->is_structured()) {
      out[key] =
          found->is_string() ? Json(one_line(found->get<std::string>(), kLongestDetail)) : *found;
    }
  }
  if (std::string tenants = moving_tenants(body); !tenants.empty()) {
    out["tenants"] = std::move(tenants);
  }
  if (captures.size() > 1) {
    out["id"] = one_line(captures[1], 100);
  }
  return out;
}

Json show_record(const AuditRecord& record) {
  const Result<Json> detail = parse_json(record.detail);
  return {{"number", record.number},
          {"at", format_wall_time(record.at)},
          {"uid", record.uid},
          {"pid", record.pid},
          {"from", record.from},
          {"who", record.who},
          {"what", record.what},
          {"subject", record.subject},
          {"detail", detail.has_value() ? *detail : Json::object()},
          {"result", record.result.empty() ? "unfinished" : record.result},
          {"message", record.message}};
}

Result<std::optional<std::int64_t>> query_whole(const HttpRequest& request,
                                                const std::string& key) {
  const std::string text = query_or(request, key, "");
  const std::optional<std::int64_t> number = whole_number(text);
  if (!number && !text.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot read '{}': it must be a whole number", key));
  }
  return number;
}

/// Times come as milliseconds since 1970.
Result<AuditFilter> filter_in(const HttpRequest& request) {
  AuditFilter filter;
  VC_TRY(const std::optional<std::int64_t> since, query_whole(request, "since_ms"));
  VC_TRY(const std::optional<std::int64_t> until, query_whole(request, "until_ms"));
  VC_TRY(const std::optional<std::int64_t> before, query_whole(request, "before"));
  VC_TRY(const std::optional<std::int64_t> limit, query_whole(request, "limit"));
  if (since) {
    filter.since = WallTime{std::chrono::milliseconds(*since)};
  }
  if (until) {
    filter.until = WallTime{std::chrono::milliseconds(*until)};
  }
  filter.before = before.value_or(filter.before);
  filter.limit = std::min(static_cast<std::size_t>(limit.value_or(100)), kRecordsAtOnce);
  filter.subject = query_or(request, "subject", "");
  return filter;
}

}  // namespace

void ControlServer::serve_audited(const Route& route, Call call) {
  const Result<Json> parsed = parse_json(call.request.body, kRequestBudget);
  const Json body = parsed.has_value() && parsed->is_object() ? *parsed : Json::object();
  if (route.has_dry_run == DryRun::kYes && flag_in(body, "dry_run")) {
    (this->*route.serve)(call);
    return;
  }
  AuditRecord record{
      .at = deps_.wall.now(),
      .uid = call.request.peer ? call.request.peer->uid : 0,
      .pid = call.request.peer ? call.request.peer->pid : 0,
      .from = one_line(std::string(call.request.header("x-voicectl-from").value_or("")), 200),
      .who = one_line(string_or(body, "who", ""), 100),
      .what = std::string(route.what),
      .subject = subject_of(call.request, call.captures),
      .detail = dump_json(detail_of(body, call.captures))};
  if (route.what == "stop") {
    serve_before_audit(route, std::move(call), std::move(record));
    return;
  }
  const auto serve = route.serve;
  deps_.registry.run<std::int64_t>(
      [record](Registry& registry) { return registry.append_audit(record); },
      [this, serve, call = std::move(call)](const Result<std::int64_t>& number) mutable {
        if (number.has_error()) {
          refuse(call, number.error().with_context("writing the audit log"));
          return;
        }
        call.responder = tell_outcome(std::move(call.responder),
                                      [this, number = *number](const CallOutcome& outcome) {
                                        close_audit(number, outcome.result, outcome.message);
                                      });
        (this->*serve)(call);
      });
}

/// What has to end everything must not hang on a disk: neither one that fails nor one that does not
/// answer. It is written down behind its back.
void ControlServer::serve_before_audit(const Route& route, Call call, AuditRecord record) {
  struct Late {
    std::optional<std::int64_t> number;
    std::optional<CallOutcome> outcome;
  };
  const auto late = std::make_shared<Late>();
  const auto close = [this, late] {
    if (late->number && late->outcome) {
      close_audit(*late->number, late->outcome->result, late->outcome->message);
    }
  };
  deps_.registry.run<std::int64_t>(
      [record = std::move(record)](Registry& registry) { return registry.append_audit(record); },
      [late, close](const Result<std::int64_t>& number) {
        if (number.has_value()) {
          late->number = *number;
          close();
        }
      });
  call.responder =
      tell_outcome(std::move(call.responder), [late, close](const CallOutcome& outcome) {
        late->outcome = outcome;
        close();
      });
  (this->*route.serve)(call);
}

void ControlServer::close_audit(std::int64_t number,
                                const std::string& result,
                                const std::string& message) {
  deps_.registry.run<void>(
      [number, result, message = one_line(message, kLongestDetail)](Registry& registry) {
        return registry.close_audit(number, result, message);
      },
      // It stays "unfinished"; what it was about was answered.
      [](const Status&) {});
}

void ControlServer::list_audit(const Call& call) {
  const Result<AuditFilter> filter = filter_in(call.request);
  if (filter.has_error()) {
    refuse(call, filter.error());
    return;
  }
  deps_.registry.run<std::vector<AuditRecord>>(
      [filter = *filter](Registry& registry) { return registry.read_audit(filter); },
      [this, call](const Result<std::vector<AuditRecord>>& records) {
        if (records.has_error()) {
          refuse(call, records.error());
          return;
        }
        Json list = Json::array();
        for (const AuditRecord& record : *records) {
          list.push_back(show_record(record));
        }
        answer(call, {{"records", std::move(list)}});
      });
}

}  // namespace voicectl
