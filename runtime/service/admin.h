// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/os/asio_reactor.h"
#include "base/os/file_system.h"
#include "base/os/unique_fd.h"
#include "runtime/net/http_server.h"
#include "runtime/service/metrics.h"

namespace voicectl::runtime {

/// Answers probes and metrics of the whole instance, on an address of its own that no edge shows.
///
///   GET /health    {"status":"ok","instance":...,"tenants":n,"sessions":n}
///   GET /metrics   Prometheus text
///
/// THREADS: loop thread only.
class Admin {
 public:
  /// REQUIRES: all but `listener` and `look` outlive it. `look` tells the tenants' numbers of the
  /// moment.
  Admin(AsioReactor& reactor,
        FileSystem& files,
        InstanceId instance,
        UniqueFd listener,
        const HandOverFigures& hand_overs,
        std::function<std::vector<TenantMetrics>(Look)> look);

 private:
  HttpResponse answer(const HttpRequest& request) const;
  HttpResponse health() const;
  ProcessMetrics measure_process() const;

  FileSystem& files_;
  InstanceId instance_;
  const HandOverFigures& hand_overs_;
  std::function<std::vector<TenantMetrics>(Look)> look_;
  HttpServer server_;
};

}  // namespace voicectl::runtime
