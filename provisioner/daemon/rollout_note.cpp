// SPDX-License-Identifier: Apache-2.0
// Whom a rollout holds back, as the registry knows it.
#include <nlohmann/json.hpp>
#include <utility>

#include "provisioner/daemon/rollout_driver.h"
#include "provisioner/daemon/rollout_story.h"

namespace voicectl {
namespace {

constexpr JsonBudget kNoteBudget{.bytes = 16U << 20, .depth = 4, .nodes = 300'000};

}  // namespace

RolloutDriver::State RolloutDriver::parse_state(const std::string& note) {
  State out;
  const Result<Json> json = parse_json(note, kNoteBudget);
  if (json.has_error() || !json->is_object()) {
    return out;
  }
  for (const Json& each : json->value("held", Json::array())) {
    const Result<TenantId> tenant =
        TenantId::parse(each.is_string() ? each.get<std::string>() : "");
    if (tenant.has_value()) {
      out.held.insert(*tenant);
    }
  }
  const Json failed = json->value("failed", Json::object());
  for (const auto& [slug, error] : failed.items()) {
    const Result<TenantId> tenant = TenantId::parse(slug);
    if (tenant.has_value() && error.is_string()) {
      out.failed.emplace(*tenant, error.get<std::string>());
    }
  }
  out.stopped = string_or(*json, "stopped", "");
  return out;
}

void RolloutDriver::record(State state, Completion<void> done) {
  Json held = Json::array();
  for (const TenantId& tenant : state.held) {
    held.push_back(tenant.str());
  }
  Json failed = Json::object();
  for (const auto& [tenant, error] : state.failed) {
    failed[tenant.str()] = error;
  }
  const std::string text = dump_json(
      {{"held", std::move(held)}, {"failed", std::move(failed)}, {"stopped", state.stopped}});
  ++records_under_way_;
  deps_.registry.run<void>([text](Registry& registry) { return registry.put_note(kNote, text); },
                           [this, alive = std::weak_ptr(alive_), state = std::move(state),
                            done = std::move(done)](const Status& recorded) {
                             if (alive.expired()) {
                               return;
                             }
                             --records_under_way_;
                             if (recorded.has_value()) {
                               state_ = state;
                               is_unrecorded_ = false;
                             }
                             done(recorded);
                           });
}

void RolloutDriver::record_later() {
  if (std::exchange(is_unrecorded_, true)) {
    return;  // it is being tried already
  }
  deps_.reactor.call_after(kBeat, [this, alive = std::weak_ptr(alive_)] {
    if (alive.expired() || !is_unrecorded_) {
      return;
    }
    if (records_under_way_ > 0) {  // a newer one, which this must not follow
      is_unrecorded_ = false;
      record_later();
      return;
    }
    record(state_, [this](const Status& recorded) {
      if (recorded.has_error()) {
        is_unrecorded_ = false;
        record_later();
      }
    });
  });
}

void RolloutDriver::tell_of_unfinished() {
  if (!state_.held.empty() && state_.stopped.empty()) {
    State stopped = state_;
    stopped.stopped = "the daemon ended while it was under way";
    deps_.events.add("rollout.stopped", "rollout",
                     dump_json({{"reason", stopped.stopped}, {"held", stopped.held.size()}}));
    // Held back they are in any case; if this cannot be written the next daemon says it again.
    record(std::move(stopped), [](const Status&) {});
  }
}

void RolloutDriver::prepare(const Plan& plan, const RolloutSpec& spec, Completion<void> done) {
  spec_ = spec;
  // After a plain one nobody is to be held back again: it is accepted already.
  before_ = spec.is_plain() ? std::nullopt : std::optional(state_);
  State next;
  const std::vector<RolloutBatch> batches = batches_of(plan, spec);
  for (std::size_t i = 1; !spec.is_plain() && i < batches.size(); ++i) {
    next.held.insert(batches[i].tenants.begin(), batches[i].tenants.end());
  }
  if (next.is_empty() && state_.is_empty()) {
    state_ = std::move(next);  // what failed the last time does not count any more
    done(ok_status());
    return;
  }
  record(std::move(next), std::move(done));
}

void RolloutDriver::unprepare() {
  std::optional<State> before = std::exchange(before_, std::nullopt);
  if (!before || (before->held == state_.held && before->stopped == state_.stopped)) {
    return;
  }
  // Until it is written the next daemon holds back too many, which harms nobody.
  state_ = std::move(*before);
  record(state_, [this](const Status& recorded) {
    if (recorded.has_error()) {
      record_later();
    }
  });
}

}  // namespace voicectl
