// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/service/service.h"

/// Tenants that go to another instance, or come from one, with their connections open.
namespace voicectl::runtime {
namespace {

/// Unix listener, TCP listener, one end of the pair.
constexpr std::size_t kReceiveDescriptors = 3;

}  // namespace

void Service::cancel_hand_overs(const Error& why) {
  for (const auto& [tenant, place] : places_) {
    if (place->giving) {
      place->giving->cancel(why);
    }
    if (place->getting) {
      place->getting->cancel(why);
    }
  }
}

void Service::hand_over(const ControlRequest& request, UniqueFd peer) {
  const Result<handoff::HandOverOrder> order = handoff::parse_hand_over_order(request.body());
  if (order.has_error()) {
    request.refuse(order.error());
    return;
  }
  const auto found = places_.find(order->tenant);
  Status possible = ok_status();
  if (found == places_.end()) {
    possible = Error(
        ErrorCode::kNotFound,
        fmt::format("cannot hand tenant '{}' over: it is not served here", order->tenant.str()));
  } else if (found->second->state != Place::State::kServing || !on_stopped_.empty()) {
    possible = Error(ErrorCode::kUnavailable,
                     fmt::format("cannot hand tenant '{}' over: it is changing; try again",
                                 order->tenant.str()));
  } else if (!peer.is_open()) {
    possible = Error(ErrorCode::kInvalidArgument,
                     fmt::format("cannot hand tenant '{}' over: one socket must come with it",
                                 order->tenant.str()));
  } else {
    possible = tokens_.admit(order->tenant, order->token);
  }
  if (possible.has_error()) {
    request.refuse(possible.error());
    return;
  }
  if (!found->second->host->load().writable) {
    // The other one could not open the store either, and this one may soon.
    handoff::HandOverReport report;
    report.why =
        Error(ErrorCode::kUnavailable,
              fmt::format("cannot hand tenant '{}' over: its store takes no writes at present",
                          order->tenant.str()));
    request.answer(control::reply::kOk, handoff::encode(report));
    return;
  }
  begin_hand_over(request, *order, std::move(peer));
}

void Service::begin_hand_over(const ControlRequest& request,
                              const handoff::HandOverOrder& order,
                              UniqueFd peer) {
  Place& place = *places_.at(order.tenant);
  place.state = Place::State::kHandingOver;
  place.recovery.reset();
  place.giving = std::make_unique<handoff::HandoffSource>(
      deps_.reactor, *place.host, channels_.adopt(std::move(peer)), order, handoff::HandoffTimes{},
      [this, request, tenant = order.tenant](const handoff::HandOverReport& report) {
        finish_hand_over(request, tenant, report);
      });
  place.giving->when_further([request](const handoff::HandOverProgress& progress) {
    request.answer(control::reply::kProgress, handoff::encode(progress));
  });
  place.giving->start();
}

void Service::finish_hand_over(const ControlRequest& request,
                               const TenantId& tenant,
                               const handoff::HandOverReport& report) {
  Place& place = *places_.at(tenant);
  hand_overs_.note_given(report);
  // Its own callback runs this.
  deps_.reactor.post([over = std::shared_ptr(std::move(place.giving))] {});
  // The token of the way back is above what was met before; that of the other one was met already.
  (void)tokens_.admit(tenant, report.token);
  const std::vector<ControlRequest> reclaims = place.reclaims;
  if (report.is_handed_over) {
    log_.info("tenant.handed_over", {{"tenant", tenant},
                                     {"token", report.token.value},
                                     {"connections", report.connections},
                                     {"dropped", report.dropped},
                                     {"pause", Duration(report.pause)},
                                     {"wait", Duration(report.wait)},
                                     {"took", Duration(report.took)}});
    let_go(tenant, std::move(place.host));
    places_.erase(tenant);
    tokens_.release(tenant);
  } else {
    log_.warn("tenant.kept", {{"tenant", tenant},
                              {"token", report.token.value},
                              {"error", report.why},
                              {"reason", "it is served here as before"}});
    place.state = Place::State::kServing;
    close_if_asked(tenant, place);
  }
  request.answer(control::reply::kOk, handoff::encode(report));
  if (report.is_handed_over) {
    for (const ControlRequest& waiting : reclaims) {
      waiting.answer(control::reply::kOk);
    }
  }
  answer_regains();
  finish_stop();
}

void Service::let_go(const TenantId& tenant, std::unique_ptr<TenantHost> host) {
  const std::uint64_t number = ++last_leaving_;
  TenantHost& leaving = *(leaving_[number] = std::move(host));
  leaving.leave([this, number, tenant] {
    // The host's own callback runs this: it must outlive the turn.
    deps_.reactor.post([this, number, tenant] {
      leaving_.erase(number);
      log_.debug("tenant.left", {{"tenant", tenant}});
      finish_stop();
    });
  });
}

void Service::receive(const ControlRequest& request,
                      const Json& body,
                      std::vector<UniqueFd> descriptors) {
  const Result<std::string> name = require_string(body, "tenant");
  const Result<TenantId> tenant =
      name.has_value() ? TenantId::parse(*name) : Result<TenantId>(name.error());
  if (tenant.has_error()) {
    request.refuse(tenant.error());
    return;
  }
  const FencingToken token{
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer_or(body, "token", 0)))};
  if (descriptors.size() != kReceiveDescriptors || places_.contains(*tenant) ||
      !on_stopped_.empty()) {
    request.refuse(Error(ErrorCode::kUnavailable,
                         fmt::format("cannot receive tenant '{}': it is here already, or this "
                                     "instance is stopping",
                                     tenant->str())));
    return;
  }
  if (const Status is_newest = tokens_.admit(*tenant, token); is_newest.has_error()) {
    request.refuse(is_newest.error());
    return;
  }
  TenantLease lease{token, string_or(body, "config", ""), string_or(body, "data", ""),
                    std::move(descriptors[0]), std::move(descriptors[1])};
  Result<std::unique_ptr<TenantHost>> host =
      TenantHost::prepare(deps_, offload_for(*tenant), std::move(lease), notice_for(*tenant));
  if (host.has_error()) {
    request.refuse(host.error());
    return;
  }
  auto place = std::make_unique<Place>();
  place->state = Place::State::kReceiving;
  place->getting = std::make_unique<handoff::HandoffTarget>(
      deps_.reactor, std::move(*host), channels_.adopt(std::move(descriptors[2])),
      handoff::HandoffTimes{},
      [this, request, id = *tenant](Result<handoff::HandoffTarget::Taken> outcome) {
        finish_receive(request, id, std::move(outcome));
      });
  place->getting->start();
  places_.emplace(*tenant, std::move(place));
  tokens_.hold(*tenant);
}

