// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "playbooks/ssh_transport.h"

namespace voicectl {

/// A small Debian host in memory: it understands the commands that the modules send, word by word,
/// and answers others as scripted.
class FakeHost final : public SshTransport {
 public:
  struct Entry {
    bool is_directory = false;
    std::string content{};
    FileMode mode{0644};
    std::string owner = "root";
    std::string group = "root";
  };

  std::map<std::string, Entry> entries;
  std::set<std::string> packages;
  /// Answers to commands that the host does not understand, by their words joined with blanks.
  std::map<std::string, CommandOutcome> scripted;
  /// All commands, in order; an upload is "upload <path>".
  std::vector<std::string> log;
  /// The connection breaks at the call with this number, from 0.
  std::optional<std::size_t> breaks_at;

  /// Commands and uploads that changed something.
  std::size_t changes = 0;

  Result<CommandOutcome> run(const RemoteCommand& command) override;
  Status upload(std::string_view content, const std::string& path, FileMode mode) override;

 private:
  Status count_call(const std::string& text);
  CommandOutcome stat(const std::string& path) const;
  CommandOutcome sum(const std::string& path) const;
  CommandOutcome query_packages(const std::vector<std::string>& words) const;
  CommandOutcome change(const std::vector<std::string>& words);
};

}  // namespace voicectl
