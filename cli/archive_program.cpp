// SPDX-License-Identifier: Apache-2.0
#include "cli/archive_program.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

namespace voicectl {
namespace {

constexpr std::string_view kProgram = "/voicectl-archive";
constexpr Duration kLookInterval = std::chrono::milliseconds(500);
/// An answer carries the tenant's document.
constexpr std::size_t kMostSaid = 64U << 20;

/// The process that a file is of: "export-acme.4711.log" is of 4711.
std::optional<int> process_of(std::string_view file) {
  const std::size_t ending = file.rfind('.');
  const std::size_t number = ending == std::string_view::npos || ending == 0
                                 ? std::string_view::npos
                                 : file.rfind('.', ending - 1);
  if (number == std::string_view::npos) {
    return std::nullopt;
  }
  int process = 0;
  const char* const end = file.data() + ending;
  const auto [last, problem] = std::from_chars(file.data() + number + 1, end, process);
  return problem == std::errc() && last == end && process > 0 ? std::optional(process)
                                                              : std::nullopt;
}

/// Who is interrupted leaves its files.
Status remove_leavings(CommandContext& context, const DaemonPaths& paths) {
  VC_TRY(const std::vector<std::string> names, context.files.list(paths.transfer()));
  for (const std::string& name : names) {
    const std::optional<int> process = process_of(name);
    if (process && !context.programs.is_in_use(*process)) {
      VC_TRY(context.files.remove(paths.transfer() + "/" + name));
    }
  }
  return ok_status();
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
    return Error(error_code_named(string_or(line, "code", "")), string_or(line, "message", ""));
  }
  return Error(
      ErrorCode::kInternal,
      "cannot say what came of it: voicectl-archive ended without a word (out of memory?); "
      "nothing was taken over");
}

}  // namespace

Result<DaemonPaths> fetch_paths(DaemonClient& daemon) {
  VC_TRY(const Json status, daemon.get("/v1/status"));
  VC_TRY(std::string state, require_string(status.value("daemon", Json::object()), "state"));
  return DaemonPaths{std::move(state), "", ""};
}

std::string run_file(CommandContext& context,
                     const DaemonPaths& paths,
                     const std::string& name,
                     std::string_view ending) {
  return fmt::format("{}/{}.{}.{}", paths.transfer(), name, context.programs.own_pid(), ending);
}

Result<Json> run_archive(CommandContext& context,
                         const DaemonPaths& paths,
                         const std::string& name,
                         std::vector<std::string> words) {
  VC_TRY(remove_leavings(context, paths));
  const std::string log = run_file(context, paths, name, "log");
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
  (void)context.files.remove(log);  // a later run does it otherwise
  return outcome_of(std::move(said));
}

Result<std::vector<std::string>> store_words(CommandContext& context,
                                             const StoreSpec& store,
                                             const DaemonPaths& paths) {
  if (store.kind == SessionStoreKind::kEmbedded) {
    return std::vector<std::string>();
  }
  std::vector<std::string> words = {"--redis-url", store.redis_url};
  std::string password = store.password_file;
  if (password.empty()) {
    const std::string keys = paths.state + "/keys";
    VC_TRY(const std::vector<std::string> names, context.files.list(keys));
    constexpr std::string_view kUsual = "redis.password";
    const bool has_one = std::find(names.begin(), names.end(), kUsual) != names.end();
    password = has_one ? keys + "/" + std::string(kUsual) : "";
  }
  if (!password.empty()) {
    words.insert(words.end(), {"--redis-password-file", password});
  }
  return words;
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
