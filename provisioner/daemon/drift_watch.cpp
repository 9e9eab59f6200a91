// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/drift_watch.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "base/os/process_identity.h"
#include "provisioner/holder/holder_store.h"
#include "provisioner/plan/planner.h"

namespace voicectl {
namespace {

/// As the largest file that is written.
constexpr std::size_t kMostBytes = 16U << 20;
constexpr std::size_t kMostIdentity = 4096;
/// Longer than a tick of the clock by which file systems note when a file was touched.
constexpr std::chrono::seconds kSettled{1};

Json finding_json(const DriftFinding& finding) {
  Json out = {{"kind", name_of(finding.kind)},
              {"name", finding.name},
              {"subject", finding.subject},
              {"path", finding.path.empty() ? Json() : Json(finding.path)},
              {"expected", finding.expected},
              {"found", finding.found},
              {"state", finding.state.empty() ? Json() : Json(finding.state)},
              {"since", finding.since ? Json(format_wall_time(*finding.since)) : Json()},
              {"repaired_by_apply", finding.repair != DriftRepair::kNone && !finding.is_held},
              {"adoptable", finding.not_adoptable.empty()},
              {"remedy", remedy_of(finding)},
              {"adopted", Json()}};
  if (finding.adopted) {
    out["adopted"] = {{"who", finding.adopted->who},
                      {"why", finding.adopted->why},
                      {"at", format_wall_time(finding.adopted->at)}};
  }
  return out;
}

Json adoption_json(const AcceptedDrift& adoption, const std::vector<DriftFinding>& findings) {
  const bool applies = std::any_of(
      findings.begin(), findings.end(),
      [&](const DriftFinding& finding) { return finding.adopted && *finding.adopted == adoption; });
  return {{"name", adoption.name},
          {"who", adoption.who},
          {"why", adoption.why},
          {"at", format_wall_time(adoption.at)},
          {"applies", applies}};
}

}  // namespace

void DriftWatch::begin() {
  deps_.reactor.call_after(kDriftInterval, [this] {
    if (!deps_.is_busy()) {
      look_and_tell();
    }
    begin();
  });
}

void DriftWatch::look_and_tell() {
  std::map<std::string, Told> now;
  for (const DriftFinding& finding : look(deps_.snapshot())) {
    if (finding.adopted) {
      continue;
    }
    now.emplace(finding.name, Told{finding.kind, finding.subject});
    if (!told_.contains(finding.name)) {
      deps_.events.add("drift.found", finding.subject,
                       dump_json({{"name", finding.name},
                                  {"kind", name_of(finding.kind)},
                                  {"reason", summarize(finding)}}));
    }
  }
  for (const auto& [name, told] : told_) {
    if (!now.contains(name)) {
      deps_.events.add("drift.gone", told.subject,
                       dump_json({{"name", name}, {"kind", name_of(told.kind)}}));
    }
  }
  told_ = std::move(now);
}

TenantHolds DriftWatch::holds_of(const TenantId& tenant) const {
  // A listener that nobody holds is bound anew whatever its file is like.
  return {deps_.bank.holds(tenant), bound_file(tenant)};
}

std::vector<ExpectedFile> DriftWatch::expected_of(const RecordedTenant& tenant,
                                                  const Snapshot& seen,
                                                  const TenantHolds& holds) const {
  return expected_tenant_files(
      deps_.rules, tenant, seen.platform ? seen.platform->domain : "", deps_.written,
      seen.edge_fingerprint.empty() ? "" : deps_.edge.config_file(), holds);
}

DriftWatch::Expectation& DriftWatch::known_of(const RecordedTenant& tenant, const Snapshot& seen) {
  const std::optional<ListenerDescriptors> held = deps_.bank.descriptors(tenant.spec.tenant);
  const std::uint64_t binding = held ? held->binding : 0;
  const bool has_edge = !seen.edge_fingerprint.empty();
  Expectation& known = expectations_[tenant.spec.tenant];
  const bool is_same_socket = known.binding == binding && (!held || known.holds.socket);
  const TenantHolds holds = is_same_socket ? known.holds : holds_of(tenant.spec.tenant);
  if (known.recorded != deps_.recorded.version() || known.has_edge != has_edge ||
      known.written != deps_.written.version() || known.holds != holds || known.files.empty()) {
    known.files = expected_of(tenant, seen, holds);
    known.right.assign(known.files.size(), std::nullopt);
  }
  known.recorded = deps_.recorded.version();
  known.written = deps_.written.version();
  known.has_edge = has_edge;
  known.binding = binding;
  known.holds = holds;
  return known;
}

std::optional<FileIdentity> DriftWatch::bound_file(const TenantId& tenant) const {
  learn_bound_files({tenant});
  const std::optional<ListenerDescriptors> held = deps_.bank.descriptors(tenant);
  const auto known = bound_.find(tenant);
  const bool is_known = held && known != bound_.end() && known->second.first == held->binding;
  return is_known ? std::optional(known->second.second) : std::nullopt;
}

void DriftWatch::learn_bound_files(const std::vector<TenantId>& tenants) const {
  std::vector<std::pair<const TenantId*, std::uint64_t>> asked;
  std::vector<int> descriptors;
  for (const TenantId& tenant : tenants) {
    const std::optional<ListenerDescriptors> held = deps_.bank.descriptors(tenant);
    const auto known = bound_.find(tenant);
    if (held && (known == bound_.end() || known->second.first != held->binding)) {
      asked.emplace_back(&tenant, held->binding);
      descriptors.push_back(held->unix_listener);
    }
  }
  if (asked.empty()) {
    return;
  }
  const std::vector<std::optional<FileIdentity>> found = deps_.scan.bound_files(descriptors);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (found[i]) {
      bound_.insert_or_assign(*asked[i].first, std::pair(asked[i].second, *found[i]));
    }
  }
}

