// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/drift_comparison.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>

#include "provisioner/model/desired_state.h"

namespace voicectl {
namespace {

constexpr std::uint32_t kForOthers = 0077;
constexpr std::uint32_t kOthersWrite = 0002;

std::string_view words_of(FileKind kind) {
  switch (kind) {
    case FileKind::kFile:
      return "a file";
    case FileKind::kFolder:
      return "a folder";
    case FileKind::kLink:
      return "a link";
    case FileKind::kSocket:
      return "a socket";
    case FileKind::kOther:
      return "something else";
  }
  return "something else";
}

std::string access_text(std::uint32_t mode,
                        std::optional<std::uint32_t> uid,
                        std::optional<std::uint32_t> gid) {
  std::string out = fmt::format("mode {:04o}", mode);
  if (uid) {
    out += fmt::format(", user {}", *uid);
  }
  if (gid) {
    out += fmt::format(", group {}", *gid);
  }
  return out;
}

DriftFinding about(const ExpectedFile& expected, DriftKind kind, std::string_view prefix) {
  DriftFinding out;
  out.kind = kind;
  out.name = std::string(prefix) + "/" + expected.name;
  out.subject = expected.subject;
  out.tenant = expected.tenant;
  out.path = expected.path;
  out.repair = expected.repair;
  return out;
}

/// What came in its place, if anything did.
std::optional<std::string> replaced_by(const ExpectedFile& expected, const FileFacts& facts) {
  if (facts.kind != expected.kind) {
    return std::string(words_of(facts.kind));
  }
  if (expected.kind == FileKind::kLink && facts.target != expected.target) {
    return "a link to somewhere else";
  }
  if (expected.identity && *expected.identity != facts.identity) {
    return "a socket of somebody else";
  }
  return std::nullopt;
}

std::string why_not_accepted(const ExpectedFile& expected, const FileFacts& facts) {
  if ((facts.mode & kOthersWrite) != 0 && (expected.mode & kOthersWrite) == 0) {
    return "everybody could write there";
  }
  const bool is_opened = (facts.mode & ~expected.mode & kForOthers) != 0;
  const bool is_given = expected.uid && *expected.uid != facts.uid;
  return expected.holds == ExpectedFile::Holds::kSecrets && (is_opened || is_given)
             ? "others could read a secret"
             : "";
}

std::optional<DriftFinding> compare_access(const ExpectedFile& expected, const FileFacts& facts) {
  const bool is_same = facts.mode == expected.mode &&
                       expected.uid.value_or(facts.uid) == facts.uid &&
                       expected.gid.value_or(facts.gid) == facts.gid;
  if (is_same || expected.kind == FileKind::kLink) {
    return std::nullopt;
  }
  DriftFinding out = about(expected, DriftKind::kAccess, "access");
  const auto if_expected = [](const auto& wanted, std::uint32_t is) {
    return wanted ? std::optional(is) : std::nullopt;
  };
  out.expected = access_text(expected.mode, expected.uid, expected.gid);
  out.found = access_text(facts.mode, if_expected(expected.uid, facts.uid),
                          if_expected(expected.gid, facts.gid));
  out.state = access_state(facts);
  out.since = facts.changed_at;
  out.repair = DriftRepair::kRestore;
  out.not_adoptable = why_not_accepted(expected, facts);
  return out;
}

/// Digest of the text of the file that says the same; empty where none does, or nobody has looked.
std::string digest_of_twin(const ExpectedFile& expected, const HostFacts& facts) {
  const auto twin = facts.files.find(expected.same_as);
  return twin == facts.files.end() ? std::string() : twin->second.digest;
}

bool has_right_text(const ExpectedFile& expected,
                    const ObservedFile& observed,
                    const std::string& twin) {
  if (observed.digest.empty()) {
    return true;
  }
  const bool is_known = expected.texts.empty() ||
                        std::find(expected.texts.begin(), expected.texts.end(), observed.digest) !=
                            expected.texts.end();
  return is_known && (twin.empty() || twin == observed.digest);
}

std::vector<DriftFinding> compare_file(const ExpectedFile& expected,
                                       const ObservedFile& observed,
                                       const std::string& twin) {
  if (!observed.facts) {
    if (expected.presence == ExpectedFile::Presence::kMay) {
      return {};
    }
    DriftFinding out = about(expected, DriftKind::kMissingFile, "file");
    out.expected = words_of(expected.kind);
    out.found = "nothing";
    out.not_adoptable = "nothing is there to be kept";
    return {out};
  }
  const FileFacts& facts = *observed.facts;
  if (const std::optional<std::string> other = replaced_by(expected, facts)) {
    DriftFinding out = about(expected, DriftKind::kReplaced, "file");
    out.expected = expected.kind == FileKind::kLink ? "a link to '" + expected.target + "'"
                                                    : std::string(words_of(expected.kind));
    out.found = *other;
    out.since = facts.changed_at;
    out.not_adoptable = "it cannot serve in the place of what should be there";
    return {out};
  }
  std::vector<DriftFinding> out;
  if (!has_right_text(expected, observed, twin)) {
    DriftFinding edited = about(expected, DriftKind::kEdited, "file");
    edited.expected = "the text that was written";
    edited.found = "another text";
    edited.state = observed.digest;
    edited.since = facts.changed_at;
    if (edited.name != kEdgeFileName) {
      edited.not_adoptable = "what it says is made from the desired state: change that";
    }
    out.push_back(std::move(edited));
  }
  if (std::optional<DriftFinding> access = compare_access(expected, facts)) {
    out.push_back(std::move(*access));
  }
  return out;
}

bool has_argument(const ProcessFacts& process, std::string_view name, std::string_view value) {
  for (std::size_t i = 0; i + 1 < process.arguments.size(); ++i) {
    if (process.arguments[i] == name && process.arguments[i + 1] == value) {
      return true;
    }
  }
  return false;
}

/// What of ours it says to be; nullopt for nothing.
std::optional<std::string> role_of(const ProcessFacts& process, const ProcessMarks& marks) {
  const std::vector<std::string>& words = process.arguments;
  if (process.program.starts_with(marks.programs) &&
      std::find(words.begin(), words.end(), "--instance") != words.end()) {
    return "an instance";
  }
  // nginx writes all of its arguments into one, behind its own words.
  const std::string_view title = words.empty() ? std::string_view() : std::string_view(words[0]);
  if (title.starts_with("nginx: master process") &&
      title.find(" -c " + marks.edge_config) != std::string_view::npos) {
    return "an nginx";
  }
  if (has_argument(process, "--socket", marks.holder_socket)) {
    return "a holder";
  }
  return std::nullopt;
}

void add_strays(const ProcessMarks& marks, const HostFacts& facts, std::vector<DriftFinding>& out) {
  for (const ProcessFacts& process : facts.processes) {
    const std::optional<std::string> role = role_of(process, marks);
    const bool is_known = marks.known.contains({process.pid, process.start_ticks}) ||
                          process.pid == marks.daemon || process.parent == marks.daemon;
    if (!role || is_known || !marks.users.contains(process.uid)) {
      continue;
    }
    DriftFinding finding;
    finding.kind = DriftKind::kStrayProcess;
    finding.name = fmt::format("process/{}", process.pid);
    finding.subject = finding.name;
    finding.expected = "no process";
    finding.found = fmt::format("process {}, {} of this platform,", process.pid, *role);
    finding.state = std::to_string(process.start_ticks);
    finding.since = process.began;
    finding.repair = DriftRepair::kEnd;
    finding.pid = process.pid;
    finding.start_ticks = process.start_ticks;
    out.push_back(std::move(finding));
  }
}

DriftFinding missing_process(std::string name, std::string found) {
  DriftFinding out;
  out.kind = DriftKind::kMissingProcess;
  out.name = name;
  out.subject = std::move(name);
  out.expected = "a running process";
  out.found = std::move(found);
  out.repair = DriftRepair::kStart;
  out.not_adoptable = "what should not run is not to be desired";
  return out;
}

void add_missing_processes(const Snapshot& snapshot, std::vector<DriftFinding>& out) {
  for (const auto& [name, recorded] : snapshot.instances) {
    const auto& seen = snapshot.observed.instances;
    const auto found = std::find_if(seen.begin(), seen.end(), [&](const ObservedInstance& one) {
      return one.instance == name;
    });
    // One that is just being started again is its supervisor's.
    if (found == seen.end() || found->failed) {
      out.push_back(missing_process(
          "instance/" + name.str(),
          found == seen.end() ? "none" : "none: it failed, and its restart budget is spent"));
    }
  }
  if (!snapshot.edge_fingerprint.empty() && snapshot.observed.edge_fingerprint.empty()) {
    out.push_back(missing_process("edge", "none"));
  }
}

void add_strangers(const Snapshot& snapshot,
                   const HostFacts& facts,
                   std::vector<DriftFinding>& out) {
  for (const HostFacts::Stranger& stranger : facts.strangers) {
    const auto lease =
        std::find_if(snapshot.leases.begin(), snapshot.leases.end(), [&](const PortLease& one) {
          return !one.released_at && one.port.value() == stranger.listener.port;
        });
    if (lease == snapshot.leases.end()) {
      continue;
    }
    DriftFinding finding;
    finding.kind = DriftKind::kForeignListener;
    finding.name = fmt::format("port/{}", stranger.listener.port);
    finding.subject = lease->holder;
    finding.expected = "nobody but " + lease->holder;
    finding.found = stranger.process ? fmt::format("process {} of user {}", stranger.process->pid,
                                                   stranger.process->uid)
                                     : fmt::format("a process of user {}", stranger.listener.uid);
    if (stranger.process) {
      finding.since = stranger.process->began;
    }
    finding.not_adoptable = "the port is leased to " + lease->holder;
    out.push_back(std::move(finding));
  }
}

void add_certificate(const std::string& name,
                     const DriftInputs& inputs,
                     std::vector<DriftFinding>& out) {
  const std::vector<RecordedCertificate>& known = inputs.snapshot.observed.certificates;
  const auto found = std::find_if(
      known.begin(), known.end(),
      [&](const RecordedCertificate& certificate) { return certificate.name == name; });
  if (found != known.end() && found->not_after >= inputs.now + inputs.renew_before) {
    return;
  }
  DriftFinding finding;
  finding.kind = DriftKind::kCertificate;
  finding.name = "certificate/" + name;
  finding.subject = finding.name;
  finding.expected = "a certificate for " + format_duration(inputs.renew_before) + " and longer";
  finding.repair = DriftRepair::kIssue;
  finding.not_adoptable = "callers would not accept it";
  if (found == known.end()) {
    finding.found = "is missing or cannot be read";
  } else if (found->not_after <= inputs.now) {
    finding.found = "expired at " + format_wall_time(found->not_after);
    finding.since = found->not_after;
  } else {
    finding.found = "ends at " + format_wall_time(found->not_after);
    finding.since = std::chrono::time_point_cast<std::chrono::milliseconds>(found->not_after -
                                                                            inputs.renew_before);
  }
  out.push_back(std::move(finding));
}

void add_certificates(const DriftInputs& inputs, std::vector<DriftFinding>& out) {
  const Snapshot& snapshot = inputs.snapshot;
  if (!snapshot.platform || snapshot.edge_fingerprint.empty()) {
    return;
  }
  const std::string own = "." + snapshot.platform->domain;
  add_certificate("*" + own, inputs, out);
  for (const auto& [name, tenant] : snapshot.tenants) {
    for (const std::string& host : tenant.routes) {
      if (!host.ends_with(own)) {
        add_certificate(host, inputs, out);
      }
    }
  }
}

void mark_adopted(const Snapshot& snapshot, DriftFinding& finding) {
  const auto adopted = snapshot.adoptions.find(finding.name);
  if (adopted == snapshot.adoptions.end()) {
    return;
  }
  if (!finding.state.empty() && adopted->second.state == finding.state) {
    finding.adopted = adopted->second;
  } else {
    finding.is_held = finding.name == kEdgeFileName && finding.kind == DriftKind::kEdited;
  }
}

/// What can be made anew is not, where all that it is made from is gone too.
void note_what_is_lost(const ExpectedFile& expected,
                       const HostFacts& facts,
                       std::vector<DriftFinding>& found) {
  const bool can_be_made =
      expected.made_from.empty() ||
      std::any_of(expected.made_from.begin(), expected.made_from.end(),
                  [&facts](const std::string& path) {
                    const auto source = facts.files.find(path);
                    // What nobody could look at may be there.
                    return source == facts.files.end() ||
                           (source->second.facts && source->second.facts->kind == FileKind::kFile);
                  });
  for (DriftFinding& finding : found) {
    if (!can_be_made && finding.kind != DriftKind::kAccess) {
      finding.repair = DriftRepair::kNone;
    }
  }
}

}  // namespace

bool is_right(const ExpectedFile& expected, const ObservedFile& observed) {
  return expected.same_as.empty() && compare_file(expected, observed, {}).empty();
}

std::string access_state(const FileFacts& facts) {
  return fmt::format("{:04o} {}:{}", facts.mode, facts.uid, facts.gid);
}

std::vector<DriftFinding> find_drift(const DriftInputs& inputs, const HostFacts& facts) {
  std::vector<DriftFinding> out;
  for (const ExpectedFile& expected : inputs.files) {
    const auto observed = facts.files.find(expected.path);
    if (observed != facts.files.end()) {
      std::vector<DriftFinding> found =
          compare_file(expected, observed->second, digest_of_twin(expected, facts));
      note_what_is_lost(expected, facts, found);
      std::move(found.begin(), found.end(), std::back_inserter(out));
    }
  }
  add_strays(inputs.marks, facts, out);
  add_missing_processes(inputs.snapshot, out);
  add_strangers(inputs.snapshot, facts, out);
  add_certificates(inputs, out);
  for (DriftFinding& finding : out) {
    mark_adopted(inputs.snapshot, finding);
  }
  std::stable_sort(out.begin(), out.end(), [](const DriftFinding& a, const DriftFinding& b) {
    return std::tie(a.kind, a.name) < std::tie(b.kind, b.name);
  });
  return out;
}

std::vector<DriftFinding> not_adopted(std::vector<DriftFinding> findings) {
  std::erase_if(findings, [](const DriftFinding& finding) { return finding.adopted.has_value(); });
  return findings;
}

std::vector<DriftFinding> left_to_daemon(std::vector<DriftFinding> findings,
                                         const std::vector<DriftFinding>& asked_for) {
  const auto waits = [&asked_for](const DriftFinding& finding) {
    return repaired_by(finding) == RepairedBy::kPerson &&
           std::none_of(asked_for.begin(), asked_for.end(), [&finding](const DriftFinding& asked) {
             return asked.kind == finding.kind && asked.name == finding.name &&
                    asked.state == finding.state && asked.found == finding.found;
           });
  };
  std::set<std::optional<TenantId>> edited;
  for (const DriftFinding& finding : findings) {
    if (finding.repair == DriftRepair::kRestore && waits(finding)) {
      edited.insert(finding.tenant);
    }
  }
  std::erase_if(findings, [&](const DriftFinding& finding) {
    return waits(finding) ||
           (finding.repair == DriftRepair::kRestore && edited.contains(finding.tenant));
  });
  return findings;
}

}  // namespace voicectl
