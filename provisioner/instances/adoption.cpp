// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/adoption.h"

#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "base/json.h"

namespace voicectl {
namespace {

/// Receivers that do nothing once the adoption is over or gone.
template <typename Task>
auto while_alive(const std::shared_ptr<int>& alive, Task task) {
  return [task = std::move(task), guard = std::weak_ptr<int>(alive)](auto&&... arguments) {
    if (!guard.expired()) {
      task(std::forward<decltype(arguments)>(arguments)...);
    }
  };
}

/// ERRORS: kCorrupt for a token that no earlier run can have given out. What is recorded from it
/// would be above all that this one gives out, and of all tenants.
Result<RegainedTenant> parse_listener(const InstanceId& instance,
                                      const std::string& body,
                                      Epoch present) {
  VC_TRY(const Json fields, parse_json(body));
  VC_TRY(const std::string name, require_string(fields, "tenant"));
  VC_TRY(const TenantId tenant, TenantId::parse(name));
  VC_TRY(const std::int64_t generation, require_integer(fields, "generation"));
  VC_TRY(const std::int64_t number, require_integer(fields, "token"));
  const FencingToken token{static_cast<std::uint64_t>(number)};
  if (number < 0 || first_token_of(present) < token) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("cannot believe token {} of tenant '{}': none like it was given out",
                             number, tenant.str()));
  }
  return RegainedTenant{tenant, instance, Generation{static_cast<std::uint64_t>(generation)},
                        token};
}

}  // namespace

Adoption::Adoption(Supervision& supervision, Supervise supervise, End end)
    : supervision_(supervision), supervise_(std::move(supervise)), end_(std::move(end)) {}

Adoption::~Adoption() = default;

void Adoption::begin(std::vector<AdoptRecord> records, Completion<AdoptReport> done) {
  done_ = std::move(done);
  if (const Status found = find_candidates(std::move(records)); found.has_error()) {
    return answer(found.error().with_context("looking for running instances"));
  }
  // One more than there are, so that none of them can be the last while we still look.
  open_ = candidates_.size() + 1;
  for (auto& [id, candidate] : candidates_) {
    look_at(id, candidate);
  }
  finish_one();
}

Status Adoption::find_candidates(std::vector<AdoptRecord> records) {
  VC_TRY(const std::vector<std::string> names,
         supervision_.deps.files.list(supervision_.settings.paths.folders()));
  for (const std::string& name : names) {
    // A folder that no instance can be named after is none of ours.
    if (const Result<InstanceId> id = InstanceId::parse(name); !id.has_error()) {
      candidates_.try_emplace(*id);
    }
  }
  for (AdoptRecord& record : records) {
    const InstanceId id = record.instance;
    candidates_[id].record = std::move(record);
  }
  return ok_status();
}

void Adoption::look_at(const InstanceId& id, Candidate& candidate) {
  candidate.file =
      read_process_file(supervision_.deps.files, supervision_.settings.paths.process_file(id));
  end_next(id, candidate);
}

void Adoption::end_next(const InstanceId& id, Candidate& candidate) {
  const std::optional<ProcessFile> next =
      read_process_file(supervision_.deps.files, supervision_.settings.paths.next_process_file(id));
  if (!next) {
    return greet(id, candidate);
  }
  candidate.waits_for_next = true;
  // One that both files name has taken the place already.
  const bool is_itself = candidate.file && candidate.file->process == next->process;
  const auto gone =
      while_alive(alive_, [this, id](const ProcessExit&) { forget_next(id, NextIs::kGone); });
  const Status adopted =
      is_itself ? ok_status() : supervision_.deps.processes.adopt(next->process, gone);
  const bool is_gone = adopted.has_error() && adopted.error().code() == ErrorCode::kNotFound;
  if (is_itself || is_gone) {
    return forget_next(id, NextIs::kGone);
  }
  const Status killed = supervision_.deps.processes.signal_group(next->process, SIGKILL);
  const NextIs fate = killed.has_value() ? NextIs::kGone : NextIs::kLeft;
  // It keeps a port of the instance open, so its end is awaited, but not for ever.
  supervision_.deps.reactor.call_after(
      supervision_.settings.times.kill,
      while_alive(alive_, [this, id, fate] { forget_next(id, fate); }));
}