void DriftWatch::learn_new_bindings(const Snapshot& seen) {
  const std::uint64_t latest = deps_.bank.latest_binding();
  if (latest == learned_) {
    return;
  }
  std::vector<TenantId> tenants;
  tenants.reserve(seen.tenants.size());
  for (const auto& [name, tenant] : seen.tenants) {
    tenants.push_back(tenant.spec.tenant);
  }
  learn_bound_files(tenants);
  learned_ = latest;
}

std::vector<ExpectedFile> DriftWatch::expected(const std::optional<TenantId>& tenant) const {
  if (!tenant) {
    return expected_platform_files(deps_.rules, deps_.snapshot(), deps_.written,
                                   deps_.edge.config_file());
  }
  const RecordedTenant* const found = deps_.recorded.find_tenant(*tenant);
  return found == nullptr ? std::vector<ExpectedFile>()
                          : expected_of(*found, deps_.recorded.snapshot(), holds_of(*tenant));
}

std::optional<ObservedFile> DriftWatch::observe(const std::string& path, bool wants_text) {
  const Result<std::optional<FileFacts>> facts = deps_.scan.look(path);
  if (facts.has_error()) {
    return std::nullopt;  // it could not be looked at, which says nothing of it
  }
  ObservedFile out{*facts, {}};
  if (!wants_text) {
    return out;
  }
  if (!out.facts || out.facts->kind != FileKind::kFile) {
    texts_.erase(path);
    return out;
  }
  const auto known = texts_.find(path);
  if (known != texts_.end() && known->second.facts == *out.facts) {
    out.digest = known->second.digest;
    return out;
  }
  // What was touched within a tick of the clock may be touched again and look the same.
  const bool is_settled = out.facts->changed_at + kSettled < deps_.wall.now();
  const Result<std::optional<std::string>> text = deps_.files.read(path, kMostBytes);
  if (text.has_value() && *text) {
    out.digest = sha256_hex(**text);
    if (is_settled) {
      texts_.insert_or_assign(path, Read{*out.facts, out.digest});
    }
  } else if (text.has_error() && text.error().code() == ErrorCode::kResourceExhausted) {
    out.digest = "longer than any text that was written";
  }
  return out;
}

ProcessMarks DriftWatch::marks() {
  const DaemonPaths& paths = deps_.rules.paths;
  ProcessMarks out;
  out.programs = paths.state + "/programs/";
  out.edge_config = deps_.edge.config_file();
  out.holder_socket = paths.run + "/holder.sock";
  out.users = {0, deps_.rules.own_uid};
  if (deps_.rules.instances) {
    out.users.insert(deps_.rules.instances->uid);
  }
  out.daemon = deps_.pid;
  const auto know = [&out](const std::optional<ProcessIdentity>& who) {
    if (who) {
      out.known.emplace(who->pid, who->start_ticks);
    }
  };
  for (const InstanceView& view : deps_.instances.observe()) {
    know(view.process);
    know(view.standby);
  }
  know(deps_.edge.observe().process);
  const Result<std::optional<std::string>> holder =
      deps_.files.read(HolderStore::identity_file(paths.run), kMostIdentity);
  if (holder.has_value() && *holder) {
    know(parse_identity(**holder));
  }
  return out;
}

