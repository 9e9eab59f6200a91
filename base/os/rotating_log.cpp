// SPDX-License-Identifier: Apache-2.0
#include "base/os/rotating_log.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace voicectl {
namespace {

/// Remembered lines end up in messages, where a screen of text helps nobody.
constexpr std::size_t kMaxRememberedLine = 512;

}  // namespace

RotatingLog::RotatingLog(LogFiles& files,
                         const WallClock& clock,
                         std::string path,
                         LogRotation rotation)
    : files_(files), clock_(clock), path_(std::move(path)), rotation_(rotation) {}

void RotatingLog::take(std::string_view bytes) {
  unfinished_ += bytes;
  std::string lines;
  std::string_view rest = unfinished_;
  while (true) {
    const std::size_t end = rest.substr(0, kMaxLogLine + 1).find('\n');
    if (end == std::string_view::npos && rest.size() <= kMaxLogLine) {
      break;
    }
    const std::string_view line = rest.substr(0, std::min(end, kMaxLogLine));
    remember(line);
    lines += line;
    lines += '\n';
    rest.remove_prefix(end == std::string_view::npos ? line.size() : line.size() + 1);
  }
  unfinished_.erase(0, unfinished_.size() - rest.size());
  if (!lines.empty()) {
    write(lines);
  }
}

void RotatingLog::finish() {
  if (!unfinished_.empty()) {
    take("\n");
  }
}

std::vector<std::string> RotatingLog::last_lines() const {
  std::vector<std::string> out(remembered_.begin(), remembered_.end());
  if (!unfinished_.empty()) {
    out.push_back(unfinished_.substr(0, kMaxRememberedLine));
  }
  return out;
}

void RotatingLog::remember(std::string_view line) {
  remembered_.emplace_back(line.substr(0, kMaxRememberedLine));
  if (remembered_.size() > kRememberedLogLines) {
    remembered_.pop_front();
  }
}

void RotatingLog::write(std::string_view lines) {
  const auto drop = [&] { dropped_.count += lines.size(); };
  // A file that cannot be put aside must not grow past its bound either.
  if (is_due(lines.size()) && rotate().has_error()) {
    return drop();
  }
  if (dropped_.count > 0) {
    const std::string gap = fmt::format(
        "voicectl: {} of this log are missing: the disk refused them\n", dropped_.str());
    if (files_.append(path_, gap).has_error()) {
      return drop();
    }
    dropped_ = Bytes{};
  }
  if (files_.append(path_, lines).has_error()) {
    drop();
  }
}

bool RotatingLog::is_due(std::size_t more) const {
  const std::optional<LogFileState> file = files_.find(path_);
  if (!file || file->size.count == 0) {
    return false;
  }
  return file->size.count + more > rotation_.max_size.count ||
         clock_.now() - file->born >= rotation_.max_age;
}

Status RotatingLog::rotate() {
  for (int number = rotation_.kept_files - 1; number > 0; --number) {
    VC_TRY(files_.rename(aside(number), aside(number + 1)));
  }
  VC_TRY(files_.rename(path_, aside(1)));
  enforce_cap();
  return ok_status();
}

void RotatingLog::enforce_cap() {
  // The file that begins now may grow to its bound before anyone looks again.
  std::uint64_t total = rotation_.max_size.count;
  for (int number = 1; number <= rotation_.kept_files; ++number) {
    const std::optional<LogFileState> file = files_.find(aside(number));
    total += file ? file->size.count : 0;
    if (file && total > rotation_.total_cap.count) {
      (void)files_.remove(aside(number));  // tried again at the next rotation
    }
  }
}

std::string RotatingLog::aside(int number) const {
  return fmt::format("{}.{}", path_, number);
}

}  // namespace voicectl
