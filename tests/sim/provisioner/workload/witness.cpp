// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/provisioner/workload/witness.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "monitor/promotion_policy.h"
#include "provisioner/edge/edge_config.h"
#include "provisioner/plan/planner.h"

namespace voicectl {
namespace {

using std::chrono::seconds;

/// After which a holder surely has what it was given when it began.
constexpr Duration kPutBy = seconds(10);
/// Within which a hung instance is ended: heartbeats are missed much sooner; one that hangs as it
/// starts has until its deadline.
constexpr Duration kEndedWithin = seconds(120);
/// Within which one that is asked to stop has stopped, or is killed: its grace, and a second signal
/// if the first one went wrong.
constexpr Duration kStoppedWithin = seconds(45);
/// Within which a tenant is where it is believed to be: longer than a question may take.
constexpr Duration kPlacedWithin = seconds(12);
/// A monitor that sees nothing of a tenant for longer begins its dwell anew.
constexpr Duration kLongestGap = seconds(30);
/// Between this and the decisions of the same second.
constexpr seconds kTurn{1};
/// So long nobody looks where nothing hides anything: one sample may fall into a hand-over.
constexpr Duration kUnseen = 2 * kSampleInterval + kTurn;

std::string tenant_subject(const TenantId& tenant) {
  return "tenant/" + tenant.str();
}

/// The name behind `subject=<kind>/` in a line of the log; empty if there is none.
std::string subject_in(const std::string& line, std::string_view kind) {
  const std::string before = fmt::format("subject={}/", kind);
  const std::size_t at = line.find(before);
  if (at == std::string::npos) {
    return "";
  }
  const std::size_t from = at + before.size();
  return line.substr(from, line.find(' ', from) - from);
}

}  // namespace

Witness::Witness(SimMachine& machine) : machine_(machine) {
  machine_.registry->on_recorded = [this] { see_record(); };
  machine_.processes.on_spawn = [this, next = std::move(machine_.processes.on_spawn)](
                                    const LaunchSpec& spec, const ProcessIdentity& who) {
    see_start(spec);
    next(spec, who);
  };
}

void Witness::break_law(std::string_view law, std::string what) {
  if (!broken_) {
    broken_ = Broken{law, std::move(what)};
  }
}

bool Witness::has_intent(const std::string& subject) const {
  const auto& journal = machine_.registry->journal;
  return std::any_of(journal.begin(), journal.end(), [&](const JournalEntry& entry) {
    return entry.state == JournalState::kIntent && entry.subject == subject;
  });
}

void Witness::see_question(const std::string& instance, const control::Message& question) {
  see_tokens();
  if (question.type == control::request::kHello) {
    greeted_.insert(instance);
  } else if (question.type == control::request::kStop) {
    judge_stop(instance);
  } else if (question.type == control::request::kLend ||
             question.type == control::request::kReceive ||
             question.type == control::request::kReconfigure) {
    judge_configuration(question);
  }
  judge_intent(instance, question);
}

/// Nothing is done to a tenant's place that the journal does not announce.
void Witness::judge_intent(const std::string& instance, const control::Message& question) {
  const Result<Json> fields = parse_json(question.body);
  const Result<TenantId> tenant =
      TenantId::parse(fields.has_value() ? string_or(*fields, "tenant", "") : "");
  if (tenant.has_error()) {
    return;
  }
  const auto record = stored().tenants.find(*tenant);
  const bool is_its_place = record != stored().tenants.end() && record->second.placement &&
                            record->second.placement->str() == instance;
  const bool is_known = record != stored().tenants.end();
  const bool changes_place = question.type == control::request::kHandOver ||
                             question.type == control::request::kReceive ||
                             (question.type == control::request::kLend && !is_its_place) ||
                             (question.type == control::request::kReclaim && is_its_place);
  if (is_known && changes_place && !has_intent(tenant_subject(*tenant))) {
    break_law("journal", fmt::format("{} is asked to {} {} and no intent says so", instance,
                                     question.type, tenant->str()));
  }
}

/// An instance is told to stop when its last tenant has left. An upgrade that is turned back ends,
/// at last, who does not let go, and says so before.
void Witness::judge_stop(const std::string& instance) {
  const std::string forced = "upgrade.forced subject=instance/" + instance;
  const auto& lines = machine_.log_lines;
  if (std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
        return line.find(forced) != std::string::npos;
      })) {
    return;
  }
  for (const auto& [tenant, record] : stored().tenants) {
    if (machine_.instances.find(instance, tenant) != nullptr) {
      break_law("order",
                fmt::format("{} is told to stop while it holds {}", instance, tenant.str()));
    }
  }
  const bool is_recorded =
      std::any_of(stored().instances.begin(), stored().instances.end(),
                  [&](const auto& entry) { return entry.first.str() == instance; });
  if (is_recorded && !has_intent("instance/" + instance)) {
    break_law("journal", fmt::format("{} is told to stop and no intent says so", instance));
  }
}

