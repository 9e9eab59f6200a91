// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/service.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "runtime/tenant/live_api.h"

namespace voicectl::runtime {
namespace {

/// Threads for the stores. They wait for the disk most of the time, so there may be more than
/// cores; tenants that share one share its wait.
constexpr std::size_t kOffloads = 4;

Result<TenantId> tenant_of(const Json& body) {
  VC_TRY(const std::string name, require_string(body, "tenant"));
  return TenantId::parse(name);
}

FencingToken token_of(const Json& body) {
  return {static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer_or(body, "token", 0)))};
}

TenantDeps with(TenantDeps deps, parking::ParkingLot& lot, WorkMeter* meter) {
  deps.parking = &lot;
  deps.meter = meter;
  return deps;
}

Error not_served(const TenantId& tenant) {
  return {ErrorCode::kNotFound,
          fmt::format("cannot find tenant '{}': it is not served here", tenant.str())};
}

Error changing(const TenantId& tenant) {
  return {ErrorCode::kUnavailable,
          fmt::format("cannot change tenant '{}': it is being opened or closed; try again",
                      tenant.str())};
}

}  // namespace

Service::Service(
    const TenantDeps& deps, const Log& log, UniqueFd control, UniqueFd admin, Metering metering)
    : parking_(deps.reactor, kept_follower_layout()),
      lag_(deps.reactor),
      deps_(with(deps, parking_, metering == Metering::kOn ? &meter_ : nullptr)),
      log_(log),
      channels_(deps.reactor, deps.reactor),
      admin_listener_(admin.duplicate()),
      admin_({deps.reactor, deps.files, deps.instance, hand_overs_, lag_, parking_,
              [this](Look depth) { return look(depth); }},
             std::move(admin)),
      link_(deps.reactor,
            deps.instance,
            std::move(control),
            {[this](const ControlRequest& request, std::vector<UniqueFd> descriptors) {
               take(request, std::move(descriptors));
             },
             [this] { return describe(); },
             [this](std::string_view event, const std::string& detail) {
               log_.info(event, {{"instance", deps_.instance}, {"reason", detail}});
             }}) {
  for (std::size_t i = 0; i < kOffloads; ++i) {
    offloads_.push_back(std::make_unique<ThreadOffload>(deps_.reactor));
  }
  deps_.on_dead_effect = [this](const TenantId& tenant, const OutboxEntry& entry) {
    log_.error("outbox.dead", {{"tenant", tenant},
                               {"entry", entry.id},
                               {"kind", entry.kind},
                               {"attempts", entry.attempts}});
  };
}

Service::~Service() = default;

Offload& Service::offload_for(const TenantId& tenant) {
  return *offloads_[std::hash<TenantId>{}(tenant) % offloads_.size()];
}

std::string Service::describe() const {
  const auto tenants = std::count_if(places_.begin(), places_.end(), [](const auto& place) {
    return place.second->host != nullptr;
  });
  return dump_json({{"version", VOICECTL_VERSION}, {"pid", ::getpid()}, {"tenants", tenants}});
}

std::vector<TenantMetrics> Service::look(Look depth) {
  meter_.settle();
  std::vector<TenantMetrics> tenants;
  for (const auto& [tenant, place] : places_) {
    if (place->host != nullptr) {
      tenants.push_back({tenant.str(), place->host->load()});
      if (depth == Look::kAll) {
        tenants.back().effects = place->host->effects();
      }
    }
  }
  return tenants;
}

Result<Service::Place*> Service::find_place(const Json& body) {
  VC_TRY(const TenantId tenant, tenant_of(body));
  const auto found = places_.find(tenant);
  if (found == places_.end()) {
    return not_served(tenant);
  }
  if (!found->second->is_served()) {
    return changing(tenant);
  }
  return found->second.get();
}