std::set<std::uint64_t> DriftWatch::known_sockets(const ProcessMarks& marks) const {
  std::set<std::uint64_t> out;
  for (const TenantId& tenant : deps_.bank.tenants()) {
    const std::optional<ListenerDescriptors> held = deps_.bank.descriptors(tenant);
    if (const auto inode = held ? deps_.scan.socket_inode(held->tcp_listener) : std::nullopt) {
      out.insert(*inode);
    }
  }
  for (const auto& [pid, start] : marks.known) {
    if (const auto sockets = deps_.scan.sockets(pid)) {
      out.insert(sockets->begin(), sockets->end());
    }
  }
  return out;
}

std::vector<HostFacts::Stranger> DriftWatch::strangers(const Snapshot& seen,
                                                       const ProcessMarks& marks,
                                                       const std::vector<ProcessFacts>& processes) {
  std::set<std::uint16_t> leased;
  for (const PortLease& lease : seen.leases) {
    if (!lease.released_at) {
      leased.insert(lease.port.value());
    }
  }
  std::vector<ListenerFacts> unknown;
  for (const ListenerFacts& listener : deps_.scan.listeners()) {
    if (leased.contains(listener.port) && !own_sockets_.contains(listener.inode)) {
      unknown.push_back(listener);
    }
  }
  if (unknown.empty()) {
    return {};
  }
  // Whose numbers were given out again is not ours any more.
  own_sockets_ = known_sockets(marks);
  std::vector<HostFacts::Stranger> out;
  for (const ListenerFacts& listener : unknown) {
    if (!own_sockets_.contains(listener.inode)) {
      out.push_back({listener, std::nullopt});
    }
  }
  find_owners(out, processes);
  return out;
}

void DriftWatch::find_owners(std::vector<HostFacts::Stranger>& strangers,
                             const std::vector<ProcessFacts>& processes) const {
  std::map<std::uint64_t, HostFacts::Stranger*> wanted;
  for (HostFacts::Stranger& stranger : strangers) {
    wanted.emplace(stranger.listener.inode, &stranger);
  }
  // Each process is read once, however many listeners somebody opens on numbers of ours.
  for (auto process = processes.begin(); process != processes.end() && !wanted.empty(); ++process) {
    const auto sockets = deps_.scan.sockets(process->pid);
    std::erase_if(wanted, [&](const auto& entry) {
      const bool is_its = sockets && sockets->contains(entry.first);
      if (is_its) {
        entry.second->process = *process;
      }
      return is_its;
    });
  }
}

void DriftWatch::note_since(std::vector<DriftFinding>& findings) {
  std::map<std::pair<DriftKind, std::string>, WallTime> now;
  for (DriftFinding& finding : findings) {
    const std::pair key(finding.kind, finding.name);
    const auto known = first_seen_.find(key);
    now.emplace(key, known == first_seen_.end() ? deps_.wall.now() : known->second);
    if (!finding.since && known != first_seen_.end()) {
      finding.since = known->second;  // at least since then
    }
  }
  first_seen_ = std::move(now);
}

std::optional<FileStamp> DriftWatch::look_at(const ExpectedFile& expected,
                                             WallTime began,
                                             std::vector<ExpectedFile>& wrong,
                                             HostFacts& facts) {
  std::optional<ObservedFile> observed = observe(expected.path, !expected.texts.empty());
  if (!observed) {
    return std::nullopt;
  }
  if (is_right(expected, *observed)) {
    const bool is_settled = !observed->facts || observed->facts->changed_at + kSettled < began;
    return is_settled ? std::optional(stamp_of(observed->facts)) : std::nullopt;
  }
  wrong.push_back(expected);
  facts.files.insert_or_assign(expected.path, *std::move(observed));
  for (const std::string& source : expected.made_from) {
    if (std::optional<ObservedFile> found = observe(source, false)) {
      facts.files.emplace(source, *std::move(found));  // one that is wrong itself is there already
    }
  }
  return std::nullopt;
}

