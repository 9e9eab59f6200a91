// SPDX-License-Identifier: Apache-2.0
// Whom a rollout holds back, as the registry knows it.
#include <nlohmann/json.hpp>
#include <utility>

#include "provisioner/daemon/rollout_driver.h"
#include "provisioner/daemon/rollout_story.h"

namespace voicectl {
namespace {

constexpr JsonBudget kNoteBudget{.bytes = 16U << 20, .depth = 4, .nodes = 300'000};

/// Of an error that is noted: what an instance says may be of any length, and the note must be read
/// again.
constexpr std::size_t kMostOfError = 500;

std::string shortened(const std::string& error) {
  return error.size() <= kMostOfError ? error : error.substr(0, kMostOfError) + "...";
}

/// Whom the next apply of `desired` would do something for, as far as their settings tell.
std::set<TenantId> not_as_desired(const DesiredState& desired, const Snapshot& recorded) {
  std::set<TenantId> out;
  for (const auto& [tenant, is] : recorded.tenants) {
    if (is.phase != TenantPhase::kDeleting) {
      out.insert(tenant);
    }
  }
  for (const TenantSpec& wanted : desired.tenants) {
    const auto is = recorded.tenants.find(wanted.tenant);
    if (is != recorded.tenants.end() && is->second.spec == wanted) {
      out.erase(wanted.tenant);
    } else {
      out.insert(wanted.tenant);
    }
  }
  return out;
}

}  // namespace

void RolloutDriver::take_note(const std::string& note, const std::optional<DesiredState>& desired) {
  Result<State> noted = parse_state(note);
  if (noted.has_value()) {
    state_ = std::move(*noted);
    return;
  }
  unreadable_ = noted.error().text();
  if (desired) {
    state_.held = not_as_desired(*desired, deps_.recorded.snapshot());
  }
}

Result<RolloutDriver::State> RolloutDriver::parse_state(const std::string& note) {
  State out;
  VC_TRY(const Json json, parse_json(note, kNoteBudget));
  const Json held = json.is_object() ? json.value("held", Json::array()) : Json();
  if (!held.is_array()) {
    return Error(ErrorCode::kCorrupt, "cannot find whom it holds back");
  }
  for (const Json& each : held) {
    VC_TRY(TenantId tenant, TenantId::parse(each.is_string() ? each.get<std::string>() : ""));
    out.held.insert(std::move(tenant));
  }
  const Json failed = json.value("failed", Json::object());
  for (const auto& [slug, error] : failed.items()) {
    const Result<TenantId> tenant = TenantId::parse(slug);
    if (tenant.has_value() && error.is_string()) {
      out.failed.emplace(*tenant, error.get<std::string>());
    }
  }
  out.stopped = string_or(json, "stopped", "");
  return out;
}

void RolloutDriver::record(State state, Completion<void> done) {
  Json held = Json::array();
  for (const TenantId& tenant : state.held) {
    held.push_back(tenant.str());
  }
  Json failed = Json::object();
  for (const auto& [tenant, error] : state.failed) {
    failed[tenant.str()] = shortened(error);
  }
  const std::string text = dump_json({{"held", std::move(held)},
                                      {"failed", std::move(failed)},
                                      {"stopped", shortened(state.stopped)}});
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
  const bool is_unfinished = !state_.held.empty() && state_.stopped.empty();
  if (is_unfinished || !unreadable_.empty()) {
    State stopped = state_;
    stopped.stopped = unreadable_.empty()
                          ? "the daemon ended while it was under way"
                          : "what was recorded of it cannot be read (" + unreadable_ +
                                "), so that everybody who is not as desired is held back";
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
