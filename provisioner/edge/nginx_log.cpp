// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/nginx_log.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace voicectl {
namespace {

constexpr std::size_t kMostLogBytes = 32U << 20;
constexpr std::size_t kMostComplaintBytes = 400;

/// Where the first line of that level begins to say something, or npos. That a worker may not come
/// before others (no CAP_SYS_NICE) is said at each reload, and is not why one fails.
std::size_t find_complaint(const std::string& log_text, std::string_view level) {
  std::size_t at = log_text.find(level);
  while (at != std::string::npos) {
    const std::string_view line =
        std::string_view(log_text).substr(at, log_text.find('\n', at) - at);
    if (line.find("setpriority(") == std::string_view::npos) {
      return at;
    }
    at = log_text.find(level, at + level.size());
  }
  return std::string::npos;
}

}  // namespace

std::string worst_complaint(const std::string& log_text) {
  static constexpr std::array<std::string_view, 4> kLevels = {"[emerg] ", "[alert] ", "[crit] ",
                                                              "[error] "};
  for (const std::string_view level : kLevels) {
    const std::size_t at = find_complaint(log_text, level);
    if (at == std::string::npos) {
      continue;
    }
    std::size_t begin = at + level.size();
    const std::size_t end = std::min(log_text.find('\n', begin), log_text.size());
    // "[emerg] 123#123: unknown directive ...": the numbers say nothing to anyone.
    const std::size_t numbers = log_text.find(": ", begin);
    if (numbers < end && log_text.find('#', begin) < numbers) {
      begin = numbers + 2;
    }
    return log_text.substr(begin, std::min(end - begin, kMostComplaintBytes));
  }
  return "";
}

void NginxLog::mark() {
  const Result<std::optional<std::string>> log = files_.read(path_, kMostLogBytes);
  mark_ = log.has_value() && log->has_value() ? (*log)->size() : 0;
}

std::string NginxLog::complaint() {
  const Result<std::optional<std::string>> log = files_.read(path_, kMostLogBytes);
  if (log.has_error() || !log->has_value() || (*log)->size() < mark_) {
    return "";
  }
  return worst_complaint((*log)->substr(mark_));
}

}  // namespace voicectl
