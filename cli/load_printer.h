// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/list_printer.h"

namespace voicectl {

/// What is asked of a history of load: from when on, and how finely.
struct LoadOptions {
  std::string since = "24h";
  std::string step;
  OutputFormat format = OutputFormat::kTable;
};

/// Adds --since, --step and --output. REQUIRES: `options` outlives `app`.
void add_load_options(CLI::App& app, LoadOptions& options);

/// A measure as one line: its sparkline, and the most of it.
struct LoadMeasure {
  std::string_view title;
  /// Nullopt: nobody knows.
  std::function<std::optional<double>(const Json& point)> value;
  std::function<std::string(double)> text;
  /// A bar of full height is at least this.
  double least_top = 1;
};

/// How a history is shown: as lines, and as a table of the steps that `is_shown` takes.
struct HistoryView {
  /// Member of the answer that says whose it is.
  std::string_view subject_key;
  std::vector<LoadMeasure> measures;
  ListView table;
  std::function<bool(const Json& point)> is_shown;
};

/// Asks the daemon for the history at `path`, and prints it.
Result<ExitCode> show_load_history(CommandContext& context,
                                   const std::string& path,
                                   const LoadOptions& options,
                                   const HistoryView& view);

/// Member of a point as a number; nullopt if it is none.
std::optional<double> number_in(const Json& object, std::string_view key);
std::function<std::optional<double>(const Json&)> member(std::string_view key);

/// A column of the table: "-" for what is not known.
ListColumn measured(std::string_view title,
                    std::string_view key,
                    std::string (*text)(double),
                    Shown shown = Shown::kAlways);

std::string milliseconds_text(double length);
std::string percent_text(double milli);
std::string bytes_text(double bytes);
std::string count_text(double count);
std::string rate_text(double rate);

}  // namespace voicectl