/// What an instance is told to read is what it finds there, or the newer one that is being written,
/// which it is told of next.
void Witness::judge_configuration(const control::Message& question) {
  const Result<Json> fields = parse_json(question.body);
  const std::string path = fields.has_value() ? string_or(*fields, "config", "") : "";
  const Result<Json> file = parse_json(machine_.files.content_of(path).value_or(""));
  const std::int64_t told = fields.has_value() ? integer_or(*fields, "generation", -1) : -1;
  const std::int64_t found = file.has_value() ? integer_or(*file, "generation", 0) : 0;
  const bool is_coming = told < found && fields.has_value() &&
                         has_intent("tenant/" + string_or(*fields, "tenant", ""));
  if (told == found) {
    lies_.erase(path);
  } else if (!is_coming && !lies_.contains(path)) {
    break_law("configuration", fmt::format("'{}' is given as generation {} and is {}", path, told,
                                           file.has_value() ? std::to_string(found) : "no file"));
  }
}

void Witness::see_start(const LaunchSpec& spec) {
  const auto flag = std::find(spec.argv.begin(), spec.argv.end(), "--instance");
  if (flag == spec.argv.end() || flag + 1 == spec.argv.end()) {
    return;
  }
  const std::string& name = *(flag + 1);
  const Result<InstanceId> instance = InstanceId::parse(name);
  if (instance.has_error() ||
      (!stored().instances.contains(*instance) && !has_intent("instance/" + name))) {
    break_law("journal", fmt::format("{} is started and no intent says so", name));
  }
}

/// Whoever gets a tenant gets a token above every one that somebody else served it with.
void Witness::see_tokens() {
  for (const auto& [tenant, record] : stored().tenants) {
    for (const std::string& holder : machine_.instances.holders(tenant)) {
      const FencingToken token = machine_.instances.find(holder, tenant)->token;
      const auto [known, is_new] = grants_.try_emplace(tenant, Grant{holder, token});
      Grant& last = known->second;
      if (is_new) {
        continue;
      }
      const bool is_other =
          FakeInstances::given_name(holder) != FakeInstances::given_name(last.instance);
      if (token < last.token || (is_other && token == last.token)) {
        break_law("token", fmt::format("{} serves {} with token {} after {} had {}", holder,
                                       tenant.str(), token.value, last.instance, last.token.value));
      }
      last = {holder, token};
    }
  }
}

void Witness::see_record() {
  latest_wall_ = std::max(latest_wall_, machine_.wall.now());
  see_tokens();
  see_ports();
  see_recorded_instances();
  see_failures();
  see_published();
}

void Witness::see_published() {
  if (std::exchange(published_, stored().edge_fingerprint) == stored().edge_fingerprint) {
    return;
  }
  const std::optional<EdgeConfig>& config = machine_.edge.served;
  if (!config || config->adopted || stored().edge_fingerprint.empty()) {
    return;
  }
  const Result<std::string> served = edge_fingerprint(*config);
  if (served.has_value() && *served != stored().edge_fingerprint) {
    break_law("published",
              fmt::format("configuration {} of the edge is recorded, and it was given {}",
                          stored().edge_fingerprint, *served));
  }
}

