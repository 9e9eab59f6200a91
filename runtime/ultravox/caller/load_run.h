// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/os/asio_reactor.h"
#include "base/secret.h"
#include "runtime/net/http_client.h"

namespace voicectl {

struct LoadOptions {
  std::string edge_host = "127.0.0.1";
  std::uint16_t edge_port = 8080;
  std::vector<std::string> hosts;
  std::string method = "GET";
  std::string path = "/health";
  std::string body;
  int expect_status = 200;
  Secret api_key;
  std::size_t parallel = 8;
  Duration length = std::chrono::seconds(5);
};

struct LoadReport {
  std::uint64_t requests = 0;
  std::uint64_t failed = 0;
  /// Why requests failed, and how many did so.
  std::map<std::string, std::uint64_t> failures;
  Duration took{};
  Duration median{};
  Duration p99{};
  Duration longest{};
};

/// A bounded load: `parallel` requests are always under way until `length` has passed.
///
/// THREADS: loop thread only.
class LoadRun {
 public:
  /// REQUIRES: both outlive it.
  LoadRun(AsioReactor& reactor, HttpClient& http, LoadOptions options)
      : reactor_(reactor), http_(http), options_(std::move(options)) {}

  void start(std::function<void(const LoadReport&)> done);

 private:
  void send();
  void finish();

  AsioReactor& reactor_;
  HttpClient& http_;
  LoadOptions options_;
  std::function<void(const LoadReport&)> done_;
  MonoTime started_{};
  std::size_t under_way_ = 0;
  std::size_t next_host_ = 0;
  std::vector<Duration> waits_;
  LoadReport report_;
};

/// The report as JSON text, times in microseconds.
std::string render_load_report(const LoadReport& report);

}  // namespace voicectl
