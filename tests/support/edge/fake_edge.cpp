// SPDX-License-Identifier: Apache-2.0
#include "tests/support/edge/fake_edge.h"

#include <algorithm>
#include <utility>

namespace voicectl {

std::optional<std::string> FakeEdgeState::socket_of(const TenantId& tenant) const {
  if (served && served->mode == EdgeMode::kStatic) {
    const bool is_known = std::any_of(served->tenants.begin(), served->tenants.end(),
                                      [&](const EdgeTenant& one) { return one.tenant == tenant; });
    return is_known ? std::optional(served->folders.run + "/tenants/" + tenant.str() + ".sock")
                    : std::nullopt;
  }
  const auto published = sockets.find(tenant);
  return published == sockets.end() ? std::nullopt : std::optional(published->second);
}

FakeEdgeProxy::FakeEdgeProxy(FakeEdgeState& state, Reactor& reactor, OnEvent on_event)
    : state_(state), reactor_(reactor), on_event_(std::move(on_event)) {}

void FakeEdgeProxy::configure(const EdgeConfig& config, Completion<EdgeOutcome> done) {
  if (is_busy_) {
    const Error busy(ErrorCode::kConflict, "cannot configure the edge: it is being configured");
    reactor_.post([done, busy] { done(busy); });
    return;
  }
  const Result<std::string> fingerprint = edge_fingerprint(config);
  std::optional<Error> refused = std::exchange(state_.refuse_next, std::nullopt);
  if (fingerprint.has_error()) {
    refused = fingerprint.error();
  }
  if (refused) {
    reactor_.post([done, refused] { done(*refused); });
    return;
  }
  is_busy_ = true;
  if (state_.lag == Duration::zero()) {
    serve(config, done);
  } else {
    reactor_.call_after(state_.lag, [this, config, done] { serve(config, done); });
  }
}

void FakeEdgeProxy::serve(const EdgeConfig& config, const Completion<EdgeOutcome>& done) {
  EdgeOutcome outcome = EdgeOutcome::kStarted;
  if (state_.served) {
    outcome = *state_.served == config ? EdgeOutcome::kUnchanged : EdgeOutcome::kReloaded;
  }
  reloads_ += outcome == EdgeOutcome::kReloaded ? 1U : 0U;
  state_.reloads += outcome == EdgeOutcome::kReloaded ? 1U : 0U;
  state_.starts += outcome == EdgeOutcome::kStarted ? 1 : 0;
  state_.served = config;
  reactor_.post([this, done, outcome] {
    is_busy_ = false;
    done(outcome);
  });
}

Status FakeEdgeProxy::check_host(const TenantId& tenant, const HostName& host) const {
  const bool below = state_.served && host.str().ends_with("." + state_.served->domain.str());
  if (below && host.str() != tenant.str() + "." + state_.served->domain.str()) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot route '" + host.str() + "': it is another tenant's");
  }
  const auto owner = state_.routes.find(host);
  if (owner != state_.routes.end() && owner->second != tenant) {
    return Error(ErrorCode::kAlreadyExists,
                 "cannot route '" + host.str() + "': it belongs to '" + owner->second.str() + "'");
  }
  return ok_status();
}

Status FakeEdgeProxy::publish_route(const TenantId& tenant,
                                    const std::vector<HostName>& hosts,
                                    const std::string& socket_path) {
  std::string names;
  for (const HostName& host : hosts) {
    VC_TRY(check_host(tenant, host));
    names += " " + host.str();
  }
  std::erase_if(state_.routes, [&](const auto& route) { return route.second == tenant; });
  for (const HostName& host : hosts) {
    state_.routes.insert_or_assign(host, tenant);
  }
  state_.sockets.insert_or_assign(tenant, socket_path);
  state_.history.push_back("publish " + tenant.str() + names);
  return ok_status();
}

Status FakeEdgeProxy::withdraw_route(const TenantId& tenant) {
  std::erase_if(state_.routes, [&](const auto& route) { return route.second == tenant; });
  state_.sockets.erase(tenant);
  state_.history.push_back("withdraw " + tenant.str());
  return ok_status();
}

EdgeObservation FakeEdgeProxy::observe() const {
  EdgeObservation seen;
  seen.running = state_.served.has_value();
  if (seen.running) {
    seen.process = ProcessIdentity{4000 + state_.starts, 1, "fake-boot"};
    seen.fingerprint = edge_fingerprint(*state_.served).value();
  }
  seen.reloads = reloads_;
  seen.deaths = deaths_;
  return seen;
}

void FakeEdgeProxy::stop(Completion<void> done) {
  state_.served.reset();
  reactor_.post([done = std::move(done)] { done(ok_status()); });
}

void FakeEdgeProxy::die() {
  ++deaths_;
  ++state_.starts;
  if (on_event_) {
    on_event_({EdgeEvent::Kind::kDied, "told so"});
    on_event_({EdgeEvent::Kind::kRestarted, "told so"});
  }
}

}  // namespace voicectl
