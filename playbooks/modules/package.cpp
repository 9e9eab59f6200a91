// SPDX-License-Identifier: Apache-2.0
#include "playbooks/modules/package.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

namespace voicectl {
namespace {

constexpr std::string_view kAlphanumeric = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789+-.";

}  // namespace

Status check_package_name(const std::string& name) {
  if (name.size() >= 2 && kAlphanumeric.find(name.front()) != std::string_view::npos &&
      name.find_first_not_of(kNameCharacters) == std::string::npos) {
    return ok_status();
  }
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot use '{}' as the name of a package", name));
}

Result<std::set<std::string>> probe_packages(SshTransport& host,
                                             const std::vector<std::string>& names) {
  RemoteCommand query{{"dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\\n", "--"}};
  query.words.insert(query.words.end(), names.begin(), names.end());
  // The exit code is 1 as soon as one name is unknown; the lines of the others are printed.
  VC_TRY(const CommandOutcome outcome, host.run(query));
  constexpr int kSomeUnknown = 1;
  if (outcome.exit_code > kSomeUnknown) {
    return Error(ErrorCode::kConflict,
                 fmt::format("cannot ask for packages: dpkg-query exits with {} ({}); is this a "
                             "Debian host?",
                             outcome.exit_code, std::string_view(outcome.err).substr(0, 200)));
  }
  constexpr std::string_view kInstalled = "installed ";
  std::set<std::string> installed;
  std::string_view rest = outcome.out;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    if (line.starts_with(kInstalled)) {
      installed.emplace(line.substr(kInstalled.size()));
    }
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  return installed;
}

std::vector<Change> diff_packages(const std::vector<std::string>& names,
                                  const std::set<std::string>& installed) {
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    if (!installed.contains(name)) {
      missing.push_back(name);
    }
  }
  if (missing.empty()) {
    return {};
  }
  Change change{fmt::format("install {}", fmt::join(missing, ", ")),
                {{"env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes",
                  "--no-install-recommends", "--"}}};
  change.command.words.insert(change.command.words.end(), missing.begin(), missing.end());
  return {change};
}

}  // namespace voicectl
