// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/os/reactor.h"
#include "provisioner/daemon/log_tail.h"
#include "runtime/net/http_server.h"

namespace voicectl {

/// What may wait for a reader: it gets as much as it takes, and what it has not taken stays where
/// it is, in files and registry.
inline constexpr std::size_t kMostUnsent = 1U << 20;

/// As nginx begins the lines of its error log: in the host's time zone.
std::string nginx_time(WallTime at);

/// Shows log files to one reader, as fast as it reads.
///
/// THREADS: loop thread only. Lives as long as it has something to do.
class LogStream : public std::enable_shared_from_this<LogStream> {
 public:
  enum class End {
    kAtEnd,  ///< when everything that is there has been shown
    kNever,  ///< goes on with what comes
  };
  struct Filter {
    /// Only lines about this tenant; empty: all.
    std::string tenant;
    /// Lines of an earlier time are left out; nullopt: all.
    std::optional<WallTime> not_before;
  };

  /// `files` by the names that they are shown under. REQUIRES: `reactor` outlives the stream.
  static void begin(Reactor& reactor,
                    std::shared_ptr<ResponseStream> stream,
                    std::map<std::string, LogTail> files,
                    Filter filter,
                    End end);

 private:
  LogStream(Reactor& reactor,
            std::shared_ptr<ResponseStream> stream,
            std::map<std::string, LogTail> files,
            Filter filter,
            End end)
      : reactor_(reactor),
        stream_(std::move(stream)),
        files_(std::move(files)),
        filter_(std::move(filter)),
        end_(end) {
    if (filter_.not_before) {
      not_before_ = format_wall_time(*filter_.not_before);
      not_before_of_nginx_ = nginx_time(*filter_.not_before);
    }
  }

  enum class Drained { kAll, kMaybeMore };
  void go_on();
  /// Shows a piece of each file, as far as there is room for it.
  Drained drain();
  bool is_young(const std::string& source, const std::string& line);
  bool is_wanted(const std::string& source, const std::string& line);

  Reactor& reactor_;
  std::shared_ptr<ResponseStream> stream_;
  std::map<std::string, LogTail> files_;
  Filter filter_;
  End end_;
  std::string not_before_;
  std::string not_before_of_nginx_;
  /// Whether the last line with a time was, by file.
  std::map<std::string, bool> is_young_;
};

}  // namespace voicectl
