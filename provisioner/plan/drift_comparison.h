// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/host_facts.h"
#include "base/ids.h"
#include "provisioner/model/snapshot.h"

namespace voicectl {

/// A file, folder, socket or link as it should be.
struct ExpectedFile {
  /// Behind the "file/" or "access/" of what is found wrong with it: "run/edge/nginx.conf".
  std::string name;
  std::string path;
  /// "tenant/mario-pizza", "edge", "platform", "certificate/*.example.com".
  std::string subject;
  std::optional<TenantId> tenant{};
  FileKind kind = FileKind::kFile;
  std::uint32_t mode = 0;
  /// Absent: whoever it is.
  std::optional<std::uint32_t> uid{};
  std::optional<std::uint32_t> gid{};
  enum class Presence { kMust, kMay };
  Presence presence = Presence::kMust;
  /// SHA-256 of the texts that are right; empty: any text is.
  std::vector<std::string> texts{};
  /// Path of another expected file that says the same; empty: none does.
  std::string same_as{};
  /// Of a link.
  std::string target{};
  /// Of a socket that is held.
  std::optional<FileIdentity> identity{};
  enum class Holds { kSettings, kSecrets };
  Holds holds = Holds::kSettings;
  /// What brings it back if it is gone or another one. kNone: only a person can, because what is in
  /// it is nowhere else.
  DriftRepair repair = DriftRepair::kRestore;
  /// Paths of expected files of which at least one must be there for it to be made anew; empty: it
  /// always can be.
  std::vector<std::string> made_from{};
};

struct ObservedFile {
  /// Absent: nothing is there.
  std::optional<FileFacts> facts;
  /// SHA-256 of the text; empty: nobody has looked.
  std::string digest;
};

/// How processes of this platform are known.
struct ProcessMarks {
  /// Folder of the programs that instances run copies of, with a slash at the end.
  std::string programs;
  /// nginx's configuration file.
  std::string edge_config;
  /// Socket of the holder.
  std::string holder_socket;
  /// Processes of other users carry marks that mean nothing.
  std::set<std::uint32_t> users;
  /// Those that are as they should be: number and start.
  std::set<std::pair<int, std::uint64_t>> known;
  /// Whose children are still being started.
  int daemon = 0;
};

/// All that was seen of the host. Files that are right (`is_right`) may be left out.
struct HostFacts {
  std::map<std::string, ObservedFile> files;
  std::vector<ProcessFacts> processes;
  /// Listeners on leased ports that no process of ours has, and who has them, if that is known.
  struct Stranger {
    ListenerFacts listener;
    std::optional<ProcessFacts> process;
  };
  std::vector<Stranger> strangers;
};

struct DriftInputs {
  const Snapshot& snapshot;
  const std::vector<ExpectedFile>& files;
  const ProcessMarks& marks;
  /// Certificates that end before this point are to be made anew.
  Duration renew_before{};
  WallTime now{};
};

/// Whether there is nothing to say of it. Allocates nothing if so. What is to say the same as
/// another file is never right by itself.
bool is_right(const ExpectedFile& expected, const ObservedFile& observed);

/// What the host has that is not as it is recorded, in the order of kinds, then of names; with what
/// a person has adopted marked as such.
///
/// Pure and deterministic. What nobody could look at is no finding.
std::vector<DriftFinding> find_drift(const DriftInputs& inputs, const HostFacts& facts);

/// What an adoption of a file's mode and owner holds for: "0711 0:0".
std::string access_state(const FileFacts& facts);

/// Those that are to be repaired: the others are adopted.
std::vector<DriftFinding> not_adopted(std::vector<DriftFinding> findings);

/// Those that the daemon repairs by itself, and those that are still as they were when a person
/// asked for their repair. Files are restored together, a tenant's or the platform's: where a
/// person edited one, all of them wait for a person.
std::vector<DriftFinding> left_to_daemon(std::vector<DriftFinding> findings,
                                         const std::vector<DriftFinding>& asked_for = {});

}  // namespace voicectl
