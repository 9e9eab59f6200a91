// SPDX-License-Identifier: Apache-2.0
#include "cli/archive_program.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

namespace voicectl {
namespace {

constexpr std::string_view kProgram = "/voicectl-archive";
constexpr Duration kLookInterval = std::chrono::milliseconds(500);
/// An answer carries the tenant's document.
constexpr std::size_t kMostSaid = 64U << 20;

ErrorCode code_named(const std::string& name) {
  for (const ErrorCode code :
       {ErrorCode::kInvalidArgument, ErrorCode::kNotFound, ErrorCode::kAlreadyExists,
        ErrorCode::kConflict, ErrorCode::kFenced, ErrorCode::kResourceExhausted,
        ErrorCode::kPermissionDenied, ErrorCode::kUnavailable, ErrorCode::kTimeout,
        ErrorCode::kCancelled, ErrorCode::kCorrupt}) {
    if (name_of(code) == name) {
      return code;
    }
  }
  return ErrorCode::kInternal;
}

/// The last whole line of what the program has said; an empty object if there is none.
Json last_line(CommandContext& context, const std::string& log) {
  const Result<std::optional<std::string>> said = context.files.read(log, kMostSaid);
  if (said.has_error() || !*said) {
    return Json::object();
  }
  const std::size_t end = (*said)->rfind('\n');
  if (end == std::string::npos) {
    return Json::object();
  }
  const std::size_t before = end == 0 ? std::string::npos : (*said)->rfind('\n', end - 1);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  const JsonBudget budget{.bytes = kMostSaid, .nodes = 10'000'000};
  const Result<Json> line = parse_json(std::string_view(**said).substr(begin, end - begin), budget);
  return line.has_value() && line->is_object() ? *line : Json::object();
}

void show_progress(Console& console, const Json& line) {
  if (!console.err_is_terminal || string_or(line, "type", "") != "progress") {
    return;
  }
  const std::int64_t done = integer_or(line, "done", 0);
  console.err << (string_or(line, "of", "") == "rows" ? fmt::format("\r  {} rows", done)
                                                      : fmt::format("\r  {} MiB ", done >> 20))
              << std::flush;
}

Result<Json> outcome_of(Json line) {
  const std::string type = string_or(line, "type", "");
  if (type == "done") {
    return line;
  }
  if (type == "error") {
    return Error(code_named(string_or(line, "code", "")), string_or(line, "message", ""));
  }
  return Error(
      ErrorCode::kInternal,
      "cannot say what came of it: voicectl-archive ended without a word (out of memory?); "
      "nothing was taken over");
}

}  // namespace

Result<PlatformPaths> fetch_paths(DaemonClient& daemon) {
  VC_TRY(const Json status, daemon.get("/v1/status"));
  VC_TRY(std::string state, require_string(status.value("daemon", Json::object()), "state"));
  return PlatformPaths{std::move(state)};
}

Result<Json> run_archive(CommandContext& context,
                         const PlatformPaths& paths,
                         const std::string& name,
                         std::vector<std::string> words) {
  VC_TRY(context.files.make_directory(paths.transfer(), kPrivateDirectory));
  const std::string log = paths.transfer() + "/" + name + ".log";
  VC_TRY(context.files.remove(log));
  LaunchSpec spec;
  spec.argv = {context.surroundings.program_directory + std::string(kProgram)};
  spec.argv.insert(spec.argv.end(), std::make_move_iterator(words.begin()),
                   std::make_move_iterator(words.end()));
  VC_TRY(const ProcessIdentity who, context.programs.start(spec, log));
  bool has_shown = false;
  while (context.programs.wait_for_end(who, kLookInterval) == WaitOutcome::kStillRunning) {
    show_progress(context.console, last_line(context, log));
    has_shown = context.console.err_is_terminal;
  }
  if (has_shown) {
    context.console.err << "\r              \r";
  }
  Json said = last_line(context, log);
  (void)context.files.remove(log);  // the next run does it otherwise
  return outcome_of(std::move(said));
}

std::vector<std::string> store_words(const DesiredState& desired, const PlatformPaths& paths) {
  if (desired.platform.store.kind == SessionStoreKind::kEmbedded) {
    return {};
  }
  return {"--redis-url", desired.platform.store.redis_url, "--redis-password-file",
          paths.state + "/keys/redis.password"};
}

std::string describe_rows(const Json& rows) {
  std::int64_t all = 0;
  std::string parts;
  for (const auto& [table, count] : rows.items()) {
    all += integer_or(rows, table, 0);
    parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", integer_or(rows, table, 0),
                         safe_for_terminal(table));
  }
  return fmt::format("{} rows: {}", all, parts);
}

}  // namespace voicectl
