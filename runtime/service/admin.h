// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/os/asio_reactor.h"
#include "base/os/file_system.h"
#include "base/os/unique_fd.h"
#include "runtime/net/http_server.h"
#include "runtime/parking/parking_lot.h"
#include "runtime/service/loop_lag.h"
#include "runtime/service/metrics.h"

namespace voicectl::runtime {

/// Answers probes and metrics of the whole instance, on an address of its own that no edge shows.
///
///   GET /health    {"status":"ok","instance":...,"tenants":n,"sessions":n}
///   GET /metrics   Prometheus text
///
/// Everything else is refused: nothing changes through it.
/// THREADS: loop thread only.
class Admin {
 public:
  struct Deps {
    AsioReactor& reactor;
    FileSystem& files;
    InstanceId instance;
    const HandOverFigures& hand_overs;
    const LoopLag& lag;
    const parking::ParkingLot& parking;
    /// Tells the tenants' numbers of the moment.
    std::function<std::vector<TenantMetrics>(Look)> look;
  };
  /// REQUIRES: all outlive it. OWNS: `listener`.
  Admin(Deps deps, UniqueFd listener);

  struct Route {
    std::string_view method;
    std::string_view path;
    HttpResponse (Admin::*answer)() const;
  };
  /// Everything that it answers to.
  static std::span<const Route> routes();

 private:
  HttpResponse answer(const HttpRequest& request) const;
  HttpResponse health() const;
  HttpResponse metrics() const;
  ProcessMetrics measure_process() const;

  Deps deps_;
  HttpServer server_;
};

}  // namespace voicectl::runtime