void Adoption::forget_next(const InstanceId& id, NextIs fate) {
  const auto found = candidates_.find(id);
  if (found == candidates_.end() || !std::exchange(found->second.waits_for_next, false)) {
    return;
  }
  if (fate == NextIs::kGone) {
    (void)supervision_.deps.files.remove(supervision_.settings.paths.next_process_file(id));
  }
  greet(id, found->second);
}

Result<std::unique_ptr<FdChannel>> Adoption::connect(const InstanceId& id, Candidate& candidate) {
  const InstancePaths& paths = supervision_.settings.paths;
  candidate.socket = candidate.file ? candidate.file->socket : ControlSocket::kFirst;
  Result<std::unique_ptr<FdChannel>> channel =
      supervision_.deps.channels.connect(paths.control_socket(id, candidate.socket));
  if (candidate.file || !channel.has_error() || channel.error().code() != ErrorCode::kNotFound) {
    return channel;
  }
  // Somebody has taken the file away that says which one it is.
  candidate.socket = other(candidate.socket);
  return supervision_.deps.channels.connect(paths.control_socket(id, candidate.socket));
}

void Adoption::greet(const InstanceId& id, Candidate& candidate) {
  Result<std::unique_ptr<FdChannel>> channel = connect(id, candidate);
  if (channel.has_error()) {
    return end_unanswering(id, candidate, channel.error());
  }
  candidate.link = std::make_unique<ControlLink>(supervision_.deps.reactor, std::move(*channel));
  const std::uint32_t peer = candidate.link->peer_uid();
  const std::optional<UserIds>& user = supervision_.settings.launch.user;
  if (peer != supervision_.settings.own_uid && !(user && user->uid == peer)) {
    return leave_alone(id, candidate,
                       Error(ErrorCode::kPermissionDenied,
                             fmt::format("cannot adopt instance '{}': its control socket belongs "
                                         "to user {}",
                                         id.str(), peer)));
  }
  const Json body = {{"instance", id.str()}, {"epoch", supervision_.settings.epoch.value}};
  const ControlLink::Question question{.type = std::string(control::request::kHello),
                                       .body = dump_json(body),
                                       .timeout = supervision_.settings.times.adopt};
  candidate.link->ask(question, while_alive(alive_, [this, id](const Result<std::string>& answer) {
                        take_hello(id, answer);
                      }));
}

void Adoption::take_hello(const InstanceId& id, const Result<std::string>& answer) {
  Candidate& candidate = candidates_.at(id);
  if (answer.has_error()) {
    return answer.error().code() == ErrorCode::kFenced
               ? leave_alone(id, candidate, answer.error())
               : end_unanswering(id, candidate, answer.error());
  }
  const Result<ProcessIdentity> process = identify(id, candidate, *answer);
  if (process.has_error()) {
    return leave_alone(id, candidate, process.error());
  }
  candidate.process = *process;
  const Result<Json> body = parse_json(*answer);
  candidate.version = body.has_error() ? "" : string_or(*body, "version", "");
  ask_for_listeners(id, candidate);
}

Result<ProcessIdentity> Adoption::identify(const InstanceId& id,
                                           const Candidate& candidate,
                                           const std::string& hello_body) const {
  VC_TRY(const Json body, parse_json(hello_body));
  const std::int64_t pid = integer_or(body, "pid", 0);
  const std::optional<ProcessIdentity> process =
      pid > 1 ? supervision_.deps.processes.identify(static_cast<int>(pid)) : std::nullopt;
  // An instance may run as another user: its word alone must not decide whom we signal.
  const bool is_other = candidate.file && process && candidate.file->process != *process;
  if (!process || is_other) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot adopt instance '{}': it says that it is process {}, which is "
                             "not the one that was started",
                             id.str(), pid));
  }
  return *process;
}

