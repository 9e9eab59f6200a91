// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "provisioner/instances/supervised_instance.h"

namespace voicectl {

void SupervisedInstance::connect() {
  start_step_ = "connecting to its control socket";
  Result<std::unique_ptr<FdChannel>> channel = supervision_.deps.channels.connect(
      supervision_.settings.paths.control_socket(options_.instance, socket_));
  if (channel.has_error()) {
    return lose_channel(channel.error());
  }
  hold(std::make_unique<ControlLink>(supervision_.deps.reactor, std::move(*channel)));
  say_hello();
}

void SupervisedInstance::hold(std::unique_ptr<ControlLink> link) {
  link_ = std::move(link);
  ++link_number_;
  link_->when_closed(guarded([this] {
    lose_channel(Error(ErrorCode::kUnavailable,
                       fmt::format("cannot ask {}: it closed its channel", quoted())));
  }));
}

void SupervisedInstance::say_hello() {
  start_step_ = "waiting for its answer to 'hello'";
  const SupervisionTimes& times = supervision_.settings.times;
  const Json body = {{"instance", options_.instance.str()},
                     {"epoch", supervision_.settings.epoch.value}};
  const ControlLink::Question question{
      .type = std::string(control::request::kHello),
      .body = dump_json(body),
      .timeout = state_ == InstanceState::kStarting ? supervision_.ready_patience() : times.adopt};
  link_->ask(question, guarded([this, mine = link_number_](const Result<std::string>& answer) {
               if (link_ && mine == link_number_) {
                 take_hello(answer);
               }
             }));
}

void SupervisedInstance::take_hello(const Result<std::string>& answer) {
  if (!answer.has_error()) {
    return become_ready(*answer);
  }
  const Error why = answer.error();
  if (why.code() == ErrorCode::kUnavailable) {
    return lose_channel(why);
  }
  if (why.code() == ErrorCode::kFenced && state_ == InstanceState::kReady) {
    // A newer daemon has it: from here on it is not ours to end, nor to wait for.
    last_error_ = why;
    is_fenced_ = true;
    drop_link(why);
    end_doubt();
    drop_standby();
    return settle_reclaims();
  }
  abandon(InstanceEvent::kUnresponsive, why.with_context("greeting " + quoted()));
}

void SupervisedInstance::lose_channel(const Error& why) {
  drop_link(why);
  if (take(InstanceEvent::kChannelLost).has_error()) {
    return;  // on its way out
  }
  // While it starts, the deadline for ready bounds the tries.
  if (state_ == InstanceState::kReady &&
      ++reconnects_ > supervision_.settings.times.reconnect_tries) {
    return abandon(
        InstanceEvent::kUnresponsive,
        Error(why.code(), fmt::format("cannot reach {} any more: {}", quoted(), why.text())));
  }
  set_timer(Timer::kReconnect, supervision_.settings.times.reconnect_wait,
            &SupervisedInstance::connect);
}

void SupervisedInstance::drop_link(const Error& why) {
  if (link_) {
    link_->close(why);
    link_.reset();
  }
}

Error SupervisedInstance::not_ready() const {
  if (is_fenced_) {
    return {ErrorCode::kFenced, fmt::format("cannot ask {}: a newer daemon has it", quoted())};
  }
  const std::string_view reason =
      state_ == InstanceState::kReady ? "reconnecting" : name_of(state_);
  return Error(
      ErrorCode::kUnavailable,
      fmt::format("cannot ask {}: it is {}; try again when it is ready", quoted(), reason));
}

void SupervisedInstance::ask(const ControlLink::Question& question, Completion<std::string> done) {
  if (state_ != InstanceState::kReady || !link_) {
    return supervision_.answer<std::string>(std::move(done), not_ready());
  }
  link_->ask(question, supervision_.guarded<std::string>(std::move(done)));
}

void SupervisedInstance::when_reachable(std::function<void()> then) {
  if (is_reconnecting()) {
    waiting_to_ask_.push_back(std::move(then));
  } else {
    then();
  }
}

void SupervisedInstance::settle_asking() {
  for (std::function<void()>& then : std::exchange(waiting_to_ask_, {})) {
    supervision_.post(std::move(then));
  }
}

void SupervisedInstance::change_tenants(const ControlLink::Question& question,
                                        Completion<void> done,
                                        std::function<void(const std::string&)> on_success) {
  auto noted = guarded(
      [this, mine = incarnation_, on_success = std::move(on_success)](const std::string& answer) {
        if (mine == incarnation_) {
          on_success(answer);
        }
      });
  ask(question, [done = std::move(done), noted,
                 what = question.type + " at " + quoted()](const Result<std::string>& answer) {
    if (answer.has_error()) {
      return done(answer.error().with_context(what));
    }
    noted(*answer);
    done(ok_status());
  });
}

namespace {

std::string lend_body(const LendOptions& options) {
  return dump_json({{"tenant", options.tenant.str()},
                    {"generation", options.generation.value},
                    {"token", options.token.value},
                    {"config", options.config_path},
                    {"data", options.data_dir}});
}

LentTenant lent_as(const LendOptions& options) {
  return {options.generation, options.token, options.listeners.binding};
}

}  // namespace

void SupervisedInstance::hand_over(const handoff::HandOverOrder& order,
                                   int peer,
                                   OnHandOverProgress on_progress,
                                   Completion<handoff::HandOverReport> done) {
  ControlLink::Question question{.type = std::string(control::request::kHandOver),
                                 .body = handoff::encode(order),
                                 .descriptors = {peer},
                                 .timeout = order.patience + kHandOverGrace};
  if (on_progress) {
    question.on_progress = [on_progress = std::move(on_progress)](const std::string& body) {
      // What makes no sense is not worth more than to be left out.
      if (const auto progress = handoff::parse_hand_over_progress(body); progress.has_value()) {
        on_progress(*progress);
      }
    };
  }
  const auto note = guarded(
      [this, mine = incarnation_, tenant = order.tenant](const handoff::HandOverReport& report) {
        const auto lent = mine == incarnation_ ? tenants_.find(tenant) : tenants_.end();
        if (lent == tenants_.end()) {
          return;
        }
        if (report.is_handed_over) {
          forget_tenant(tenant);
        } else {
          lent->second.token = report.token;
        }
      });
  ask(question, [done = std::move(done), note, youngest = order.back,
                 what = question.type + " at " + quoted()](const Result<std::string>& answer) {
    if (answer.has_error()) {
      return done(answer.error().with_context(what));
    }
    Result<handoff::HandOverReport> report = handoff::parse_hand_over_report(*answer);
    if (report.has_value()) {
      // It has none that we have not given out; what is recorded must not be of its choosing.
      report->token.value = std::min(report->token.value, youngest.value);
      note(*report);
    }
    done(report);
  });
}

void SupervisedInstance::open_lane() {
  ConnectionKeeper* const keeper = supervision_.deps.keeper;
  if (keeper == nullptr || state_ != InstanceState::kReady || !link_) {
    return;
  }
  const Result<UniqueFd> lane = keeper->open_lane(options_.instance);
  if (lane.has_error()) {
    return;  // told when there is a keeper again
  }
  for (const auto& [tenant, lent] : std::as_const(tenants_)) {
    if (!lent.is_only_claimed) {
      allow(tenant);
    }
  }
  // One of a version that knows no lanes keeps serving, and loses its connections when it dies.
  ask(ControlLink::Question{.type = std::string(control::request::kKeep),
                            .descriptors = {lane->get()},
                            .timeout = supervision_.settings.times.request},
      [](const Result<std::string>&) {});
}

void SupervisedInstance::allow(const TenantId& tenant) {
  if (supervision_.deps.keeper != nullptr) {
    supervision_.deps.keeper->allow(options_.instance, tenant);
  }
}

void SupervisedInstance::forget_tenant(const TenantId& tenant) {
  tenants_.erase(tenant);
  if (supervision_.deps.keeper != nullptr) {
    supervision_.deps.keeper->forbid(options_.instance, tenant);
  }
}

void SupervisedInstance::offer_connections(const TenantId& tenant) {
  if (supervision_.deps.keeper == nullptr) {
    return;
  }
  const Result<UniqueFd> end = supervision_.deps.keeper->give(tenant);
  if (end.has_error()) {
    return;  // nobody keeps anything: there is nothing to go on with
  }
  // A question of its own, since an instance of an older version would refuse a lend that it does
  // not understand. What came of it is in the answer to the lend.
  ask(ControlLink::Question{.type = std::string(control::request::kRecover),
                            .body = dump_json({{"tenant", tenant.str()}}),
                            .descriptors = {end->get()},
                            .timeout = supervision_.settings.times.request},
      [](const Result<std::string>&) {});
}

void SupervisedInstance::tell_recovered(const TenantId& tenant, const std::string& answer) {
  const Result<Json> body = parse_json(answer);
  if (body.has_error() || !body->is_object() || !supervision_.callbacks.on_recovered) {
    return;
  }
  const Json doubtful = body->value("doubtful", Json::object());
  const RecoveredConnections recovered{integer_or(*body, "recovered", 0), dump_json(doubtful)};
  if (recovered.kept > 0 || (doubtful.is_object() && !doubtful.empty())) {
    supervision_.callbacks.on_recovered(options_.instance, tenant, recovered);
  }
}

void SupervisedInstance::receive(const LendOptions& options,
                                 int peer,
                                 Duration timeout,
                                 Completion<void> done) {
  allow(options.tenant);
  const ControlLink::Question question{
      .type = std::string(control::request::kReceive),
      .body = lend_body(options),
      .descriptors = {options.listeners.unix_listener, options.listeners.tcp_listener, peer},
      .timeout = timeout};
  change_tenants(question, std::move(done),
                 [this, tenant = options.tenant, lent = lent_as(options)](const std::string&) {
                   tenants_.insert_or_assign(tenant, lent);
                 });
}

void SupervisedInstance::lend(const LendOptions& options, Completion<void> done) {
  // One that has it already keeps what it has: nobody died.
  if (state_ == InstanceState::kReady && link_ && !tenants_.contains(options.tenant)) {
    allow(options.tenant);
    offer_connections(options.tenant);
  }
  const ControlLink::Question question{
      .type = std::string(control::request::kLend),
      .body = lend_body(options),
      .descriptors = {options.listeners.unix_listener, options.listeners.tcp_listener},
      .timeout = supervision_.settings.times.request};
  change_tenants(
      question, std::move(done),
      [this, tenant = options.tenant, lent = lent_as(options)](const std::string& answer) {
        tenants_.insert_or_assign(tenant, lent);
        tell_recovered(tenant, answer);
      });
}

void SupervisedInstance::reclaim(const TenantId& tenant,
                                 FencingToken token,
                                 Completion<void> done) {
  take_back({tenant, token, std::move(done), supervision_.settings.times.reconnect_tries});
}

void SupervisedInstance::take_back(Reclaim wanted) {
  const bool has_nothing = state_ == InstanceState::kStopped || state_ == InstanceState::kBackoff ||
                           state_ == InstanceState::kFailed || state_ == InstanceState::kStarting;
  if (has_nothing) {
    return supervision_.answer<void>(std::move(wanted.done), ok_status());
  }
  if (is_unkillable_) {
    return supervision_.answer<void>(std::move(wanted.done), *last_error_);
  }
  if (state_ == InstanceState::kHung || doubt_ == Doubt::kReplace || is_reconnecting()) {
    // It would not answer. Soon it does, or is gone; another answer than its own would be a guess.
    waiting_reclaims_.push_back(std::move(wanted));
    return;
  }
  if (doubt_ == Doubt::kTell) {
    return supervision_.answer<void>(
        std::move(wanted.done),
        Error(ErrorCode::kUnavailable,
              fmt::format("cannot take tenant '{}' from {}: it does not answer, "
                          "and is not to be replaced (platform.liveness)",
                          wanted.tenant.str(), quoted())));
  }
  ask_back(std::move(wanted));
}

void SupervisedInstance::ask_back(Reclaim wanted) {
  const Json body = {{"tenant", wanted.tenant.str()}, {"token", wanted.token.value}};
  const ControlLink::Question question{.type = std::string(control::request::kReclaim),
                                       .body = dump_json(body),
                                       .timeout = supervision_.settings.times.request};
  const auto forget = guarded([this, mine = incarnation_, tenant = wanted.tenant] {
    if (mine == incarnation_) {
      forget_tenant(tenant);
    }
  });
  // Told in any case, if this instance is gone meanwhile as well.
  ask(question, [this, alive = std::weak_ptr<int>(alive_), forget, what = "reclaim at " + quoted(),
                 wanted = std::move(wanted)](const Result<std::string>& answer) mutable {
    if (answer.has_value() || answer.error().code() == ErrorCode::kNotFound) {
      forget();
      return wanted.done(ok_status());
    }
    const bool is_lost = answer.error().code() == ErrorCode::kUnavailable;
    if (is_lost && wanted.tries > 0 && !alive.expired() && state_ == InstanceState::kReady &&
        !is_fenced_) {
      // It may have obeyed. Who has let go says so when it is asked once more.
      return ask_again(std::move(wanted));
    }
    wanted.done(answer.error().with_context(what));
  });
}

void SupervisedInstance::ask_again(Reclaim wanted) {
  --wanted.tries;
  waiting_reclaims_.push_back(std::move(wanted));
  if (!is_reconnecting()) {
    // What cannot be written is known before the end is read.
    supervision_.deps.reactor.call_after(supervision_.settings.times.reconnect_wait,
                                         guarded([this] { settle_reclaims(); }));
  }
}

std::function<void()> SupervisedInstance::resumed(Reclaim wanted) {
  return [this, alive = std::weak_ptr<int>(alive_), wanted = std::move(wanted)] {
    if (alive.expired()) {
      wanted.done(ok_status());  // it is gone
    } else {
      take_back(wanted);
    }
  };
}

void SupervisedInstance::reconfigure(const TenantId& tenant,
                                     Generation generation,
                                     const std::string& config_path,
                                     Completion<void> done) {
  const Json body = {
      {"tenant", tenant.str()}, {"generation", generation.value}, {"config", config_path}};
  const ControlLink::Question question{.type = std::string(control::request::kReconfigure),
                                       .body = dump_json(body),
                                       .timeout = supervision_.settings.times.request};
  change_tenants(question, std::move(done), [this, tenant, generation](const std::string&) {
    if (const auto lent = tenants_.find(tenant); lent != tenants_.end()) {
      lent->second.generation = generation;
    }
  });
}

}  // namespace voicectl
