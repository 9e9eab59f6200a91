// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/load/scenarios.h"

#include <fmt/core.h>

#include <cstdlib>
#include <deque>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "tests/bench/load/process_figures.h"

namespace voicectl::bench {
namespace {

/// WebSockets that may be opening at once, so that no backlog overflows.
constexpr std::size_t kOpeningAtOnce = 128;

/// Sessions that idle WebSockets are spread over: one may have ten.
constexpr std::size_t kIdleSessions = 1000;

/// How long memory may settle before it is measured.
constexpr Duration kSettle = std::chrono::seconds(3);

constexpr std::string_view kOrder =
    R"({"customer_name":"Alex Rivera","order_type":"Takeaway","phone":"+15550123","items":[)"
    R"({"item_name":"Margherita Pizza","quantity":2,"special_instructions":"extra basil"},)"
    R"({"item_name":"Garlic Bread","quantity":1}]})";

constexpr std::string_view kCustomer =
    R"({"customer_name":"Alex Rivera","customer_phone":"+15550123"})";

/// Stands in every event that ends a tool call.
constexpr std::string_view kOrderCreated = "order.created";

[[noreturn]] void give_up(const std::string& what) {
  fmt::print(stderr, "voicectl-bench: cannot go on: {}\n", what);
  std::exit(1);
}

double seconds(Duration length) {
  return std::chrono::duration<double>(length).count();
}

std::string post(std::string_view path, std::string_view headers, std::string_view body) {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\n{}\r\n{}",
      path, body.size(), headers, body);
}

Json figures_of(const Histogram& latency) {
  return {{"p50_us", latency.quantile_us(0.5)},  {"p90_us", latency.quantile_us(0.9)},
          {"p99_us", latency.quantile_us(0.99)}, {"p999_us", latency.quantile_us(0.999)},
          {"max_us", latency.longest_us()},      {"count", latency.count()}};
}

Json figures_of(const LoadOutcome& outcome) {
  const double length = seconds(outcome.measured);
  const double cpu = seconds(outcome.server_cpu);
  const auto answers = static_cast<double>(outcome.answers);
  return {{"answers", outcome.answers},
          {"errors", outcome.errors},
          {"first_error", outcome.first_error},
          {"seconds", length},
          {"per_second", length > 0 ? answers / length : 0.0},
          {"per_cpu_second", cpu > 0 ? answers / cpu : 0.0},
          {"server_cores", length > 0 ? cpu / length : 0.0},
          {"load_cores", length > 0 ? seconds(outcome.own_cpu) / length : 0.0},
          {"latency", figures_of(outcome.latency)}};
}

}  // namespace

Scenarios::Scenarios(EventLoop& loop, FakeServices& fakes, Subject subject)
    : loop_(loop), fakes_(fakes), subject_(std::move(subject)) {}

std::string Scenarios::creation_request() const {
  return post("/api/sessions", fmt::format("X-API-Key: {}\r\n", subject_.api_key), kCustomer);
}

std::string Scenarios::tool_request(const MadeSession& session) const {
  return post(fmt::format("/webhook/{}/tools/placeOrder", subject_.tenant),
              fmt::format("X-Voicectl-Session: {}\r\nX-Voicectl-Tool-Token: {}\r\n",
                          session.session, session.tool_token),
              kOrder);
}

std::string_view Scenarios::numbered(const std::string& request, std::uint64_t number) {
  if (!subject_.numbers_requests) {
    return request;
  }
  const std::size_t end = request.find("\r\n") + 2;
  buffer_ = request.substr(0, end);
  // The time makes a second run no repetition of the first.
  buffer_ +=
      fmt::format("X-Request-Id: {:016x}{:016x}\r\n", now().time_since_epoch().count(), number);
  buffer_ += std::string_view(request).substr(end);
  return buffer_;
}

std::vector<MadeSession> Scenarios::make_sessions(std::size_t count) {
  fakes_.remember_tokens(true);
  std::vector<MadeSession> made;
  LoadPlan plan;
  plan.port = subject_.port;
  plan.connections = std::min<std::size_t>(count, 16);
  plan.warm_up = Duration::zero();
  plan.length = std::chrono::seconds(60);
  plan.most = count;
  plan.expected_status = 201;
  const std::string request = creation_request();
  HttpLoad load(
      loop_, plan,
      {[&](std::uint64_t number) { return numbered(request, number); },
       [&](std::uint64_t, const HttpMessage& answer) {
         const Result<Json> body = parse_json(answer.body);
         if (status_of(answer) == 201 && body.has_value()) {
           const std::string session = string_or(*body, "session_id", "");
           made.push_back({session, string_or(*body, "token", ""), fakes_.tool_token(session)});
         }
       },
       {}});
  const LoadOutcome outcome = load.run();
  fakes_.remember_tokens(false);
  if (made.size() != count || made.front().tool_token.empty()) {
    give_up(
        fmt::format("{} of {} sessions were made: {}", made.size(), count, outcome.first_error));
  }
  return made;
}