void Adoption::ask_for_listeners(const InstanceId& id, Candidate& candidate) {
  const ControlLink::Question question{.type = std::string(control::request::kRegain),
                                       .body = R"({"admin":true})",
                                       .timeout = supervision_.settings.times.adopt};
  candidate.link->ask(
      question,
      while_alive(alive_,
                  [this, id](const Result<std::string>& answer) { take_regained(id, answer); }),
      while_alive(alive_, [this, id](const std::string& body, std::vector<UniqueFd> both) {
        take_listener(id, body, std::move(both));
      }));
}

void Adoption::take_listener(const InstanceId& id,
                             const std::string& body,
                             std::vector<UniqueFd> both) {
  Candidate& candidate = candidates_.at(id);
  const Result<RegainedTenant> regained = parse_listener(id, body, supervision_.settings.epoch);
  if (regained.has_error() && both.size() == 1 && body == R"({"admin":true})") {
    take_admin_listener(id, candidate, std::move(both.front()));
    return;
  }
  if (regained.has_error() || both.size() != 2) {
    return;  // `count` of the answer will not agree
  }
  const ListenerPlaces* const places = places_of(candidate, regained->tenant);
  std::uint64_t binding = 0;
  if (places != nullptr && supervision_.deps.listeners.describe(both[0]) == places->unix_listener &&
      supervision_.deps.listeners.describe(both[1]) == places->tcp_listener) {
    binding =
        supervision_.deps.bank.take_over(regained->tenant, std::move(both[0]), std::move(both[1]));
  }
  candidate.tenants.insert_or_assign(
      regained->tenant,
      LentTenant{regained->generation, regained->token, binding, places == nullptr});
}

const ListenerPlaces* Adoption::places_of(const Candidate& candidate, const TenantId& tenant) {
  if (!candidate.record) {
    return nullptr;
  }
  const auto found = candidate.record->tenants.find(tenant);
  return found == candidate.record->tenants.end() ? nullptr : &found->second;
}

void Adoption::take_admin_listener(const InstanceId& id, Candidate& candidate, UniqueFd listener) {
  const std::optional<InstanceOptions> options = options_of(id, candidate);
  const std::string place = options ? "127.0.0.1:" + options->admin_port.str() : "";
  // An instance may run as another user, and give anything.
  if (options && supervision_.deps.listeners.describe(listener) == place) {
    candidate.admin_listener = std::move(listener);
  }
}

void Adoption::take_regained(const InstanceId& id, const Result<std::string>& answer) {
  Candidate& candidate = candidates_.at(id);
  if (answer.has_error()) {
    return end_unanswering(id, candidate, answer.error());
  }
  const Result<Json> body = parse_json(*answer);
  const std::int64_t count = body.has_error() ? -1 : integer_or(*body, "count", -1);
  if (count != static_cast<std::int64_t>(candidate.tenants.size())) {
    return end_unanswering(
        id, candidate,
        Error(ErrorCode::kCorrupt,
              fmt::format("cannot regain the listeners of instance '{}': it says {}, {} came",
                          id.str(), count, candidate.tenants.size())));
  }
  supervise(id, candidate);
}

void Adoption::supervise(const InstanceId& id, Candidate& candidate) {
  const std::optional<InstanceOptions> options = options_of(id, candidate);
  if (!options) {
    return leave_alone(id, candidate,
                       Error(ErrorCode::kCorrupt,
                             fmt::format("cannot end instance '{}', which nobody recorded: its "
                                         "process file is broken; end process {} by hand",
                                         id.str(), candidate.process.pid)));
  }
  const std::map<TenantId, LentTenant> tenants = candidate.tenants;
  const Status supervised =
      supervise_(*options, FoundInstance{candidate.process, std::move(candidate.link),
                                         candidate.version, candidate.tenants, candidate.socket,
                                         std::move(candidate.admin_listener)});
  if (supervised.has_error()) {
    return supervised.error().code() == ErrorCode::kNotFound
               ? clean_up(id, candidate)
               : leave_alone(id, candidate, supervised.error());
  }
  if (!candidate.record) {
    return end(id, supervision_.settings.times.orphan_grace);
  }
  report_.adopted.push_back(id);
  for (const auto& [tenant, lent] : tenants) {
    report_.regained.push_back(
        RegainedTenant{tenant, id, lent.generation, lent.token, lent.is_only_claimed});
  }
  finish_one();
}

