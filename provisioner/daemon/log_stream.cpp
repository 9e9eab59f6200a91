// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/log_stream.h"

#include <array>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace voicectl {
namespace {

/// How often followed log files are looked at. A file system tells of changes by inotify, but not
/// of a rotation in the same breath; a look costs one stat per file.
constexpr Duration kLogInterval = std::chrono::milliseconds(200);

bool has_field(const std::string& line, const std::string& field) {
  const std::size_t at = line.find(field);
  return at != std::string::npos &&
         (at + field.size() == line.size() || line[at + field.size()] == ' ');
}

}  // namespace

void LogStream::begin(Reactor& reactor,
                      std::shared_ptr<ResponseStream> stream,
                      std::map<std::string, LogTail> files,
                      Filter filter,
                      End end) {
  std::shared_ptr<LogStream>(
      new LogStream(reactor, std::move(stream), std::move(files), std::move(filter), end))
      ->go_on();
}

std::string nginx_time(WallTime at) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y/%m/%d %H:%M:%S", &local)};
}

bool LogStream::is_young(const std::string& source, const std::string& line) {
  if (!filter_.not_before) {
    return true;
  }
  // Our lines begin with an RFC 3339 time, nginx's with its own; either orders as text does.
  const bool is_ours = line.size() > 24 && line[4] == '-' && line[10] == 'T';
  const bool is_nginxs = line.size() > 19 && line[4] == '/' && line[7] == '/' && line[10] == ' ';
  if (is_ours || is_nginxs) {
    is_young_[source] = line >= (is_ours ? not_before_ : not_before_of_nginx_);
  }
  // One without belongs to the one before.
  return is_young_[source];
}

bool LogStream::is_wanted(const std::string& source, const std::string& line) {
  if (!is_young(source, line)) {
    return false;
  }
  // Instances name the tenant; the daemon's own lines may have it as their subject.
  return filter_.tenant.empty() || has_field(line, " tenant=" + filter_.tenant) ||
         has_field(line, " subject=tenant/" + filter_.tenant);
}

LogStream::Drained LogStream::drain() {
  Drained outcome = Drained::kAll;
  for (auto& [source, tail] : files_) {
    if (stream_->unsent() > kMostUnsent) {
      return Drained::kMaybeMore;
    }
    for (const std::string& line : tail.next()) {
      outcome = Drained::kMaybeMore;
      if (is_wanted(source, line)) {
        stream_->write(dump_json({{"source", source}, {"line", line}}) + "\n");
      }
    }
  }
  return outcome;
}

void LogStream::go_on() {
  if (!stream_->is_open()) {
    return;
  }
  const auto again = [self = shared_from_this()] { self->go_on(); };
  if (drain() == Drained::kAll) {
    if (end_ == End::kAtEnd) {
      stream_->end();
    } else {
      reactor_.call_after(kLogInterval, again);
    }
  } else if (stream_->unsent() > kMostUnsent) {
    stream_->on_drained(again);
  } else {
    // In a turn of its own: long logs must not keep the loop from everything else.
    reactor_.post(again);
  }
}

}  // namespace voicectl