void Service::take(const ControlRequest& request, std::vector<UniqueFd> descriptors) {
  const Result<Json> body = parse_json(request.body());
  if (body.has_error()) {
    request.refuse(body.error());
    return;
  }
  namespace asked = control::request;
  const std::string& type = request.type();
  if (type == asked::kKeep) {
    keep(request, std::move(descriptors));
  } else if (type == asked::kRecover) {
    recover(request, *body, std::move(descriptors));
  } else if (type == asked::kLend) {
    lend(request, *body, std::move(descriptors));
  } else if (type == asked::kReconfigure) {
    reconfigure(request, *body);
  } else if (type == asked::kReloadKeys) {
    reload_keys(request, *body);
  } else if (type == asked::kReclaim) {
    reclaim(request, *body);
  } else if (type == asked::kHandOver) {
    hand_over(request, descriptors.size() == 1 ? std::move(descriptors[0]) : UniqueFd());
  } else if (type == asked::kReceive) {
    receive(request, *body, std::move(descriptors));
  } else if (type == asked::kRegain) {
    regain(request);
  } else if (type == asked::kListSessions) {
    list_sessions(request, *body);
  } else if (type == asked::kShowSession) {
    show_session(request, *body);
  } else if (type == asked::kEndSession) {
    end_session(request, *body);
  } else if (type == asked::kListOutbox) {
    list_outbox(request, *body);
  } else if (type == asked::kShowOutbox) {
    show_outbox(request, *body);
  } else if (type == asked::kRetryOutbox || type == asked::kDropOutbox) {
    change_outbox(request, *body);
  } else if (type == asked::kPing) {
    request.answer(control::reply::kOk);
  } else if (type == asked::kStats) {
    if (body->contains("sample") && (*body)["sample"] == true) {
      tell_sample(request, string_or(*body, "after", ""));
    } else {
      tell_stats(request, *body);
    }
  } else if (type == asked::kStop) {
    request.answer(control::reply::kOk);
    stop([] {});
  } else {
    request.refuse(Error(ErrorCode::kInvalidArgument,
                         fmt::format("cannot do '{}': this version does not know it", type)));
  }
}

void Service::lend(const ControlRequest& request,
                   const Json& body,
                   std::vector<UniqueFd> descriptors) {
  const Result<TenantId> tenant = tenant_of(body);
  if (tenant.has_error()) {
    request.refuse(tenant.error());
    return;
  }
  if (!on_stopped_.empty()) {
    request.refuse(Error(ErrorCode::kUnavailable, "cannot take a tenant: stopping"));
    return;
  }
  if (const Status token = tokens_.admit(*tenant, token_of(body)); token.has_error()) {
    request.refuse(token.error());
    return;
  }
  if (const auto found = places_.find(*tenant); found != places_.end()) {
    lend_again(request, *found->second, body, std::move(descriptors));
    return;
  }
  if (descriptors.size() != 2) {
    request.refuse(Error(
        ErrorCode::kInvalidArgument,
        fmt::format("cannot take tenant '{}': two listeners must come with it", tenant->str())));
    return;
  }
  open_tenant(request, *tenant,
              {token_of(body), string_or(body, "config", ""), string_or(body, "data", ""),
               std::move(descriptors[0]), std::move(descriptors[1])});
}

void Service::open_tenant(const ControlRequest& request,
                          const TenantId& tenant,
                          TenantLease lease) {
  Place& place = *places_.emplace(tenant, std::make_unique<Place>()).first->second;
  if (auto offered = recoveries_.extract(tenant)) {
    place.recovery = std::move(offered.mapped());
  }
  tokens_.hold(tenant);
  TenantHost::open(deps_, offload_for(tenant), std::move(lease), notice_for(tenant),
                   [this, request, tenant](Result<std::unique_ptr<TenantHost>> opened) {
                     finish_lend(request, tenant, std::move(opened));
                   });
}

TenantHost::Notice Service::notice_for(const TenantId& tenant) {
  return [this, tenant](const std::optional<Error>& error) {
    if (error) {
      log_.warn("store.broken", {{"tenant", tenant},
                                 {"error", *error},
                                 {"reason", "refusing changes until the store opens again"}});
    } else {
      log_.info("store.opened", {{"tenant", tenant}});
    }
  };
}

