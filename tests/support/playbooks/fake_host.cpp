// SPDX-License-Identifier: Apache-2.0
#include "tests/support/playbooks/fake_host.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/crypto.h"

namespace voicectl {
namespace {

FileMode mode_of(const std::string& octal) {
  return FileMode{static_cast<std::uint32_t>(std::stoul(octal, nullptr, 8))};
}

CommandOutcome no_such_file(const std::string& path) {
  return CommandOutcome{1, "", "stat: cannot statx '" + path + "': No such file or directory\n"};
}

}  // namespace

Status FakeHost::count_call(const std::string& text) {
  if (breaks_at && log.size() >= *breaks_at) {
    return Error(ErrorCode::kUnavailable, "cannot reach the host: the connection is gone");
  }
  log.push_back(text);
  return ok_status();
}

CommandOutcome FakeHost::stat(const std::string& path) const {
  const auto found = entries.find(path);
  if (found == entries.end()) {
    return no_such_file(path);
  }
  const Entry& entry = found->second;
  return CommandOutcome{
      0,
      fmt::format("{:o}:{}:{}:{}\n", static_cast<std::uint32_t>(entry.mode), entry.owner,
                  entry.group, entry.is_directory ? "directory" : "regular file"),
      ""};
}

CommandOutcome FakeHost::sum(const std::string& path) const {
  const auto found = entries.find(path);
  if (found == entries.end()) {
    return no_such_file(path);
  }
  return CommandOutcome{0, sha256_hex(found->second.content) + "  " + path + "\n", ""};
}

CommandOutcome FakeHost::query_packages(const std::vector<std::string>& words) const {
  CommandOutcome outcome;
  for (auto word = std::find(words.begin(), words.end(), "--") + 1; word != words.end(); ++word) {
    if (packages.contains(*word)) {
      outcome.out += "installed " + *word + "\n";
    } else {
      outcome.exit_code = 1;
      outcome.err += "dpkg-query: no packages found matching " + *word + "\n";
    }
  }
  return outcome;
}

CommandOutcome FakeHost::change(const std::vector<std::string>& words) {
  ++changes;
  if (words[0] == "install" && words.size() == 6) {
    entries[words[5]] = Entry{.is_directory = true, .mode = mode_of(words[3])};
  } else if (words[0] == "chmod") {
    entries.at(words[3]).mode = mode_of(words[2]);
  } else if (words[0] == "chown") {
    entries.at(words[4]).owner = words[3];
  } else if (words[0] == "chgrp") {
    entries.at(words[4]).group = words[3];
  } else {
    packages.insert(std::find(words.begin(), words.end(), "--") + 1, words.end());
  }
  return CommandOutcome{};
}

Result<CommandOutcome> FakeHost::run(const RemoteCommand& command) {
  VC_TRY(count_call(describe(command)));
  if (const auto found = scripted.find(describe(command)); found != scripted.end()) {
    return found->second;
  }
  const std::vector<std::string>& words = command.words;
  static const std::set<std::string> kChanging = {"install", "chmod", "chown", "chgrp"};
  const bool is_apt = words.size() > 2 && words[2] == "apt-get";
  if (kChanging.contains(words[0]) || is_apt) {
    return change(words);
  }
  if (words[0] == "stat" || (words[0] == "env" && words.size() > 2 && words[2] == "stat")) {
    return stat(words.back());
  }
  if (words[0] == "sha256sum") {
    return sum(words.back());
  }
  if (words[0] == "dpkg-query") {
    return query_packages(words);
  }
  return CommandOutcome{127, "", words[0] + ": not found\n"};
}

Status FakeHost::upload(std::string_view content, const std::string& path, FileMode mode) {
  VC_TRY(count_call("upload " + path));
  ++changes;
  entries[path] = Entry{.content = std::string(content), .mode = mode};
  return ok_status();
}

}  // namespace voicectl
