// SPDX-License-Identifier: Apache-2.0
#include "cli/cli_app.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <utility>

#include "cli/commands/commands.h"
#include "cli/help.h"
#include "cli/option_rules.h"
#include "cli/raw_arguments.h"
#include "provisioner/model/suggest.h"

namespace voicectl {
namespace {

constexpr std::string_view kProgramSummary =
    "voicectl runs a multi-tenant voice platform on plain Linux hosts.";

constexpr std::string_view kProgramFooter =
    "Examples:\n"
    "  voicectl up -f platform.yaml        start a platform in ./.voicectl and apply a file\n"
    "  voicectl plan -f platform.yaml      see what an apply would do, and why\n"
    "  voicectl apply -f platform.yaml     do it\n"
    "  voicectl ps                         see what runs\n"
    "\n"
    "Environment:\n"
    "  VOICECTL_SOCKET      control socket of the daemon, if --socket names none; without both "
    "that\n"
    "                       of ./.voicectl (what 'voicectl up' made in the current folder), else\n"
    "                       /run/voicectl/control.sock\n"
    "  NO_COLOR, VOICECTL_NO_COLOR\n"
    "                       if not empty, never colour the output, as --no-color; FORCE_COLOR: "
    "colour\n"
    "                       it also where it goes to no terminal, unless --no-color is given\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 conflict, 5 timeout, 6 partly "
    "done,\n"
    "7 daemon not available, 130 interrupted. With --detailed-exitcode 2 says that there are "
    "changes,\n"
    "and wrong usage is 1.\n"
    "Run 'voicectl help COMMAND' for the help of a command.";

/// What --version runs.
constexpr std::string_view kVersionPath = "version";

/// The last word of a path, and what stands before it.
std::pair<std::string, std::string> split_path(std::string_view path) {
  const std::size_t blank = path.rfind(' ');
  return blank == std::string_view::npos
             ? std::pair(std::string(), std::string(path))
             : std::pair(std::string(path.substr(0, blank)), std::string(path.substr(blank + 1)));
}

/// Which commands a command line can name. All of them are known by their names, but to declare the
/// options of all takes longer than most of them run.
class Candidates {
 public:
  /// All.
  Candidates() = default;
  /// Those that begin with one of its words, also of several that are one argument.
  explicit Candidates(const std::vector<std::string>& arguments) : words_(std::in_place) {
    for (const std::string& argument : arguments) {
      words_->insert(argument.substr(0, argument.find(' ')));
    }
  }

  bool contain(std::string_view path) const {
    return !words_ || path == kVersionPath || words_->contains(path.substr(0, path.find(' ')));
  }

 private:
  std::optional<std::set<std::string, std::less<>>> words_;
};

/// Everything that reading one command line needs; it is built for each run, so that no option
/// keeps a value of an earlier one.
class CommandLine {
 public:
  explicit CommandLine(const Candidates& candidates = {})
      : program_(std::string(kProgramSummary), "voicectl") {
    program_.footer(std::string(kProgramFooter));
    program_.set_help_flag("-h,--help", "show this help");
    program_.add_flag("--version", wants_version_, "show the version");
    program_.add_option("--socket", socket_, "control socket of the daemon")->type_name("PATH");
    program_.add_flag("--no-color", wants_no_color_, "never colour the output");
    program_.add_flag("--no-input", wants_no_input_,
                      "ask nothing: what would need an answer fails and says which flag gives it");
    for (const Group& group : command_groups()) {
      add(group.path, group.summary);
    }
    for (const Command& command : all_commands()) {
      CLI::App& app = add(command.path, command.summary);
      if (!candidates.contain(command.path)) {
        continue;
      }
      if (!command.examples.empty()) {
        app.footer("Examples:\n" + std::string(command.examples));
      }
      bodies_[std::string(command.path)] = command.declare(app);
      complete_options(app);
    }
    // Only so that it is listed: its words are taken before CLI11 could read them as commands.
    add("help", "Show the help of a command").add_option("COMMAND", "words of the command");
  }

