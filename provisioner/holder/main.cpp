// SPDX-License-Identifier: Apache-2.0
// voicectl-holder: keeps what must stay open while voicectld and its instances die.
#include <sys/resource.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "provisioner/holder/holder.h"
#include "provisioner/holder/protocol.h"

namespace voicectl::holder {
namespace {

std::optional<unsigned> parse_number(std::string_view text) {
  unsigned number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = problem == std::errc() && end == text.data() + text.size();
  return is_whole && number > 0 ? std::optional(number) : std::nullopt;
}

/// nullopt for words that are none.
std::optional<Holder::Options> parse_words(int count, char** words) {
  Holder::Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view flag = words[i];
    const std::string_view value = words[i + 1];
    const std::optional<unsigned> number = parse_number(value);
    if (flag == "--socket") {
      options.socket_path = value;
    } else if (flag == "--check-seconds" && number) {
      options.check_seconds = *number;
    } else if (flag == "--idle-checks" && number) {
      options.idle_checks = *number;
    } else {
      return std::nullopt;
    }
  }
  return count % 2 == 1 && !options.socket_path.empty() ? std::optional(options) : std::nullopt;
}

int run(int count, char** words) {
  if (count == 2 && std::strcmp(words[1], "--version") == 0) {
    std::puts(VOICECTL_VERSION);
    return 0;
  }
  std::optional<Holder::Options> options = parse_words(count, words);
  if (!options) {
    std::fputs(
        "usage: voicectl-holder --socket PATH [--check-seconds N] [--idle-checks N]\n"
        "Keeps descriptors for voicectld, which starts it with the listening socket of PATH as\n"
        "descriptor 3. provisioner/holder/README.md\n",
        stderr);
    return 2;
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
      (void)::getrlimit(RLIMIT_NOFILE, &limit);  // as it is, then
    }
    // A quarter is for listeners, whatever callers do.
    options->most_connections = static_cast<std::size_t>(limit.rlim_cur / 4 * 3);
  }
  return Holder(UniqueFd(kListenerDescriptor), *options).run();
}

}  // namespace
}  // namespace voicectl::holder

int main(int argc, char** argv) {
  return voicectl::holder::run(argc, argv);
}
