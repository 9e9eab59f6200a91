// SPDX-License-Identifier: Apache-2.0
// Routes of the control API about sessions: the instances know them, so they are asked.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/daemon/control_server.h"
#include "provisioner/daemon/instance_reply.h"
#include "provisioner/daemon/merged_sessions.h"
#include "runtime/control/protocol.h"

namespace voicectl {
namespace {

constexpr Duration kSessionDeadline = std::chrono::seconds(5);
constexpr std::int64_t kMostSessions = 200;

struct Gathering {
  MergedSessions page;
  std::size_t waiting = 0;
};

}  // namespace

void ControlServer::list_sessions(const Call& call) {
  const auto wanted = call.request.query.find("tenant");
  const auto limit_text = call.request.query.find("limit");
  std::int64_t limit = 50;
  if (limit_text != call.request.query.end()) {
    limit = std::clamp<std::int64_t>(std::atoll(limit_text->second.c_str()), 1, kMostSessions);
  }
  if (wanted != call.request.query.end()) {
    if (const Status known = require_known(wanted->second); known.has_error()) {
      refuse(call, known.error());
      return;
    }
  }
  auto gathering =
      std::make_shared<Gathering>(Gathering{MergedSessions(static_cast<std::size_t>(limit))});
  const auto finish = [this, call, gathering] {
    const Result<Json> page = gathering->page.take();
    if (page.has_error()) {
      refuse(call, page.error());
    } else {
      answer(call, *page);
    }
  };
  Json question = {{"limit", limit}};
  if (wanted != call.request.query.end()) {
    question["tenant"] = wanted->second;
  }
  for (const char* bound : {"status", "after", "created_after", "created_before"}) {
    if (const auto given = call.request.query.find(bound); given != call.request.query.end()) {
      question[bound] = given->second;
    }
  }
  for (const InstanceView& view : deps_.instances.observe()) {
    const bool is_asked =
        wanted == call.request.query.end() ||
        std::any_of(view.tenants.begin(), view.tenants.end(),
                    [&](const auto& lent) { return lent.first.str() == wanted->second; });
    if (!is_asked) {
      continue;
    }
    ++gathering->waiting;
    deps_.instances.request(
        view.instance, control::request::kListSessions, dump_json(question), kSessionDeadline,
        [gathering, finish, instance = view.instance](const Result<std::string>& reply) {
          gathering->page.add(read_reply(instance, reply));
          if (--gathering->waiting == 0) {
            finish();
          }
        });
  }
  if (gathering->waiting == 0) {
    finish();
  }
}

void ControlServer::ask_about_session(const Call& call, std::string_view type) {
  const Result<SessionId> session = SessionId::parse(call.captures[0]);
  if (session.has_error()) {
    refuse(call, session.error());
    return;
  }
  // The name of a session begins with its tenant's.
  const Result<TenantId> tenant =
      TenantId::parse(session->str().substr(0, session->str().find('_')));
  const RecordedTenant* const recorded =
      tenant.has_value() ? deps_.recorded.find_tenant(*tenant) : nullptr;
  if (recorded == nullptr || !recorded->placement) {
    refuse(call, Error(ErrorCode::kNotFound,
                       fmt::format("cannot find session '{}': no instance serves its tenant",
                                   session->str())));
    return;
  }
  const Json question = {{"session", session->str()}, {"reason", "ended by the operator"}};
  deps_.instances.request(
      *recorded->placement, type, dump_json(question), kSessionDeadline,
      [this, call, instance = *recorded->placement](const Result<std::string>& reply) {
        pass_on(call, instance, reply);
      });
}

void ControlServer::show_session(const Call& call) {
  ask_about_session(call, control::request::kShowSession);
}

void ControlServer::end_session(const Call& call) {
  ask_about_session(call, control::request::kEndSession);
}

}  // namespace voicectl