  CLI::App& program() { return program_; }
  CLI::App* find(const std::string& path) {
    const auto found = apps_.find(path);
    return found == apps_.end() ? (path.empty() ? &program_ : nullptr) : found->second;
  }
  const CommandBody* find_body(const std::string& path) const {
    const auto found = bodies_.find(path);
    return found == bodies_.end() ? nullptr : &found->second;
  }
  const std::vector<std::string>& paths() const { return paths_; }
  /// Flags of the program, and of the commands that may be meant.
  std::set<std::string> flags() const;
  std::string help(const std::string& path) {
    CLI::App* const app = find(path);
    return app == nullptr ? "" : render_help(*app, path, program_);
  }

  /// Words of the command that was named, as far as they could be read.
  std::string chosen_path() const {
    std::string path;
    for (const CLI::App* at = &program_; !at->get_subcommands().empty();) {
      at = at->get_subcommands().front();
      path += (path.empty() ? "" : " ") + at->get_name();
    }
    return path;
  }

  bool wants_version() const { return wants_version_; }
  bool wants_no_color() const { return wants_no_color_; }
  bool wants_no_input() const { return wants_no_input_; }
  const std::string& socket() const { return socket_; }

 private:
  CLI::App& add(std::string_view path, std::string_view summary) {
    const auto [parent, name] = split_path(path);
    CLI::App& app = *find(parent)->add_subcommand(name, std::string(summary));
    app.set_help_flag("-h,--help", "show this help");
    // CLI11 hands the program's own footer down.
    app.footer("");
    // Flags of the program may stand behind the command too.
    app.fallthrough();
    apps_[std::string(path)] = &app;
    paths_.emplace_back(path);
    return app;
  }

  CLI::App program_;
  std::map<std::string, CLI::App*> apps_;
  std::vector<std::string> paths_;
  std::map<std::string, CommandBody> bodies_;
  std::string socket_;
  bool wants_version_ = false;
  bool wants_no_color_ = false;
  bool wants_no_input_ = false;
};

std::vector<std::string> names_below(CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      flags.push_back("--" + name);
    }
  }
  return flags;
}

std::set<std::string> CommandLine::flags() const {
  std::set<std::string> out;
  const auto add = [&out](const CLI::App& app) {
    const std::vector<std::string> flags = flags_of(app);
    out.insert(flags.begin(), flags.end());
  };
  add(program_);
  for (const auto& [path, app] : apps_) {
    add(*app);
  }
  return out;
}

/// A word that names no command where a command has to stand: its path, the word, what is known.
struct UnknownCommand {
  std::string group;
  std::string word;
  std::vector<std::string> known;
};

std::optional<UnknownCommand> find_unknown_command(CommandLine& line,
                                                   const std::vector<std::string>& arguments) {
  std::string path;
  for (const std::string& word : arguments) {
    CLI::App* const app = line.find(path);
    const std::vector<std::string> known = names_below(*app);
    if (known.empty()) {
      return std::nullopt;
    }
    // A flag before the command may take the next word as its value; CLI11 sorts that out.
    if (word.starts_with('-')) {
      return std::nullopt;
    }
    if (std::find(known.begin(), known.end(), word) == known.end()) {
      return UnknownCommand{path, word, known};
    }
    path += (path.empty() ? "" : " ") + word;
  }
  return std::nullopt;
}

std::string with_hint(std::string message, const std::string& hint) {
  return hint.empty() ? message : std::move(message) + "; " + hint;
}

/// What CLI11 could not make sense of, with the nearest flag.
ExitCode refuse_parse(CommandContext& context, CommandLine& line, const CLI::ParseError& problem) {
  const std::string path = line.chosen_path();
  for (const std::string& word : line.program().remaining(true)) {
    if (!word.starts_with('-')) {
      return refuse_usage(context, path,
                          fmt::format("cannot use the argument '{}': none is expected", word));
    }
    std::vector<std::string> known = flags_of(*line.find(path));
    for (const std::string& flag : flags_of(line.program())) {
      known.push_back(flag);
    }
    const std::string flag = word.substr(0, word.find('='));
    return refuse_usage(context, path,
                        with_hint(fmt::format("cannot use the flag '{}': it is not known", flag),
                                  did_you_mean(flag, known)));
  }
  return refuse_usage(context, path,
                      fmt::format("cannot read the command line: {}", words_of(problem)));
}

