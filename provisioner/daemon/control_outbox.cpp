// SPDX-License-Identifier: Apache-2.0
// Routes of the control API about what tenants still owe to other systems: the instances know it.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/instance_reply.h"
#include "provisioner/daemon/outbox_gathering.h"
#include "provisioner/daemon/query.h"
#include "runtime/control/protocol.h"

namespace voicectl {
namespace {

constexpr Duration kOutboxDeadline = std::chrono::seconds(5);
constexpr std::int64_t kMostEntries = 200;

}  // namespace

void ControlServer::list_outbox(const Call& call) {
  const std::string wanted = query_or(call.request, "tenant", "");
  const std::string state = query_or(call.request, "state", "");
  if (!state.empty() && state != "pending" && state != "dead") {
    refuse(call, Error(ErrorCode::kInvalidArgument,
                       fmt::format("cannot list the outbox: '{}' is no state; use pending or dead",
                                   state)));
    return;
  }
  if (const Status known = require_known(wanted); known.has_error()) {
    refuse(call, known.error());
    return;
  }
  const std::int64_t limit = std::clamp<std::int64_t>(
      whole_number(query_or(call.request, "limit", "")).value_or(50), 1, kMostEntries);
  const Json question = {{"state", state},
                         {"limit", limit},
                         {"after", whole_number(query_or(call.request, "after", "")).value_or(0)}};
  std::vector<OutboxAsked> tenants;
  for (const auto& [tenant, recorded] : deps_.recorded.snapshot().tenants) {
    if (recorded.placement && (wanted.empty() || tenant.str() == wanted)) {
      tenants.push_back({tenant, *recorded.placement});
    }
  }
  const auto ask = [this, question](const OutboxAsked& asked, Completion<std::string> answered) {
    Json of_tenant = question;
    of_tenant["tenant"] = asked.tenant.str();
    deps_.instances.request(asked.instance, control::request::kListOutbox, dump_json(of_tenant),
                            kOutboxDeadline, std::move(answered));
  };
  gather_outboxes(std::move(tenants), static_cast<std::size_t>(limit), ask,
                  [this, call](const Json& body) { answer(call, body); });
}

void ControlServer::ask_about_outbox(const Call& call, std::string_view type) {
  const Result<TenantId> tenant = TenantId::parse(call.captures[0]);
  const RecordedTenant* const recorded =
      tenant.has_value() ? deps_.recorded.find_tenant(*tenant) : nullptr;
  if (recorded == nullptr || !recorded->placement) {
    refuse(call, Error(ErrorCode::kNotFound,
                       fmt::format("cannot find the outbox of '{}': no instance serves that tenant",
                                   call.captures[0].substr(0, 80))));
    return;
  }
  Json question = {{"tenant", tenant->str()}};
  if (call.captures.size() > 1) {
    const std::optional<std::int64_t> entry = whole_number(call.captures[1]);
    if (!entry) {
      refuse(call, Error(ErrorCode::kInvalidArgument,
                         "cannot find an outbox entry: it is named by its number"));
      return;
    }
    question["entry"] = *entry;
  }
  deps_.instances.request(
      *recorded->placement, type, dump_json(question), kOutboxDeadline,
      [this, call, instance = *recorded->placement](const Result<std::string>& reply) {
        pass_on(call, instance, reply);
      });
}

void ControlServer::show_outbox(const Call& call) {
  ask_about_outbox(call, control::request::kShowOutbox);
}

void ControlServer::retry_outbox(const Call& call) {
  ask_about_outbox(call, control::request::kRetryOutbox);
}

void ControlServer::drop_outbox(const Call& call) {
  ask_about_outbox(call, control::request::kDropOutbox);
}

}  // namespace voicectl