DriftWatch::Ahead DriftWatch::look_ahead() {
  begin_glance();
  return Ahead(*this);
}

void DriftWatch::begin_glance() {
  glance_.reset();
  glanced_at_.clear();
  std::vector<HostScan::Seen> seen;
  for (auto& [tenant, known] : expectations_) {
    for (std::size_t file = 0; file < known.files.size(); ++file) {
      if (known.right[file]) {
        glanced_at_.push_back({&known, file});
        seen.push_back({&known.files[file].path, *known.right[file]});
      }
    }
  }
  glance_ = deps_.scan.glance(std::move(seen));
}

void DriftWatch::take_glance() {
  for (const std::size_t touched : glance_->touched()) {
    const Place place = glanced_at_[touched];
    place.tenant->right[place.file].reset();
  }
  glance_.reset();
}

void DriftWatch::look_at_tenants(const Snapshot& seen,
                                 WallTime began,
                                 std::vector<ExpectedFile>& wrong,
                                 HostFacts& facts) {
  learn_new_bindings(seen);
  for (const auto& [name, tenant] : seen.tenants) {
    Expectation& known = known_of(tenant, seen);
    for (std::size_t file = 0; file < known.files.size(); ++file) {
      if (!known.right[file]) {
        known.right[file] = look_at(known.files[file], began, wrong, facts);
      }
    }
  }
}

void DriftWatch::forget_others(const Snapshot& seen) {
  auto tenant = seen.tenants.begin();  // both are in the order of names
  for (auto known = expectations_.begin(); known != expectations_.end();) {
    while (tenant != seen.tenants.end() && tenant->first < known->first) {
      ++tenant;
    }
    if (tenant != seen.tenants.end() && tenant->first == known->first) {
      ++known;
      continue;
    }
    for (const ExpectedFile& file : known->second.files) {
      texts_.erase(file.path);
    }
    bound_.erase(known->first);
    known = expectations_.erase(known);
  }
}

void DriftWatch::look_at_platform(const Snapshot& seen,
                                  std::vector<ExpectedFile>& wrong,
                                  HostFacts& facts) {
  // Some of these say the same as others: all of them are compared together.
  wrong = expected_platform_files(deps_.rules, seen, deps_.written, deps_.edge.config_file());
  std::set<std::string> compared;
  for (const ExpectedFile& file : wrong) {
    if (!file.same_as.empty()) {
      compared.insert(file.same_as);
    }
  }
  for (const ExpectedFile& file : wrong) {
    const bool wants_text =
        !file.texts.empty() || !file.same_as.empty() || compared.contains(file.path);
    if (std::optional<ObservedFile> observed = observe(file.path, wants_text)) {
      facts.files.emplace(file.path, *std::move(observed));
    }
  }
}

std::vector<DriftFinding> DriftWatch::look(const Snapshot& seen) {
  ++looks_;
  HostFacts facts;
  std::vector<ExpectedFile> wrong;
  const WallTime began = deps_.wall.now();
  if (!glance_) {
    begin_glance();
  }
  look_at_platform(seen, wrong, facts);
  facts.processes = deps_.scan.processes();
  const ProcessMarks marks = this->marks();
  facts.strangers = strangers(seen, marks, facts.processes);
  take_glance();
  forget_others(seen);
  look_at_tenants(seen, began, wrong, facts);
  std::vector<DriftFinding> out = find_drift(
      DriftInputs{seen, wrong, marks, PlanInputs{}.renew_before, deps_.wall.now()}, facts);
  note_since(out);
  last_ = out;
  return out;
}

Json drift_json(const std::vector<DriftFinding>& findings,
                const std::map<std::string, AcceptedDrift>& adoptions,
                WallTime looked_at) {
  Json found = Json::array();
  for (const DriftFinding& finding : findings) {
    found.push_back(finding_json(finding));
  }
  Json adopted = Json::array();
  for (const auto& [name, adoption] : adoptions) {
    adopted.push_back(adoption_json(adoption, findings));
  }
  return {{"schema", "voicectl/drift/v1"},
          {"looked_at", format_wall_time(looked_at)},
          {"findings", std::move(found)},
          {"adoptions", std::move(adopted)}};
}

}  // namespace voicectl