void Service::lend_again(const ControlRequest& request,
                         Place& place,
                         const Json& body,
                         std::vector<UniqueFd> descriptors) {
  if (place.state != Place::State::kServing) {
    request.refuse(Error(ErrorCode::kUnavailable,
                         "cannot take the tenant: it is being opened or closed; try again"));
    return;
  }
  Status outcome = place.host->renew(token_of(body));
  if (outcome.has_value()) {
    outcome = place.host->reconfigure(string_or(body, "config", ""));
  }
  if (outcome.has_value() && descriptors.size() == 2) {
    place.host->listen(std::move(descriptors[0]), std::move(descriptors[1]));
  }
  outcome.has_error() ? request.refuse(outcome.error()) : request.answer(control::reply::kOk);
}

void Service::finish_lend(const ControlRequest& request,
                          const TenantId& tenant,
                          Result<std::unique_ptr<TenantHost>> opened) {
  settle_lend(request, tenant, std::move(opened));
  answer_regains();
}

void Service::answer_regains() {
  if (!is_opening()) {
    for (const ControlRequest& waiting : std::exchange(regains_, {})) {
      answer_regain(waiting);
    }
  }
}

void Service::settle_lend(const ControlRequest& request,
                          const TenantId& tenant,
                          Result<std::unique_ptr<TenantHost>> opened) {
  const auto found = places_.find(tenant);
  VC_CHECK(found != places_.end(), "a tenant keeps its place while it is opened");
  if (opened.has_error()) {
    const std::vector<ControlRequest> reclaims = std::move(found->second->reclaims);
    places_.erase(found);
    tokens_.release(tenant);
    request.refuse(opened.error());
    for (const ControlRequest& waiting : reclaims) {
      waiting.answer(control::reply::kOk);
    }
    finish_stop();
    return;
  }
  Place& place = *found->second;
  place.host = std::move(*opened);
  place.state = Place::State::kServing;
  log_.info("tenant.opened", {{"tenant", tenant},
                              {"generation", place.host->config().generation.value},
                              {"token", place.host->token().value}});
  // One server serves many tenants; its faults are told once.
  const std::string& warning = place.host->store_warning();
  if (!warning.empty() && store_warnings_.insert(warning).second) {
    log_.warn("store.at_risk", {{"tenant", tenant}, {"reason", warning}});
  }
  if (place.recovery) {
    place.recovery->serve(*place.host, [this, request, tenant](const RecoveredCount& recovered) {
      answer_lend(request, tenant, recovered);
    });
  } else {
    answer_lend(request, tenant, {});
  }
  close_if_asked(tenant, place);
}

void Service::close_if_asked(const TenantId& tenant, Place& place) {
  if (!place.reclaims.empty() || !on_stopped_.empty()) {
    place.state = Place::State::kClosing;
    place.recovery.reset();
    place.host->close([this, tenant] { finish_reclaim(tenant); });
  }
}

void Service::reconfigure(const ControlRequest& request, const Json& body) {
  const Result<Place*> place = find_place(body);
  if (place.has_error()) {
    request.refuse(place.error());
    return;
  }
  const Status outcome = (*place)->host->reconfigure(string_or(body, "config", ""));
  outcome.has_error() ? request.refuse(outcome.error()) : request.answer(control::reply::kOk);
}

void Service::reload_keys(const ControlRequest& request, const Json& body) {
  const Result<TenantId> tenant = tenant_of(body);
  const auto found = tenant.has_value() ? places_.find(*tenant) : places_.end();
  if (found == places_.end()) {
    request.refuse(tenant.has_value() ? not_served(*tenant) : tenant.error());
    return;
  }
  // One that is being opened or received reads the file at the end of it, and one that is being
  // closed has told its sockets to go.
  const Status outcome =
      found->second->is_served() ? found->second->host->reload_keys() : ok_status();
  outcome.has_error() ? request.refuse(outcome.error()) : request.answer(control::reply::kOk);
}

