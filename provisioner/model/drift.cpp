// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/drift.h"

#include <fmt/core.h>

namespace voicectl {

std::string_view name_of(DriftKind kind) {
  switch (kind) {
    case DriftKind::kEdited:
      return "edited";
    case DriftKind::kMissingFile:
      return "missing_file";
    case DriftKind::kReplaced:
      return "replaced";
    case DriftKind::kAccess:
      return "access";
    case DriftKind::kStrayProcess:
      return "stray_process";
    case DriftKind::kMissingProcess:
      return "missing_process";
    case DriftKind::kForeignListener:
      return "foreign_listener";
    case DriftKind::kCertificate:
      return "certificate";
  }
  return "unknown";
}

std::string summarize(const DriftFinding& finding) {
  switch (finding.kind) {
    case DriftKind::kEdited:
      return fmt::format("'{}' was edited by hand", finding.path);
    case DriftKind::kMissingFile:
      return fmt::format("'{}' is missing", finding.path);
    case DriftKind::kReplaced:
      return fmt::format("'{}' is {} and not {}", finding.path, finding.found, finding.expected);
    case DriftKind::kAccess:
      return fmt::format("'{}' has {} and not {}", finding.path, finding.found, finding.expected);
    case DriftKind::kStrayProcess:
      return fmt::format("{} is recorded nowhere", finding.found);
    case DriftKind::kMissingProcess:
      return fmt::format("{} does not run", finding.subject);
    case DriftKind::kForeignListener:
      return fmt::format("{} holds {}", finding.found, finding.name);
    case DriftKind::kCertificate:
      return fmt::format("{} {}", finding.subject, finding.found);
  }
  return finding.name;
}

std::string remedy_of(const DriftFinding& finding) {
  if (finding.adopted) {
    return fmt::format("nothing; 'voicectl adopt --undo {}' gives it up", finding.name);
  }
  if (finding.is_held) {
    return fmt::format(
        "it has changed since it was adopted: 'voicectl adopt {0}' once more, or "
        "'voicectl adopt --undo {0}'",
        finding.name);
  }
  const std::string or_adopt =
      finding.not_adoptable.empty()
          ? fmt::format(", or 'voicectl adopt {} --why ...' to keep it so", finding.name)
          : "";
  switch (finding.repair) {
    case DriftRepair::kNone:
      if (finding.kind != DriftKind::kForeignListener) {
        return "put it back as it was, or restore it from a backup: what is in it is nowhere else";
      }
      return "end it, or let it be: what needs the port gets another one with the next apply";
    case DriftRepair::kEnd:
      return "'voicectl apply' ends it" + or_adopt;
    case DriftRepair::kRestore:
    case DriftRepair::kPublishEdge:
      return finding.kind == DriftKind::kEdited || finding.kind == DriftKind::kReplaced
                 ? "'voicectl apply' restores it and keeps a copy" + or_adopt
                 : "'voicectl apply' restores it" + or_adopt;
    case DriftRepair::kBind:
      return "'voicectl apply' binds it anew and lends it again";
    case DriftRepair::kStart:
      return "'voicectl apply' starts it";
    case DriftRepair::kIssue:
      return "'voicectl apply' makes it anew";
  }
  return "";
}

RepairedBy repaired_by(const DriftFinding& finding) {
  const bool is_of_a_person = finding.kind == DriftKind::kEdited ||
                              finding.kind == DriftKind::kReplaced ||
                              finding.kind == DriftKind::kStrayProcess;
  // A socket that is not ours any more serves nobody: its tenant cannot wait for a person.
  return is_of_a_person && finding.repair != DriftRepair::kBind ? RepairedBy::kPerson
                                                                : RepairedBy::kDaemon;
}

}  // namespace voicectl