Json Scenarios::tools(LoadPlan plan, std::size_t sessions) {
  std::vector<std::string> requests;
  for (const MadeSession& session : make_sessions(sessions)) {
    requests.push_back(tool_request(session));
  }
  plan.port = subject_.port;
  plan.pid = subject_.pid;
  const std::uint64_t before = fakes_.requests();
  HttpLoad load(
      loop_, plan,
      {[&](std::uint64_t number) { return numbered(requests[number % requests.size()], number); },
       {},
       {}});
  const LoadOutcome outcome = load.run();
  Json figures = figures_of(outcome);
  figures["backend_requests"] = fakes_.requests() - before;
  return figures;
}

Json Scenarios::sessions(LoadPlan plan) {
  plan.port = subject_.port;
  plan.pid = subject_.pid;
  plan.expected_status = 201;
  const std::string request = creation_request();
  HttpLoad load(loop_, plan,
                {[&](std::uint64_t number) { return numbered(request, number); }, {}, {}});
  return figures_of(load.run());
}

void Scenarios::wait(Duration length) {
  const MonoTime end = now() + length;
  loop_.run([end](MonoTime) { return end; }, [end] { return now() >= end; });
}

void Scenarios::hold_open(std::vector<std::unique_ptr<Follower>>& followers,
                          std::size_t count,
                          const std::vector<MadeSession>& sessions,
                          const Follower::Hooks& hooks,
                          const std::size_t& open) {
  followers.reserve(count);
  const auto on_turn = [&](MonoTime at) {
    while (followers.size() < count && followers.size() - open < kOpeningAtOnce) {
      const MadeSession& session = sessions[followers.size() % sessions.size()];
      followers.push_back(std::make_unique<Follower>(loop_, subject_.port, subject_.flavour,
                                                     session.session, session.token, hooks));
    }
    return at + std::chrono::milliseconds(20);
  };
  const MonoTime latest = now() + std::chrono::seconds(120);
  loop_.run(on_turn, [&] { return open == count || now() > latest; });
  if (open != count) {
    give_up(fmt::format("{} of {} WebSockets were opened in time", open, count));
  }
}

Json Scenarios::idle(std::size_t count) {
  const std::vector<MadeSession> sessions = make_sessions(std::min(count, kIdleSessions));
  wait(kSettle);
  const Memory before = memory_of(subject_.pid);
  std::size_t open = 0;
  const Follower::Hooks hooks = {
      [&open](Follower&) { ++open; }, [](Follower&, std::string_view) {},
      [](Follower&, const std::string& why) { give_up("a WebSocket ended: " + why); }};
  std::vector<std::unique_ptr<Follower>> followers;
  hold_open(followers, count, sessions, hooks, open);
  wait(kSettle);
  const Memory after = memory_of(subject_.pid);
  const auto grown =
      static_cast<double>(after.resident_kib) - static_cast<double>(before.resident_kib);
  return {{"websockets", count},
          {"before_kib", before.resident_kib},
          {"before_private_kib", before.private_kib},
          {"after_kib", after.resident_kib},
          {"after_private_kib", after.private_kib},
          {"kib_each", grown / static_cast<double>(count)}};
}

Json Scenarios::events(std::size_t count, Duration warm_up, Duration length) {
  const std::vector<MadeSession> sessions = make_sessions(count);
  std::vector<std::string> requests;
  for (const MadeSession& session : sessions) {
    requests.push_back(tool_request(session));
  }
  std::size_t open = 0;
  std::unordered_map<const Follower*, std::size_t> index;
  std::vector<std::deque<MonoTime>> calls(count);
  Histogram latency;
  MonoTime measured_from{};
  const Follower::Hooks hooks = {
      [&open](Follower&) { ++open; },
      [&](Follower& follower, std::string_view text) {
        // Until all are open, what is followed are events of the past.
        const auto found = index.find(&follower);
        if (found == index.end() || calls[found->second].empty() ||
            text.find(kOrderCreated) == std::string_view::npos) {
          return;
        }
        auto& waiting = calls[found->second];
        if (waiting.front() >= measured_from) {
          latency.record(now() - waiting.front());
        }
        waiting.pop_front();
      },
      [](Follower&, const std::string& why) { give_up("a WebSocket ended: " + why); }};
  std::vector<std::unique_ptr<Follower>> followers;
  hold_open(followers, count, sessions, hooks, open);
  for (std::size_t i = 0; i < count; ++i) {
    index.emplace(followers[i].get(), i);
  }
  measured_from = now() + warm_up;
  LoadPlan plan;
  plan.port = subject_.port;
  plan.pid = subject_.pid;
  plan.connections = 64;
  plan.warm_up = warm_up;
  plan.length = length;
  plan.rate = static_cast<double>(count);
  HttpLoad load(
      loop_, plan,
      {[&](std::uint64_t number) { return numbered(requests[number % count], number); },
       {},
       [&](std::uint64_t number, MonoTime due) { calls[number % count].push_back(due); }});
  Json figures = figures_of(load.run());
  wait(std::chrono::milliseconds(500));
  figures["event_latency"] = figures_of(latency);
  return figures;
}

}  // namespace voicectl::bench
