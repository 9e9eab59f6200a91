// SPDX-License-Identifier: Apache-2.0
#include "runtime/handoff/protocol.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace voicectl::handoff {
namespace {

Result<std::uint64_t> number_in(const Json& body, const char* key) {
  VC_TRY(const std::int64_t number, require_integer(body, key));
  if (number < 0) {
    return Error(ErrorCode::kInvalidArgument,
                 std::string("cannot take '") + key + "': it is negative");
  }
  return static_cast<std::uint64_t>(number);
}

}  // namespace

std::string encode(const HandOverOrder& order) {
  Json out = {{"tenant", order.tenant.str()},
              {"generation", order.generation.value},
              {"token", order.token.value},
              {"back", order.back.value},
              {"patience_ms", order.patience.count()}};
  if (order.progress_every) {
    out["progress_ms"] = order.progress_every->count();
  }
  return dump_json(out);
}

Result<HandOverOrder> parse_hand_over_order(std::string_view body) {
  VC_TRY(const Json parsed, parse_json(body));
  VC_TRY(const std::string name, require_string(parsed, "tenant"));
  VC_TRY(TenantId tenant, TenantId::parse(name));
  VC_TRY(const std::uint64_t generation, number_in(parsed, "generation"));
  VC_TRY(const std::uint64_t token, number_in(parsed, "token"));
  VC_TRY(const std::uint64_t back, number_in(parsed, "back"));
  VC_TRY(const std::uint64_t patience, number_in(parsed, "patience_ms"));
  if (back <= token) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot hand over: the token for the way back must be the higher one");
  }
  constexpr std::uint64_t kLongest = 60'000;
  HandOverOrder order{std::move(tenant),
                      {generation},
                      {token},
                      {back},
                      std::chrono::milliseconds(std::min(patience, kLongest))};
  if (const std::int64_t every = integer_or(parsed, "progress_ms", 0); every > 0) {
    order.progress_every = std::chrono::milliseconds(every);
  }
  return order;
}

std::string encode(const HandOverProgress& progress) {
  return dump_json(Json{{"phase", progress.phase},
                        {"connections", progress.connections},
                        {"copied", progress.copied}});
}

Result<HandOverProgress> parse_hand_over_progress(std::string_view body) {
  VC_TRY(const Json parsed, parse_json(body));
  HandOverProgress progress;
  VC_TRY(progress.phase, require_string(parsed, "phase"));
  VC_TRY(progress.connections, number_in(parsed, "connections"));
  VC_TRY(progress.copied, number_in(parsed, "copied"));
  return progress;
}

int percent_of(const HandOverProgress& progress) {
  // Copied connections are served on, and are most of the work; what follows takes milliseconds.
  constexpr std::array kAfterCopying = {
      std::pair(std::string_view("quiescing"), 90), std::pair(std::string_view("releasing"), 92),
      std::pair(std::string_view("opening"), 94),   std::pair(std::string_view("catching up"), 96),
      std::pair(std::string_view("frozen"), 98),    std::pair(std::string_view("withdrawing"), 98)};
  for (const auto& [phase, percent] : kAfterCopying) {
    if (progress.phase == phase) {
      return percent;
    }
  }
  if (progress.phase != "copying") {
    return 0;
  }
  const std::uint64_t all = std::max<std::uint64_t>(progress.connections, 1);
  return static_cast<int>(std::min(progress.copied, all) * 90 / all);
}

std::string encode(const HandOverReport& report) {
  return dump_json(Json{{"handed_over", report.is_handed_over},
                        {"code", name_of(report.why.code())},
                        {"why", report.why.text()},
                        {"token", report.token.value},
                        {"connections", report.connections},
                        {"websockets", report.websockets},
                        {"refused", report.refused},
                        {"dropped", report.dropped},
                        {"copied", report.copied},
                        {"told_late", report.told_late},
                        {"pause_us", report.pause.count()},
                        {"wait_us", report.wait.count()},
                        {"took_us", report.took.count()}});
}

Result<HandOverReport> parse_hand_over_report(std::string_view body) {
  VC_TRY(const Json parsed, parse_json(body));
  const auto outcome = parsed.is_object() ? parsed.find("handed_over") : parsed.end();
  if (!parsed.is_object() || outcome == parsed.end() || !outcome->is_boolean()) {
    return Error(ErrorCode::kCorrupt, "cannot read what came of a hand-over");
  }
  HandOverReport report;
  report.is_handed_over = outcome->get<bool>();
  report.why =
      Error(error_code_named(string_or(parsed, "code", "internal")), string_or(parsed, "why", ""));
  VC_TRY(report.token.value, number_in(parsed, "token"));
  VC_TRY(report.connections, number_in(parsed, "connections"));
  VC_TRY(report.websockets, number_in(parsed, "websockets"));
  // Another version may not tell these.
  for (const auto& [key, number] :
       {std::pair("refused", &report.refused), std::pair("dropped", &report.dropped),
        std::pair("copied", &report.copied), std::pair("told_late", &report.told_late)}) {
    *number = static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer_or(parsed, key, 0)));
  }
  report.pause = std::chrono::microseconds(integer_or(parsed, "pause_us", 0));
  report.wait = std::chrono::microseconds(integer_or(parsed, "wait_us", 0));
  report.took = std::chrono::microseconds(integer_or(parsed, "took_us", 0));
  return report;
}

}  // namespace voicectl::handoff
