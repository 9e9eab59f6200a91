// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/log_tail.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "base/os/rotating_log.h"

namespace voicectl {
namespace {

constexpr std::size_t kMostAtOnce = 1U << 20;
constexpr int kMostAside = LogRotation{}.kept_files;

std::string name_of_file(const std::string& path, int number) {
  return number == 0 ? path : fmt::format("{}.{}", path, number);
}

}  // namespace

std::vector<std::string> LogTail::next() {
  while (file_.is_open() || open_first() == Opened::kYes) {
    if (const std::string bytes = read_piece(); !bytes.empty()) {
      std::vector<std::string> lines = cut(bytes);
      if (!lines.empty()) {
        return lines;
      }
    } else if (is_finished_) {
      if (open_newer() == Opened::kNo) {
        return {};
      }
    } else if (number_now() == 0) {
      return {};
    } else {
      // Something may have come between the last look and the rotation: one more look.
      is_finished_ = true;
    }
  }
  return {};
}

LogTail::Opened LogTail::open(int number) {
  UniqueFd file(
      ::open(name_of_file(path_, number).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.is_open()) {
    return Opened::kNo;
  }
  file_ = std::move(file);
  number_ = number;
  offset_ = 0;
  partial_.clear();
  is_finished_ = false;
  return Opened::kYes;
}

LogTail::Opened LogTail::open_from(int oldest) {
  for (int number = oldest; number >= 0; --number) {
    if (open(number) == Opened::kYes) {
      return Opened::kYes;
    }
  }
  return Opened::kNo;
}

LogTail::Opened LogTail::open_first() {
  return open_from(start_ == LogStart::kOldestFile ? kMostAside : 0);
}

LogTail::Opened LogTail::open_newer() {
  const std::optional<int> number = number_now();
  // One that is gone was put aside too often; what followed it stands at its number now. One that
  // was never put aside was taken away by somebody.
  return open_from(number ? *number - 1 : number_);
}

std::string LogTail::read_piece() {
  struct stat status {};
  if (::fstat(file_.get(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) < offset_) {
    offset_ = 0;  // somebody has cut it
    partial_.clear();
  }
  std::string bytes(kMostAtOnce, '\0');
  const ssize_t count =
      ::pread(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset_));
  bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  offset_ += bytes.size();
  return bytes;
}

std::vector<std::string> LogTail::cut(const std::string& bytes) {
  partial_ += bytes;
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t end = partial_.find('\n'); end != std::string::npos;
       end = partial_.find('\n', begin)) {
    lines.push_back(partial_.substr(begin, end - begin));
    begin = end + 1;
  }
  partial_.erase(0, begin);
  return lines;
}

std::optional<int> LogTail::number_now() const {
  struct stat own {};
  struct stat other {};
  (void)::fstat(file_.get(), &own);  // of an open file it cannot fail
  for (int number = 0; number <= kMostAside; ++number) {
    if (::lstat(name_of_file(path_, number).c_str(), &other) == 0 && other.st_ino == own.st_ino &&
        other.st_dev == own.st_dev) {
      return number;
    }
  }
  return std::nullopt;
}

}  // namespace voicectl