/// A port is given back when nobody accepts on it any more, and stays away for its quarantine.
void Witness::see_ports() {
  std::map<Port, PortLease> now_leased;
  for (const PortLease& lease : stored().leases) {
    now_leased.emplace(lease.port, lease);
    const auto before = leases_.find(lease.port);
    const bool was_leased = before != leases_.end() && !before->second.released_at;
    if (was_leased && lease.released_at) {
      for (const auto& [tenant, grant] : grants_) {
        for (const std::string& holder : machine_.instances.holders(tenant)) {
          const std::string address = machine_.instances.find(holder, tenant)->tcp_address;
          if (address.ends_with(":" + lease.port.str())) {
            break_law("order", fmt::format("port {} is given back while {} accepts on it for {}",
                                           lease.port.str(), holder, tenant.str()));
          }
        }
      }
    }
    if (was_leased && !lease.released_at && lease.holder != before->second.holder) {
      break_law("ports", fmt::format("port {} goes from {} to {}, which did not give it back",
                                     lease.port.str(), before->second.holder, lease.holder));
    }
    const bool was_released = before != leases_.end() && before->second.released_at;
    if (was_released && !lease.released_at &&
        latest_wall_ < *before->second.released_at + kPortQuarantine) {
      break_law("quarantine", fmt::format("port {} goes to {} before its quarantine has passed "
                                          "(given back by {} at {})",
                                          lease.port.str(), lease.holder, before->second.holder,
                                          format_wall_time(*before->second.released_at)));
    }
  }
  leases_ = std::move(now_leased);
}

/// Start < ready: an instance is recorded when it has answered.
void Witness::see_recorded_instances() {
  std::set<InstanceId> now_recorded;
  for (const auto& [name, instance] : stored().instances) {
    now_recorded.insert(name);
    if (!recorded_.contains(name) && !greeted_.contains(name.str())) {
      break_law("order", fmt::format("{} is recorded before it has answered", name.str()));
    }
  }
  for (const InstanceId& name : recorded_) {
    if (!now_recorded.contains(name)) {
      greeted_.erase(name.str());
    }
  }
  recorded_ = std::move(now_recorded);
}

/// Where nothing has gone wrong, no action fails.
void Witness::see_failures() {
  if (is_hurt_) {
    return;
  }
  for (const JournalEntry& entry : machine_.registry->journal) {
    if (entry.state == JournalState::kFailed) {
      break_law("failure", fmt::format("'{}' of {} failed although nothing went wrong: {}",
                                       entry.kind, entry.subject, entry.outcome));
    }
  }
}

void Witness::see_second(const Snapshot* believed) {
  const bool is_daemon_ready = believed != nullptr;
  latest_wall_ = std::max(latest_wall_, machine_.wall.now());
  see_tokens();
  see_kept_listeners(is_daemon_ready);
  see_hung(is_daemon_ready);
  see_decisions();
  see_places(believed);
}

/// What a holder was given stays open as long as it runs, whoever else dies.
void Witness::see_kept_listeners(bool is_daemon_ready) {
  if (machine_.holder.identity() != holder_) {
    holder_ = machine_.holder.identity();
    holder_since_ = now();
    kept_.clear();
  }
  const bool has_all = holder_ && is_daemon_ready && now() - holder_since_ >= kPutBy;
  for (const auto& [name, tenant] : stored().tenants) {
    const bool is_settled = tenant.has_listener && tenant.port &&
                            tenant.phase != TenantPhase::kDeleting &&
                            !has_intent(tenant_subject(name));
    const auto kept = kept_.find(name);
    if (!is_settled) {
      kept_.erase(name);
    } else if (kept != kept_.end() && kept->second == *tenant.port &&
               !machine_.network.is_held(*tenant.port)) {
      break_law("listener",
                fmt::format("the listener of {} is closed while its holder runs", name.str()));
    } else if (has_all && machine_.network.is_held(*tenant.port)) {
      kept_.insert_or_assign(name, *tenant.port);
    }
  }
  std::erase_if(kept_, [&](const auto& one) { return !stored().tenants.contains(one.first); });
}

