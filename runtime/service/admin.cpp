// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/admin.h"

#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace voicectl::runtime {
namespace {

constexpr std::size_t kMaxProcFile = 4096;

std::chrono::microseconds length_of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

/// The second number of /proc/self/statm: resident pages.
std::uint64_t resident_pages(const std::string& statm) {
  const std::size_t space = statm.find(' ');
  std::uint64_t pages = 0;
  if (space != std::string::npos) {
    std::from_chars(statm.data() + space + 1, statm.data() + statm.size(), pages);
  }
  return pages;
}

}  // namespace

Admin::Admin(Deps deps, UniqueFd listener)
    : deps_(std::move(deps)),
      server_(deps_.reactor,
              {[this](const HttpRequest& request, const std::shared_ptr<Responder>& responder) {
                 responder->send(answer(request));
               },
               {}}) {
  server_.serve(std::move(listener));
}

std::span<const Admin::Route> Admin::routes() {
  static constexpr Route kRoutes[] = {
      {"GET", "/health", &Admin::health},
      {"GET", "/metrics", &Admin::metrics},
  };
  return kRoutes;
}

HttpResponse Admin::answer(const HttpRequest& request) const {
  std::string_view allowed;
  for (const Route& route : routes()) {
    if (route.path != request.path) {
      continue;
    }
    if (route.method == request.method) {
      return (this->*route.answer)();
    }
    allowed = route.method;
  }
  if (allowed.empty()) {
    return error_response(404, "not_found", "cannot find anything at that path");
  }
  HttpResponse response = error_response(405, "method_not_allowed",
                                         "cannot do that here; allowed: " + std::string(allowed));
  response.headers.emplace_back("Allow", allowed);
  return response;
}

HttpResponse Admin::metrics() const {
  return {200,
          {{"Content-Type", "text/plain; version=0.0.4"}},
          render_metrics(deps_.look(Look::kAll), deps_.hand_overs, measure_process())};
}

HttpResponse Admin::health() const {
  std::size_t sessions = 0;
  const std::vector<TenantMetrics> tenants = deps_.look(Look::kLoads);
  for (const TenantMetrics& one : tenants) {
    sessions += one.load.sessions;
  }
  return json_response(200, dump_json(Json{{"status", "ok"},
                                           {"instance", deps_.instance.str()},
                                           {"version", VOICECTL_VERSION},
                                           {"tenants", tenants.size()},
                                           {"sessions", sessions}}));
}

ProcessMetrics Admin::measure_process() const {
  ProcessMetrics process;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    process.cpu = length_of(usage.ru_utime) + length_of(usage.ru_stime);
  }
  const auto statm = deps_.files.read("/proc/self/statm", kMaxProcFile);
  if (statm.has_value() && statm->has_value()) {
    process.resident.count =
        resident_pages(**statm) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }
  const auto descriptors = deps_.files.list("/proc/self/fd");
  process.open_descriptors = descriptors.has_value() ? descriptors->size() : 0;
  process.loop_lag = deps_.lag.all();
  process.kept_websockets = deps_.parking.parked();
  return process;
}

}  // namespace voicectl::runtime
