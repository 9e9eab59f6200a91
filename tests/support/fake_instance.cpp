// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_instance.h"

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "base/json.h"

namespace voicectl {
namespace {

/// The name after `--instance`; empty if the program is no instance.
std::string instance_name(const LaunchSpec& spec) {
  const auto flag = std::find(spec.argv.begin(), spec.argv.end(), "--instance");
  return flag == spec.argv.end() || flag + 1 == spec.argv.end() ? "" : *(flag + 1);
}

Json fields_of(const control::Message& question) {
  const Result<Json> fields = parse_json(question.body);
  VC_CHECK(!fields.has_error(), "the daemon asks in JSON");
  return *fields;
}

std::uint64_t number(const Json& fields, std::string_view key) {
  return static_cast<std::uint64_t>(integer_or(fields, key, 0));
}

}  // namespace

FakeInstances::FakeInstances(Reactor& reactor,
                             FakeProcesses& processes,
                             FakeChannelHub& hub,
                             FakeNetwork& network)
    : reactor_(reactor), processes_(processes), observer_(processes), hub_(hub), network_(network) {
  processes_.on_spawn = [this, next = std::move(processes_.on_spawn)](const LaunchSpec& spec,
                                                                      const ProcessIdentity& who) {
    if (!instance_name(spec).empty()) {
      return begin(spec, who);
    }
    if (next) {
      next(spec, who);
    }
  };
  processes_.on_signal = [this, next = std::move(processes_.on_signal)](const ProcessIdentity& who,
                                                                        int signal_number) {
    if (name_of_process(who)) {
      return take_signal(who, signal_number);
    }
    return next ? next(who, signal_number) : false;
  };
}

std::string FakeInstances::given_name(const std::string& name) {
  return name.ends_with('+') ? name.substr(0, name.size() - 1) : name;
}

InstanceScript& FakeInstances::script_of_running(const std::string& name) {
  return running_.at(name).script;
}

void FakeInstances::begin(const LaunchSpec& spec, const ProcessIdentity& who) {
  std::string name = instance_name(spec);
  ++starts_[name];
  if (running_.contains(name)) {
    name += "+";
  }
  const std::string address =
      network_.address_of(processes_.descriptor_of(who, control::kControlDescriptor));
  VC_CHECK(address.starts_with("unix:"), "an instance inherits its control socket");
  Instance instance;
  instance.who = who;
  const auto of_program = programs_.find(spec.argv.front());
  instance.script = scripts_.contains(name)         ? scripts_.at(name)
                    : of_program != programs_.end() ? of_program->second
                                                    : default_script_;
  instance.control_path = address.substr(5);
  hide_others_at(instance.control_path);
  const InstanceScript script = instance.script;
  running_.insert_or_assign(name, std::move(instance));
  (void)observer_.adopt(who, [this, who](const ProcessExit&) { forget(who); });
  if (script.ready_after) {
    reactor_.call_after(*script.ready_after, [this, who] { listen(who); });
  }
  if (script.ends_after) {
    end_later(name, *script.ends_after, script.ends_with);
  }
}

void FakeInstances::forget(const ProcessIdentity& who) {
  const std::optional<std::string> name = name_of_process(who);
  if (!name) {
    return;
  }
  const std::string path = running_.at(*name).control_path;
  const bool is_hidden = running_.at(*name).is_hidden;
  running_.erase(*name);
  if (!is_hidden) {
    hub_.stop_listening(path);
    hub_.drop(path);
  }
  if (auto next = running_.extract(*name + "+")) {
    next.key() = *name;
    running_.insert(std::move(next));
  }
}

void FakeInstances::hide_others_at(const std::string& path) {
  for (auto& [name, instance] : running_) {
    if (instance.control_path == path) {
      instance.is_hidden = true;
      hub_.stop_listening(path);
    }
  }
}

void FakeInstances::end_later(const std::string& name, Duration wait, ProcessExit how) {
  reactor_.call_after(wait, [this, who = running_.at(name).who, how] { processes_.end(who, how); });
}

void FakeInstances::listen(const ProcessIdentity& who) {
  const std::optional<std::string> starting = name_of_process(who);
  if (!starting || running_.at(*starting).is_hidden) {
    return;
  }
  hub_.listen(running_.at(*starting).control_path, [this, who](std::unique_ptr<FdChannel> channel) {
    const std::optional<std::string> name = name_of_process(who);
    if (!name) {
      return;
    }
    FdChannel::Handlers handlers;
    handlers.on_message = [this, who](const std::string& text, std::vector<UniqueFd> descriptors) {
      if (const std::optional<std::string> known = name_of_process(who)) {
        take(*known, text, std::move(descriptors));
      }
    };
    Instance& instance = running_.at(*name);
    // A newer daemon replaces the older.
    instance.channel = std::move(channel);
    ++instance.connection;
    instance.channel->start(std::move(handlers));
  });
}

void FakeInstances::crash(const std::string& name, ProcessExit how) {
  processes_.end(running_.at(name).who, how);
}

void FakeInstances::drop_channel(const std::string& name) {
  hub_.drop(running_.at(name).control_path);
}

void FakeInstances::stop_accepting(const std::string& name) {
  hub_.stop_listening(running_.at(name).control_path);
  drop_channel(name);
}

bool FakeInstances::is_connected(const std::string& name) const {
  const auto found = running_.find(name);
  return found != running_.end() && found->second.channel != nullptr;
}

std::optional<ProcessIdentity> FakeInstances::identity(const std::string& name) const {
  const auto found = running_.find(name);
  return found == running_.end() ? std::nullopt : std::optional(found->second.who);
}

int FakeInstances::starts(const std::string& name) const {
  const auto found = starts_.find(name);
  return found == starts_.end() ? 0 : found->second;
}

bool FakeInstances::accepts_at(const std::string& name,
                               const TenantId& tenant,
                               const std::string& path,
                               Port port) const {
  const auto instance = running_.find(name);
  if (instance == running_.end() || !instance->second.tenants.contains(tenant)) {
    return false;
  }
  const Tenant& held = instance->second.tenants.at(tenant);
  return network_.is_reachable(path) && network_.is_listening(held.unix_listener.get()) &&
         network_.is_listening(held.tcp_listener.get()) &&
         network_.address_of(held.unix_listener.get()) == "unix:" + path &&
         network_.address_of(held.tcp_listener.get()) == "127.0.0.1:" + port.str();
}

std::string FakeInstances::program_of(const std::string& name) const {
  const auto found = running_.find(name);
  const LaunchSpec* const spec =
      found == running_.end() ? nullptr : processes_.spec_of(found->second.who);
  return spec == nullptr ? "" : spec->argv.front();
}

std::vector<std::string> FakeInstances::holders(const TenantId& tenant) const {
  std::vector<std::string> out;
  for (const auto& [name, instance] : running_) {
    if (instance.tenants.contains(tenant)) {
      out.push_back(name);
    }
  }
  return out;
}

Result<std::uint64_t> FakeInstances::call(const TenantId& tenant,
                                          const std::string& path,
                                          const std::string& session,
                                          std::uint64_t number) {
  std::vector<Tenant*> there;
  for (auto& [name, instance] : running_) {
    const auto held = instance.tenants.find(tenant);
    if (held != instance.tenants.end() && !instance.script.is_mute && !held->second.is_quiet &&
        held->second.store && network_.leads_to(path, held->second.unix_listener.get())) {
      there.push_back(&held->second);
    }
  }
  if (there.empty()) {
    return Error(ErrorCode::kUnavailable, "cannot answer: nobody serves the tenant now");
  }
  // Who shares a listener shares its callers.
  return there[++calls_ % there.size()]->store->add(session, number);
}

const FakeInstances::Lent* FakeInstances::find(const std::string& name,
                                               const TenantId& tenant) const {
  const auto instance = running_.find(name);
  if (instance == running_.end() || !instance->second.tenants.contains(tenant)) {
    return nullptr;
  }
  return &instance->second.tenants.at(tenant).lent;
}

void FakeInstances::take(const std::string& name,
                         const std::string& text,
                         std::vector<UniqueFd> descriptors) {
  const auto found = running_.find(name);
  const Result<control::Message> question = control::decode(text);
  if (found == running_.end() || question.has_error() || !question->id ||
      found->second.script.is_mute) {
    return;
  }
  Instance& instance = found->second;
  if (is_lost(*question, name)) {
    return;
  }
  std::optional<Result<std::string>> body;
  if (on_request) {
    body = on_request(given_name(name), *question);
  }
  const bool is_hand_over =
      question->type == control::request::kHandOver || question->type == control::request::kReceive;
  if (!body && is_hand_over) {
    return take_hand_over(name, *question, std::move(descriptors));
  }
  if (!body) {
    body = answer(name, instance, *question, std::move(descriptors));
  }
  const control::Message reply =
      body->has_error() ? control::make_error_reply(*question->id, body->error())
                        : control::Message{std::string(question->type == control::request::kHello
                                                           ? control::reply::kReady
                                                           : control::reply::kOk),
                                           std::nullopt, question->id, **body};
  (void)instance.channel->send(control::encode(reply), {});  // a daemon that went away
}

bool FakeInstances::is_lost(const control::Message& question, const std::string& name) {
  const Loss loss = on_delivery ? on_delivery(given_name(name), question) : Loss::kNothing;
  const std::string path = running_.at(name).control_path;
  if (loss == Loss::kQuestion) {
    hub_.cut(path);
  } else if (loss == Loss::kAnswer) {
    // Runs before the answer can have arrived.
    reactor_.post([this, path] { hub_.cut(path); });
  }
  return loss == Loss::kQuestion;
}

Result<std::string> FakeInstances::answer(const std::string& name,
                                          Instance& instance,
                                          const control::Message& question,
                                          std::vector<UniqueFd> descriptors) {
  using Answer = Result<std::string>;
  const std::map<std::string_view, std::function<Answer()>> answers = {
      {control::request::kHello, [&] { return greet(instance, question); }},
      {control::request::kLend, [&] { return lend(instance, question, std::move(descriptors)); }},
      {control::request::kReclaim, [&] { return reclaim(instance, question); }},
      {control::request::kReconfigure, [&] { return reconfigure(instance, question); }},
      {control::request::kReloadKeys, [&] { return reload_keys(instance, question); }},
      {control::request::kRegain,
       [&] {
         cancel_hand_overs(name);
         return regain(instance, question);
       }},
      {control::request::kPing, [] { return Answer("{}"); }},
      {control::request::kStats, [&] { return stats(instance, question); }},
      {control::request::kListSessions, [] { return Answer(R"({"sessions":[]})"); }},
      {control::request::kStop,
       [&] {
         if (instance.script.stops_after) {
           end_later(name, *instance.script.stops_after, FakeProcesses::exited(0));
         }
         return Answer("{}");
       }},
  };
  const auto known = answers.find(question.type);
  if (known == answers.end()) {
    return Error(ErrorCode::kInvalidArgument, "cannot answer '" + question.type + "'");
  }
  return known->second();
}

Result<std::string> FakeInstances::greet(Instance& instance, const control::Message& question) {
  const std::uint64_t epoch = number(fields_of(question), "epoch");
  if (epoch < instance.highest_epoch) {
    return Error(ErrorCode::kFenced, "cannot obey: a newer daemon was here");
  }
  instance.highest_epoch = epoch;
  Json tenants = Json::array();
  for (const auto& [tenant, held] : instance.tenants) {
    tenants.push_back(tenant.str());
  }
  return dump_json({{"version", "1.0-fake"},
                    {"pid", instance.script.claimed_pid.value_or(instance.who.pid)},
                    {"tenants", tenants}});
}

Result<std::string> FakeInstances::lend(Instance& instance,
                                        const control::Message& question,
                                        std::vector<UniqueFd> descriptors) {
  const Json fields = fields_of(question);
  VC_TRY(const TenantId tenant, TenantId::parse(string_or(fields, "tenant", "")));
  if (descriptors.size() != 2) {
    return Error(ErrorCode::kInvalidArgument, "cannot serve a tenant without two listeners");
  }
  VC_TRY(instance.tokens.admit(tenant, FencingToken{number(fields, "token")}));
  Lent lent{Generation{number(fields, "generation")},  FencingToken{number(fields, "token")},
            string_or(fields, "config", ""),           string_or(fields, "data", ""),
            network_.address_of(descriptors[0].get()), network_.address_of(descriptors[1].get())};
  VC_TRY(FakeTenantStore store, FakeTenantStore::open(network_.files(), lent.data, lent.token));
  instance.tokens.hold(tenant);
  instance.tenants.insert_or_assign(tenant, Tenant{std::move(lent), std::move(descriptors[0]),
                                                   std::move(descriptors[1]), std::move(store)});
  return std::string("{}");
}

Result<std::string> FakeInstances::reclaim(Instance& instance, const control::Message& question) {
  const Json fields = fields_of(question);
  VC_TRY(const TenantId tenant, TenantId::parse(string_or(fields, "tenant", "")));
  const Status is_newest = instance.tokens.admit(tenant, FencingToken{number(fields, "token")});
  const auto held = instance.tenants.find(tenant);
  if (held == instance.tenants.end()) {
    return Error(ErrorCode::kNotFound, "cannot let go of what is not here");
  }
  VC_TRY(is_newest);
  instance.tenants.erase(held);
  instance.tokens.release(tenant);
  return std::string("{}");
}

Result<std::string> FakeInstances::reconfigure(Instance& instance,
                                               const control::Message& question) {
  const Json fields = fields_of(question);
  VC_TRY(const TenantId tenant, TenantId::parse(string_or(fields, "tenant", "")));
  const auto held = instance.tenants.find(tenant);
  if (held == instance.tenants.end()) {
    return Error(ErrorCode::kNotFound, "cannot configure what is not here");
  }
  held->second.lent.generation = Generation{number(fields, "generation")};
  held->second.lent.config = string_or(fields, "config", "");
  return std::string("{}");
}

Result<std::string> FakeInstances::reload_keys(Instance& instance,
                                               const control::Message& question) {
  VC_TRY(const TenantId tenant, TenantId::parse(string_or(fields_of(question), "tenant", "")));
  const auto held = instance.tenants.find(tenant);
  if (held == instance.tenants.end()) {
    return Error(ErrorCode::kNotFound, "cannot read the keys of what is not here");
  }
  ++held->second.lent.key_reloads;
  return std::string("{}");
}

Result<std::string> FakeInstances::regain(Instance& instance, const control::Message& question) {
  for (const auto& [tenant, held] : instance.tenants) {
    const Json body = {{"tenant", tenant.str()},
                       {"generation", held.lent.generation.value},
                       {"token", held.lent.token.value}};
    const control::Message part{std::string(control::reply::kListener), std::nullopt, question.id,
                                dump_json(body)};
    VC_TRY(instance.channel->send(control::encode(part),
                                  {held.unix_listener.get(), held.tcp_listener.get()}));
  }
  if (fields_of(question).value("admin", false)) {
    const control::Message part{std::string(control::reply::kListener), std::nullopt, question.id,
                                R"({"admin":true})"};
    VC_TRY(instance.channel->send(
        control::encode(part),
        {processes_.descriptor_of(instance.who, control::kAdminDescriptor)}));
  }
  return dump_json({{"count", instance.tenants.size()}});
}

std::uint64_t FakeInstances::sessions_of(const TenantId& tenant) const {
  const auto found = sessions.find(tenant);
  return found == sessions.end() ? 0 : found->second;
}

Duration FakeInstances::used(const Work& work) const {
  return work.before + (reactor_.now() - work.since) / 1000 * work.rate.count;
}

void FakeInstances::use_processor(const TenantId& tenant, MilliCpu rate) {
  const auto known = work_.find(tenant);
  const Duration before = known == work_.end() ? Duration::zero() : used(known->second);
  work_.insert_or_assign(tenant, Work{before, reactor_.now(), rate});
}

Result<std::string> FakeInstances::stats(const Instance& instance,
                                         const control::Message& question) const {
  const Json asked = fields_of(question);
  const std::string after = string_or(asked, "after", "");
  const std::string wanted = string_or(asked, "tenant", "");
  Json answer = Json::object();
  Json tenants = Json::array();
  for (const auto& [tenant, held] : instance.tenants) {
    if (tenant.str() <= after || (!wanted.empty() && tenant.str() != wanted)) {
      continue;
    }
    if (tenants.size() == sample_page) {
      answer["next"] = tenants.back()["tenant"];
      break;
    }
    tenants.push_back({{"tenant", tenant.str()},
                       {"sessions", sessions_of(tenant)},
                       {"connections", 0},
                       {"websockets", 0},
                       {"requests_total", 0},
                       {"tool_calls_total", 0}});
    if (const auto work = work_.find(tenant); work != work_.end()) {
      tenants.back()["cpu_us"] =
          std::chrono::duration_cast<std::chrono::microseconds>(used(work->second)).count();
    }
  }
  answer["tenants"] = std::move(tenants);
  return dump_json(answer);
}

bool FakeInstances::take_signal(const ProcessIdentity& who, int signal_number) {
  const std::string name = *name_of_process(who);
  if (signal_number != SIGTERM) {
    return false;
  }
  if (const std::optional<Duration> wait = running_.at(name).script.stops_after) {
    end_later(name, *wait, FakeProcesses::exited(0));
  }
  return true;
}

std::optional<std::string> FakeInstances::name_of_process(const ProcessIdentity& who) const {
  for (const auto& [name, instance] : running_) {
    if (instance.who == who) {
      return name;
    }
  }
  return std::nullopt;
}

}  // namespace voicectl
