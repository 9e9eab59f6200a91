// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/os/unique_fd.h"
#include "provisioner/holder/lanes.h"

namespace voicectl::holder {

/// Keeps descriptors by name for a daemon that may die at any time (provisioner/holder/protocol.h).
///
/// As little as can be, so that there is nothing in it to die of: one thread, no library, no disk,
/// no waiting for anybody.
class Holder {
 public:
  struct Options {
    /// Where its socket is bound: when the file is gone, or another one, nobody can come any more.
    std::string socket_path;
    /// How often it looks for that, in seconds.
    unsigned check_seconds = 10;
    /// Looks without a visitor and with nothing to keep before it ends.
    unsigned idle_checks = 60;
    /// Looks that a dead instance's connections wait for the next one.
    unsigned keep_checks = 12;
    /// Connections that are kept, so that there is always room for listeners.
    std::size_t most_connections = 512;
  };

  /// Which file something is, whatever its name leads to later. Some file systems give the number
  /// of a file that is gone to the next one; none knows two that were born at the same instant.
  struct FileId {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t birth_seconds = 0;
    std::uint32_t birth_nanoseconds = 0;
    friend bool operator==(const FileId&, const FileId&) = default;
  };

  Holder(UniqueFd listener, Options options);

  /// Until it is told to stop, or nobody needs it any more. Returns the exit code.
  int run();

 private:
  struct Visitor {
    UniqueFd socket;
    /// Names that it is still to be told, when it asked for the list.
    std::deque<std::string> to_tell;
    std::size_t told = 0;
    bool is_listing = false;
    bool is_gone = false;
  };

  void accept_all();
  void hear(Visitor& visitor);
  void take(Visitor& visitor, const std::string& text, std::vector<UniqueFd> descriptors);
  void take_of_lanes(Visitor& visitor,
                     std::string_view word,
                     std::string_view rest,
                     std::vector<UniqueFd> descriptors);
  /// Lets go of what a message that lost a part was to replace.
  void forget(std::string_view text);
  void put(Visitor& visitor, std::string_view name, std::vector<UniqueFd> descriptors);
  void begin_list(Visitor& visitor);
  /// Tells as much of the list as the visitor has room for.
  void tell(Visitor& visitor);
  /// Whether it is sent, or the visitor is gone; else it has to wait.
  static bool send(Visitor& visitor, std::string_view text, const std::vector<int>& descriptors);
  static void refuse(Visitor& visitor, std::string_view why);
  /// Whether anybody can still need us.
  bool is_needed();

  UniqueFd listener_;
  Options options_;
  std::optional<FileId> socket_file_;
  UniqueFd clock_;
  /// Given up to accept, and turn away, a visitor when there are no descriptors left.
  UniqueFd reserve_;
  std::map<std::string, std::vector<UniqueFd>, std::less<>> kept_;
  std::vector<Visitor> visitors_;
  Lanes lanes_;
  unsigned idle_ = 0;
  bool is_stopping_ = false;
};

}  // namespace voicectl::holder
