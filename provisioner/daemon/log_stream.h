// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/os/reactor.h"
#include "provisioner/daemon/log_tail.h"
#include "runtime/net/http_server.h"

namespace voicectl {

/// What may wait for a reader: it gets as much as it takes, and what it has not taken stays where
/// it is, in files and registry.
inline constexpr std::size_t kMostUnsent = 1U << 20;

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
    /// Lines that begin with an earlier time are left out; empty: all.
    std::string not_before;
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
        end_(end) {}

  enum class Drained { kAll, kMaybeMore };
  void go_on();
  /// Shows a piece of each file, as far as there is room for it.
  Drained drain();
  bool is_wanted(const std::string& line) const;

  Reactor& reactor_;
  std::shared_ptr<ResponseStream> stream_;
  std::map<std::string, LogTail> files_;
  Filter filter_;
  End end_;
};

}  // namespace voicectl