void Service::reclaim(const ControlRequest& request, const Json& body) {
  const Result<TenantId> tenant = tenant_of(body);
  if (tenant.has_error()) {
    request.refuse(tenant.error());
    return;
  }
  const Status is_newest = tokens_.admit(*tenant, token_of(body));
  const auto found = places_.find(*tenant);
  if (found == places_.end()) {
    // Let go of before: the daemon did not see the answer. Its token may be below one of those
    // forgotten since then.
    request.answer(control::reply::kOk);
    return;
  }
  if (is_newest.has_error()) {
    request.refuse(is_newest.error());
    return;
  }
  Place& place = *found->second;
  place.reclaims.push_back(request);
  if (place.state == Place::State::kServing) {
    close_if_asked(*tenant, place);
  }
  const Error why(ErrorCode::kCancelled, "cannot hand the tenant over: it was taken back");
  if (place.giving) {
    place.giving->cancel(why);
  }
  if (place.getting) {
    place.getting->cancel(why);
  }
}

void Service::finish_reclaim(const TenantId& tenant) {
  // The host's own callback runs this: it must outlive the turn.
  std::shared_ptr<Place> place = std::move(places_.at(tenant));
  places_.erase(tenant);
  tokens_.release(tenant);
  deps_.reactor.post([this, place, tenant]() mutable {
    const std::vector<ControlRequest> reclaims = std::move(place->reclaims);
    place.reset();
    log_.info("tenant.closed", {{"tenant", tenant}});
    for (const ControlRequest& request : reclaims) {
      request.answer(control::reply::kOk);
    }
    finish_stop();
  });
}

bool Service::is_opening() const {
  return std::any_of(places_.begin(), places_.end(), [](const auto& place) {
    return place.second->state == Place::State::kOpening || place.second->giving ||
           place.second->getting;
  });
}

void Service::regain(const ControlRequest& request) {
  // Who led a hand-over is gone. Both sides call it off, unless it is done.
  cancel_hand_overs(
      Error(ErrorCode::kCancelled, "cannot hand the tenant over: another daemon is there"));
  if (is_opening()) {
    regains_.push_back(request);
  } else {
    answer_regain(request);
  }
}

void Service::answer_regain(const ControlRequest& request) const {
  std::size_t count = 0;
  for (const auto& [tenant, place] : places_) {
    if (place->state != Place::State::kServing) {
      continue;
    }
    const TenantHost& host = *place->host;
    request.answer(control::reply::kListener,
                   dump_json(Json{{"tenant", tenant.str()},
                                  {"generation", host.config().generation.value},
                                  {"token", host.token().value}}),
                   {host.unix_listener().get(), host.tcp_listener().get()});
    ++count;
  }
  const Result<Json> asked = parse_json(request.body());
  if (asked.has_value() && asked->contains("admin") && (*asked)["admin"] == true) {
    request.answer(control::reply::kListener, dump_json(Json{{"admin", true}}),
                   {admin_listener_.get()});
  }
  request.answer(control::reply::kOk, dump_json(Json{{"count", count}}));
}

void Service::stop(std::function<void()> done) {
  on_stopped_.push_back(std::move(done));
  log_.info("instance.stopping", {{"instance", deps_.instance}});
  for (const auto& [tenant, place] : places_) {
    if (place->state == Place::State::kServing) {
      close_if_asked(tenant, *place);
    }
  }
  cancel_hand_overs(Error(ErrorCode::kCancelled, "cannot hand the tenant over: stopping"));
  finish_stop();
}

void Service::finish_stop() {
  if (on_stopped_.empty() || !places_.empty() || !leaving_.empty()) {
    return;
  }
  // One more turn, so that an answer that was just queued is on its way.
  deps_.reactor.post([this, all = std::move(on_stopped_)] {
    for (const auto& done : all) {
      done();
    }
    deps_.reactor.stop();
  });
  on_stopped_ = {[] {}};
}

}  // namespace voicectl::runtime