ExitCode show_help(CommandContext& context, CommandLine& line, const std::string& path) {
  const std::string text = line.help(path);
  if (text.empty()) {
    return refuse_usage(context, "",
                        with_hint(fmt::format("cannot find the command '{}'", path),
                                  did_you_mean(path, line.paths())));
  }
  context.console.out << text;
  return ExitCode::kOk;
}

/// The words behind "help", without flags.
std::string path_in(const std::vector<std::string>& arguments) {
  std::string path;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (!arguments[i].starts_with('-')) {
      path += (path.empty() ? "" : " ") + arguments[i];
    }
  }
  return path;
}

/// The command that the words begin with.
std::string command_in(CommandLine& line, const std::vector<std::string>& words) {
  std::string path;
  for (const std::string& word : words) {
    const std::string longer = path + (path.empty() ? "" : " ") + word;
    if (line.find(longer) == nullptr) {
      break;
    }
    path = longer;
  }
  return path;
}

/// As from a variable that is not set: what would go on without it is not what was meant.
ExitCode refuse_empty(CommandContext& context, const std::string& option, const std::string& path) {
  return refuse_usage(
      context, path,
      fmt::format("cannot take an empty value for '{}': give one, or leave it out", option));
}

ExitCode run_command(CommandContext& context, CommandLine& line, const std::string& path) {
  const CommandBody* const body = line.find_body(path);
  if (body == nullptr) {
    // The program or a group alone: its help, and that a word was missing.
    context.console.err << line.help(path);
    return context.usage_code;
  }
  const Result<ExitCode> code = (*body)(context);
  if (code.has_error()) {
    context.console.err << "voicectl: " << safe_for_terminal(code.error().text()) << "\n";
    return exit_code_of(code.error().code());
  }
  return *code;
}

}  // namespace

ExitCode run_voicectl(const std::vector<std::string>& arguments, CommandContext& context) {
  context.usage_code = asks_for_detailed_code(arguments) ? ExitCode::kFailure : ExitCode::kUsage;
  CommandLine line{Candidates(arguments)};
  const std::vector<std::string> words = without_program_flags(arguments);
  if (!words.empty() && words.front() == "help") {
    return show_help(context, line, path_in(words));
  }
  if (const std::optional<UnknownCommand> unknown = find_unknown_command(line, words)) {
    const std::string prefix = unknown->group.empty() ? "" : unknown->group + " ";
    return refuse_usage(
        context, unknown->group,
        with_hint(fmt::format("cannot find the command '{}{}'", prefix, unknown->word),
                  did_you_mean(unknown->word, unknown->known)));
  }
  if (const auto flag = find_empty_flag(arguments, line.flags())) {
    return refuse_empty(context, *flag, command_in(line, words));
  }
  try {
    // CLI11 takes the words from the end of the list.
    line.program().parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return show_help(context, line, line.chosen_path());
  } catch (const CLI::ParseError& problem) {
    return refuse_parse(context, line, problem);
  }
  const std::string path = line.chosen_path();
  for (const CLI::App* const app : {&line.program(), line.find(path)}) {
    if (const auto option = find_empty_value(*app)) {
      return refuse_empty(context, *option, path);
    }
  }
  if (line.wants_no_color()) {
    context.console.out_palette = Palette(Palette::Mode::kOff);
    context.console.err_palette = Palette(Palette::Mode::kOff);
  }
  context.console.never_asks = line.wants_no_input();
  context.socket_option = line.socket();
  return run_command(context, line,
                     line.wants_version() && path.empty() ? std::string(kVersionPath) : path);
}

std::string help_text(const std::string& path) {
  CommandLine line;
  return line.help(path);
}

std::vector<std::string> command_paths() {
  const CommandLine line;
  return line.paths();
}

}  // namespace voicectl
