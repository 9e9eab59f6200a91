// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/caller/load_run.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace voicectl {
namespace {

std::int64_t micros(Duration length) {
  return std::chrono::duration_cast<std::chrono::microseconds>(length).count();
}

}  // namespace

void LoadRun::start(std::function<void(const LoadReport&)> done) {
  done_ = std::move(done);
  started_ = reactor_.now();
  for (std::size_t i = 0; i < options_.parallel; ++i) {
    send();
  }
}

void LoadRun::send() {
  if (reactor_.now() - started_ >= options_.length) {
    if (under_way_ == 0 && done_) {
      finish();
    }
    return;
  }
  HttpCall call;
  call.method = options_.method;
  call.url = fmt::format("http://{}:{}{}", options_.edge_host, options_.edge_port, options_.path);
  call.headers = {{"Host", options_.hosts[next_host_++ % options_.hosts.size()]}};
  if (!options_.api_key.empty()) {
    call.headers.emplace_back("X-API-Key", options_.api_key.reveal());
  }
  if (!options_.body.empty()) {
    call.headers.emplace_back("Content-Type", "application/json");
    call.body = options_.body;
  }
  call.timeout = std::chrono::seconds(30);
  ++under_way_;
  http_.send(call, [this, begun = reactor_.now()](const Result<HttpResponse>& response) {
    --under_way_;
    waits_.push_back(reactor_.now() - begun);
    ++report_.requests;
    if (response.has_error() || response->status != options_.expect_status) {
      ++report_.failed;
      ++report_.failures[response.has_error() ? response.error().text()
                                              : fmt::format("status {}", response->status)];
    }
    send();
  });
}

void LoadRun::finish() {
  std::sort(waits_.begin(), waits_.end());
  report_.took = reactor_.now() - started_;
  if (!waits_.empty()) {
    report_.median = waits_[waits_.size() / 2];
    report_.p99 = waits_[waits_.size() * 99 / 100];
    report_.longest = waits_.back();
  }
  std::exchange(done_, nullptr)(report_);
}

std::string render_load_report(const LoadReport& report) {
  return dump_json({{"requests", report.requests},
                    {"failed", report.failed},
                    {"failures", report.failures},
                    {"took_us", micros(report.took)},
                    {"median_us", micros(report.median)},
                    {"p99_us", micros(report.p99)},
                    {"longest_us", micros(report.longest)}});
}

}  // namespace voicectl