void Witness::see_mute(const std::string& instance) {
  if (const auto who = machine_.instances.identity(instance)) {
    mute_.insert_or_assign(instance, Mute{*who, now(), now()});
  }
}

/// An instance that answers nothing is ended.
void Witness::see_hung(bool is_daemon_ready) {
  std::erase_if(mute_, [&](const auto& one) {
    return machine_.instances.identity(one.first) != one.second.who ||
           !machine_.instances.script_of_running(one.first).is_mute;
  });
  for (auto& [name, mute] : mute_) {
    const bool is_asked = is_daemon_ready && has_intent("instance/" + name);
    if (!is_asked) {
      mute.asked = now();
    } else if (now() - mute.asked > kStoppedWithin) {
      break_law("liveness", fmt::format("{} answers nothing, has been asked for {} and still runs",
                                        name, format_duration(now() - mute.asked)));
    }
    if (!is_daemon_ready || is_asked) {
      mute.since = now();  // it is being stopped, in its own time
    } else if (now() - mute.since > kEndedWithin) {
      break_law("liveness", fmt::format("{} has not answered for {} and still runs", name,
                                        format_duration(now() - mute.since)));
    }
  }
}

/// A tenant is with the instance that it is believed to be with, by a token that is known.
void Witness::see_places(const Snapshot* believed) {
  if (believed == nullptr) {
    misplaced_.clear();
    return;
  }
  for (const auto& [name, tenant] : believed->tenants) {
    const std::string wrong = wrong_place(name, tenant);
    if (wrong.empty()) {
      misplaced_.erase(name);
      continue;
    }
    const MonoTime since = misplaced_.try_emplace(name, now()).first->second;
    if (now() - since > kPlacedWithin) {
      break_law("place", fmt::format("{} for {}", wrong, format_duration(now() - since)));
    }
  }
}

std::string Witness::wrong_place(const TenantId& name, const RecordedTenant& tenant) const {
  const std::string subject = tenant_subject(name);
  if (tenant.phase != TenantPhase::kServing || !tenant.placement || !tenant.port ||
      !machine_.network.is_held(*tenant.port) || refused_.contains(subject) ||
      has_intent(subject) || has_intent("instance/" + tenant.placement->str())) {
    return "";
  }
  const std::string place = tenant.placement->str();
  if (!machine_.instances.is_connected(place) ||
      machine_.instances.script_of_running(place).is_mute) {
    return "";
  }
  const FakeInstances::Lent* const held = machine_.instances.find(place, name);
  if (held == nullptr) {
    return fmt::format("{} is believed to be in {} and has not been there", name.str(), place);
  }
  return held->token <= tenant.token
             ? ""
             : fmt::format("{} has {} by token {} and is believed to have it by {}", place,
                           name.str(), held->token.value, tenant.token.value);
}

/// Whom it cannot lend the daemon tells, and tries again at growing intervals.
void Witness::note_refusals(const std::string& line) {
  if (line.find("tenant.not_lent") != std::string::npos) {
    refused_.insert("tenant/" + subject_in(line, "tenant"));
  } else if (line.find("tenant.lent") != std::string::npos) {
    refused_.erase("tenant/" + subject_in(line, "tenant"));
  }
}

void Witness::see_load(const TenantId& tenant, std::uint64_t sessions) {
  loads_[tenant].emplace_back(now(), sessions);
}