void Service::finish_receive(const ControlRequest& request,
                             const TenantId& tenant,
                             Result<handoff::HandoffTarget::Taken> outcome) {
  Place& place = *places_.at(tenant);
  // Its own callback runs this.
  deps_.reactor.post([over = std::shared_ptr(std::move(place.getting))] {});
  if (outcome.has_error()) {
    hand_overs_.note_not_taken();
    const std::vector<ControlRequest> reclaims = std::move(place.reclaims);
    places_.erase(tenant);
    tokens_.release(tenant);
    request.refuse(outcome.error());
    for (const ControlRequest& waiting : reclaims) {
      waiting.answer(control::reply::kOk);
    }
  } else {
    hand_overs_.note_taken(outcome->connections);
    place.host = std::move(outcome->host);
    place.state = Place::State::kServing;
    log_.info("tenant.taken_over", {{"tenant", tenant},
                                    {"generation", place.host->config().generation.value},
                                    {"token", place.host->token().value},
                                    {"connections", outcome->connections}});
    request.answer(control::reply::kOk, dump_json(Json{{"connections", outcome->connections},
                                                       {"websockets", outcome->websockets}}));
    close_if_asked(tenant, place);
  }
  answer_regains();
  finish_stop();
}

}  // namespace voicectl::runtime