void Adoption::end_unanswering(const InstanceId& id, Candidate& candidate, const Error& why) {
  if (candidate.link) {
    candidate.link->close(why);
    candidate.link.reset();
  }
  const bool nobody_listens = why.code() == ErrorCode::kNotFound;
  if (!candidate.file) {
    return nobody_listens ? clean_up(id, candidate) : leave_alone(id, candidate, why);
  }
  const ProcessIdentity& written = candidate.file->process;
  const std::optional<InstanceOptions> options = options_of(id, candidate);
  const bool is_running = supervision_.deps.processes.identify(written.pid) == written;
  if (!is_running || !options ||
      supervise_(*options, FoundInstance{written, nullptr, "", {}, candidate.socket}).has_error()) {
    return clean_up(id, candidate);
  }
  end(id, Duration::zero());
}

void Adoption::end(const InstanceId& id, Duration grace) {
  end_(id, grace, while_alive(alive_, [this, id](const Status& ended) {
         const Candidate& candidate = candidates_.at(id);
         if (ended.has_error()) {
           report_.left_alone.push_back(LeftAlone{id, ended.error()});
         } else if (candidate.record) {
           report_.lost.push_back(id);
         } else {
           report_.ended.push_back(id);
         }
         finish_one();
       }));
}

void Adoption::clean_up(const InstanceId& id, const Candidate& candidate) {
  const Status removed = supervision_.deps.files.remove(supervision_.settings.paths.folder(id));
  if (candidate.record) {
    report_.lost.push_back(id);
  } else if (removed.has_error()) {
    report_.left_alone.push_back(LeftAlone{id, removed.error()});
  }
  finish_one();
}

void Adoption::leave_alone(const InstanceId& id, Candidate& candidate, const Error& why) {
  if (candidate.link) {
    candidate.link->close(why);
    candidate.link.reset();
  }
  report_.left_alone.push_back(LeftAlone{id, why});
  finish_one();
}

std::optional<InstanceOptions> Adoption::options_of(const InstanceId& id,
                                                    const Candidate& candidate) const {
  if (candidate.record) {
    return InstanceOptions{id, candidate.record->kind, candidate.record->admin_port,
                           FirstFailure::kKeepTrying, candidate.record->program};
  }
  if (candidate.file) {
    return InstanceOptions{id, InstanceKind::kShared, candidate.file->admin_port,
                           FirstFailure::kForget};
  }
  return std::nullopt;
}

void Adoption::finish_one() {
  if (--open_ > 0) {
    return;
  }
  candidates_.clear();
  std::sort(report_.adopted.begin(), report_.adopted.end());
  std::sort(report_.lost.begin(), report_.lost.end());
  std::sort(report_.ended.begin(), report_.ended.end());
  const auto by_tenant = [](const RegainedTenant& one, const RegainedTenant& other) {
    return std::tie(one.tenant, one.token) < std::tie(other.tenant, other.token);
  };
  std::sort(report_.regained.begin(), report_.regained.end(), by_tenant);
  answer(report_);
}

void Adoption::cancel(const Error& why) {
  alive_.reset();
  candidates_.clear();
  answer(why);
}

void Adoption::answer(Result<AdoptReport> result) {
  if (done_) {
    supervision_.answer<AdoptReport>(std::exchange(done_, nullptr), std::move(result));
  }
}

}  // namespace voicectl