/// Whether it was on that side of its mark for the whole dwell, as far as the monitor could see:
/// who looks every few seconds does not see what is between.
bool Witness::has_held(const TenantId& tenant, Side side) const {
  const PromotionPolicy& policy = stored().platform->monitor;
  const bool is_busy = side == Side::kBusy;
  const Duration unseen = is_load_hidden_ ? kLongestGap + kTurn : kUnseen;
  const MonoTime from = now() - (is_busy ? policy.starter.high_dwell : policy.low_dwell);
  std::vector<std::pair<MonoTime, std::uint64_t>> steps = {{MonoTime::min(), 0}};
  if (const auto known = loads_.find(tenant); known != loads_.end()) {
    steps.insert(steps.end(), known->second.begin(), known->second.end());
  }
  bool was_on_side = false;
  Duration off_side{0};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto [begin, sessions] = steps[i];
    const MonoTime end = i + 1 < steps.size() ? steps[i + 1].first : now();
    const bool is_on_side = is_busy ? sessions >= policy.starter.high_sessions
                                    : sessions <= policy.starter.low_sessions;
    was_on_side = was_on_side || (is_on_side && begin <= from && end >= from - unseen);
    off_side =
        is_on_side ? Duration{0} : off_side + std::max(Duration{0}, end - std::max(begin, from));
    if (off_side > unseen) {
      return false;
    }
  }
  return was_on_side;
}

void Witness::see_decisions() {
  const auto& lines = machine_.log_lines;
  for (; read_lines_ < lines.size(); ++read_lines_) {
    const std::string& line = lines[read_lines_];
    note_refusals(line);
    const bool is_promotion = line.find("monitor.promotes") != std::string::npos;
    if (is_promotion || line.find("monitor.demotes") != std::string::npos) {
      judge_decision(line, is_promotion);
    }
  }
  const auto wished = static_cast<std::size_t>(
      std::count_if(stored().tenants.begin(), stored().tenants.end(),
                    [](const auto& entry) { return entry.second.wish.has_value(); }));
  if (stored().platform && wished > stored().platform->monitor.max_promoted) {
    break_law("budget", fmt::format("{} tenants are promoted", wished));
  }
}

/// The monitor waits before it acts, and before it acts on the same tenant the other way.
void Witness::judge_decision(const std::string& line, bool is_promotion) {
  const Result<TenantId> tenant = TenantId::parse(subject_in(line, "tenant"));
  if (tenant.has_error() || !stored().platform) {
    return;
  }
  if (!has_held(*tenant, is_promotion ? Side::kBusy : Side::kQuiet)) {
    break_law("dwell",
              fmt::format("{} is {} before it was {} for long enough", tenant->str(),
                          is_promotion ? "promoted" : "demoted", is_promotion ? "busy" : "quiet"));
  }
  const auto last = moves_.find(*tenant);
  if (last != moves_.end() && last->second.is_promotion != is_promotion &&
      now() - last->second.at + kTurn < stored().platform->monitor.cooldown) {
    break_law("cooldown", fmt::format("{} is moved back after {}", tenant->str(),
                                      format_duration(now() - last->second.at)));
  }
  moves_.insert_or_assign(*tenant, Decided{is_promotion, now(), machine_.wall.now()});
}

void Witness::see_jump() {
  for (auto& [tenant, move] : moves_) {
    move.was_clock_set = true;
  }
}

void Witness::see_new_daemon() {
  refused_.clear();
  std::erase_if(moves_, [&](const auto& entry) {
    return entry.second.was_clock_set || !is_recorded(entry.first, entry.second);
  });
}

/// A daemon that dies may take its last decision along.
bool Witness::is_recorded(const TenantId& tenant, const Decided& move) const {
  const auto record = stored().tenants.find(tenant);
  if (record == stored().tenants.end() || record->second.wish.has_value() != move.is_promotion) {
    return false;
  }
  const auto& events = machine_.registry->events;
  return move.is_promotion ||
         std::any_of(events.begin(), events.end(), [&](const EventRecord& event) {
           return event.name == "monitor.demotes" && event.subject == tenant_subject(tenant) &&
                  event.at + kTurn >= move.wall;
         });
}

}  // namespace voicectl
