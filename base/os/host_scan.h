// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/host_facts.h"
#include "base/os/file_system.h"
#include "base/result.h"

namespace voicectl {

/// Looks at what others may have changed: files, processes, listeners.
///
/// What cannot be found out is left out, never guessed.
/// THREADS: loop thread only. Nothing here blocks for longer than reading /proc takes.
class HostScan {
 public:
  virtual ~HostScan() = default;

  /// What is at `path`; nullopt if nothing is.
  /// ERRORS: kPermissionDenied; kInternal.
  virtual Result<std::optional<FileFacts>> look(const std::string& path) = 0;

  /// What was at `path` when it had that stamp. OWNS nothing.
  struct Seen {
    const std::string* path = nullptr;
    FileStamp stamp;
  };
  /// A look at many files that goes on while its owner does something else. One that is destroyed
  /// before it is through ends early.
  class Glance {
   public:
    virtual ~Glance() = default;
    /// Which of them are not as they were, or cannot be looked at, in ascending order. Lends a hand
    /// and waits for the rest; to be asked once.
    virtual std::vector<std::size_t> touched() = 0;
  };
  /// Begins to look at each of `seen`, on other threads where they are many: one system call each.
  /// What it points to has to stay until the glance is gone.
  virtual std::unique_ptr<Glance> glance(std::vector<Seen> seen) = 0;

  /// Every process whose arguments may be read.
  virtual std::vector<ProcessFacts> processes() = 0;

  /// TCP listeners of this machine's addresses. Costs with the number of listeners, not of
  /// connections.
  virtual std::vector<ListenerFacts> listeners() = 0;

  /// The socket behind `descriptor`, as ListenerFacts names it; nullopt if it is none.
  virtual std::optional<std::uint64_t> socket_inode(int descriptor) = 0;

  /// The files that the unix sockets behind `descriptors` are bound to, in their order, also when
  /// others have their names by now; nullopt where the kernel does not tell. Costs with the number
  /// of unix sockets of the machine, however many are asked for: ask for many at once.
  virtual std::vector<std::optional<FileIdentity>> bound_files(
      const std::vector<int>& descriptors) = 0;

  /// Inodes of all sockets that `pid` has open; nullopt if that may not be seen. Costs with the
  /// number of its descriptors.
  virtual std::optional<std::set<std::uint64_t>> sockets(int pid) = 0;

  /// Gives what `seen` was seen of at `path` that mode and, if one is named, that owner.
  ///
  /// What came into its place meanwhile is left alone, and so is a file that has another name
  /// besides: that one may be in anybody's folder.
  /// ERRORS: kConflict for both; kPermissionDenied.
  virtual Status set_access(const std::string& path,
                            const FileFacts& seen,
                            FileMode mode,
                            std::optional<UserIds> owner) = 0;

  /// Signals that process alone: it may be in somebody else's group. One that is gone is success,
  /// and its number is never mistaken. ERRORS: kResourceExhausted if no file can be opened to find
  /// out; kPermissionDenied.
  virtual Status signal_process(int pid, std::uint64_t start_ticks, int signal_number) = 0;
};

}  // namespace voicectl
