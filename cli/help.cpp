// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <fmt/core.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <utility>
#include <vector>

namespace voicectl {
namespace {

using Row = std::pair<std::string, std::string>;

std::string rows_text(std::string_view title, const std::vector<Row>& rows) {
  if (rows.empty()) {
    return "";
  }
  std::size_t width = 0;
  for (const Row& row : rows) {
    width = std::max(width, row.first.size());
  }
  std::string out = fmt::format("\n{}:\n", title);
  for (const Row& row : rows) {
    out += fmt::format("  {:<{}}  {}\n", row.first, width, row.second);
  }
  return out;
}

std::string flag_names(const CLI::Option& option) {
  std::string out = option.get_snames().empty() ? "    " : "-" + option.get_snames().front() + ", ";
  out += option.get_lnames().empty() ? "" : "--" + option.get_lnames().front();
  // A flag takes no value; CLI11 says so with an empty type.
  const std::string type = option.get_type_name();
  return option.get_expected_max() == 0 || type.empty() ? out : out + " " + type;
}

std::vector<Row> flags_of(const CLI::App& app) {
  std::vector<Row> rows;
  for (const CLI::Option* option : app.get_options()) {
    if (option->nonpositional() && !option->get_group().empty()) {
      const std::string standard =
          option->get_default_str().empty() ? "" : " (default " + option->get_default_str() + ")";
      rows.emplace_back(flag_names(*option), option->get_description() + standard);
    }
  }
  return rows;
}

std::vector<Row> arguments_of(const CLI::App& app) {
  std::vector<Row> rows;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->nonpositional()) {
      rows.emplace_back(option->get_name(true), option->get_description());
    }
  }
  return rows;
}

std::vector<Row> commands_of(const CLI::App& app) {
  std::vector<Row> rows;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    rows.emplace_back(command->get_name(), command->get_description());
  }
  return rows;
}

std::string usage_of(const CLI::App& app, std::string_view path) {
  std::string out = path.empty() ? "voicectl" : fmt::format("voicectl {}", path);
  if (!commands_of(app).empty()) {
    // One that has flags beside --help does something by itself, too.
    const bool is_command = !path.empty() && app.get_options().size() > 1;
    return out + (is_command ? " [COMMAND] [flags]" : " COMMAND [flags]");
  }
  for (const CLI::Option* option : app.get_options()) {
    if (!option->nonpositional()) {
      const std::string name = option->get_name(true);
      out += option->get_required() ? " " + name : " [" + name + "]";
    } else if (option->get_required()) {
      out += fmt::format(" --{} {}", option->get_lnames().front(), option->get_type_name());
    }
  }
  return out + " [flags]";
}

}  // namespace

std::string render_help(const CLI::App& app, std::string_view path, const CLI::App& program) {
  std::string out = app.get_description() + "\n\nUsage: " + usage_of(app, path) + "\n";
  out += rows_text("Commands", commands_of(app));
  out += rows_text("Arguments", arguments_of(app));
  out += rows_text("Flags", flags_of(app));
  if (&app != &program) {
    std::vector<Row> global = flags_of(program);
    global.erase(std::remove_if(global.begin(), global.end(),
                                [](const Row& row) {
                                  return row.first.find("--help") != std::string::npos ||
                                         row.first.find("--version") != std::string::npos;
                                }),
                 global.end());
    out += rows_text("Flags of every command", global);
  }
  return out + (app.get_footer().empty() ? "" : "\n" + app.get_footer() + "\n");
}

}  // namespace voicectl
