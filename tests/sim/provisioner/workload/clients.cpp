// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/provisioner/workload/clients.h"

#include <fmt/core.h>

namespace voicectl {
namespace {

constexpr std::size_t kMostSessions = 5;

}  // namespace

void Clients::act(const DesiredState& desired) {
  for (const TenantSpec& spec : desired.tenants) {
    Client* const client = client_of(spec.tenant);
    if (client == nullptr) {
      continue;
    }
    Session& session = choose(*client);
    const bool only_looks = session.acknowledged > 0 && one_of(3);
    const std::uint64_t number = session.acknowledged + (only_looks ? 0 : 1);
    session.asked = std::max(session.asked, number);
    const std::optional<std::uint64_t> events = ask(spec.tenant, session, number);
    if (!events) {
      continue;
    }
    judge(spec.tenant, session, *events);
    if (!one_of(8)) {  // else the answer does not arrive
      acknowledged_ += *events > session.acknowledged ? *events - session.acknowledged : 0;
      session.acknowledged = *events;
    }
  }
}

void Clients::see_deletion(const TenantId& tenant) {
  const auto& recorded = machine_.registry->recorded.tenants;
  if (const auto record = recorded.find(tenant); record != recorded.end()) {
    condemned_.insert_or_assign(tenant, record->second.created_at);
  }
  clients_.erase(tenant);
}

void Clients::judge_rest(const DesiredState& desired) {
  for (const TenantSpec& spec : desired.tenants) {
    const Client* const client = client_of(spec.tenant);
    for (const Session& session : client == nullptr ? std::vector<Session>() : client->sessions) {
      const std::optional<std::uint64_t> events = ask(spec.tenant, session, session.acknowledged);
      if (!events) {
        return break_law(fmt::format("nobody answers a client of {}", spec.tenant.str()));
      }
      judge(spec.tenant, session, *events);
    }
  }
}

Clients::Client* Clients::client_of(const TenantId& tenant) {
  const auto& recorded = machine_.registry->recorded.tenants;
  const auto record = recorded.find(tenant);
  if (record == recorded.end() || record->second.phase != TenantPhase::kServing) {
    return nullptr;
  }
  const WallTime since = record->second.created_at;
  const auto condemned = condemned_.find(tenant);
  if (condemned != condemned_.end() && condemned->second == since) {
    return nullptr;
  }
  Client& client = clients_[tenant];
  if (client.tenant_since != since) {
    client = Client{since, {}};
  }
  return &client;
}

Clients::Session& Clients::choose(Client& client) {
  if (client.sessions.empty() || (client.sessions.size() < kMostSessions && one_of(8))) {
    client.sessions.push_back({fmt::format("s{}", ++begun_)});
    return client.sessions.back();
  }
  return client.sessions[random_.below(client.sessions.size())];
}

std::optional<std::uint64_t> Clients::ask(const TenantId& tenant,
                                          const Session& session,
                                          std::uint64_t number) {
  const std::optional<std::string> socket = machine_.edge.socket_of(tenant);
  if (!socket) {
    return std::nullopt;
  }
  const Result<std::uint64_t> events =
      machine_.instances.call(tenant, *socket, session.name, number);
  return events.has_value() ? std::optional(*events) : std::nullopt;
}

void Clients::judge(const TenantId& tenant, const Session& session, std::uint64_t events) {
  if (events < session.acknowledged || events > session.asked) {
    break_law(fmt::format("session {} of {} has {} events; {} were acknowledged, {} asked for",
                          session.name, tenant.str(), events, session.acknowledged, session.asked));
  }
}

void Clients::break_law(const std::string& what) {
  if (!broken_) {
    broken_ = Broken{"acknowledged", what};
  }
}

}  // namespace voicectl
