// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/option_rules.h"
#include "cli/top/curses_screen.h"
#include "cli/top/top_view.h"

namespace voicectl {
namespace {

constexpr std::uint64_t kMostLooks = 1'000'000'000;

struct Options {
  double interval = 2;
  /// Looks; 0 for no end.
  unsigned count = 0;
  bool is_plain = false;
  std::string sort = "cpu";
  std::string filter;
  OutputFormat format = OutputFormat::kTable;
};

TopView view_of(const Options& options) {
  TopView view;
  view.sort_by(TopView::sort_named(options.sort).value_or(TopView::Sort::kCpu));
  view.filter_by(options.filter);
  return view;
}

/// A look at the platform.
Status look(CommandContext& context, TopView& view) {
  const std::unique_ptr<DaemonClient> daemon = daemon_of(context);
  const Result<Json> status = daemon->get("/v1/status");
  const Result<Json> tenants = daemon->get("/v1/tenants");
  const Result<Json> instances = daemon->get("/v1/instances");
  for (const Result<Json>* answer : {&status, &tenants, &instances}) {
    if (answer->has_error()) {
      return answer->error();
    }
  }
  view.take(*status, *tenants, *instances);
  return ok_status();
}

/// What is wrong is shown, and looked at again.
void look_again(CommandContext& context, TopView& view) {
  if (const Status seen = look(context, view); seen.has_error()) {
    view.set_problem(seen.error().text());
  }
}

/// Minutes that the lines begin with.
constexpr int kMinutesBefore = 23;

/// An older daemon does not know of them.
void begin(CommandContext& context, TopView& view) {
  const Result<Json> recent =
      daemon_of(context)->get(fmt::format("/v1/load?minutes={}", kMinutesBefore));
  if (recent.has_value()) {
    view.begin_with(*recent);
  }
}

std::chrono::milliseconds interval_of(const Options& options) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(options.interval * 1000));
}

Status run_on_screen(CommandContext& context, const Options& options) {
  const std::unique_ptr<CursesScreen> screen =
      CursesScreen::open(context.console.out_palette.is_on());
  if (screen == nullptr) {
    return Error(
        ErrorCode::kInvalidArgument,
        fmt::format("cannot draw: the terminal '{}' is not known; set TERM, or add --plain",
                    context.surroundings.variable("TERM").value_or("")));
  }
  TopView view = view_of(options);
  begin(context, view);
  for (unsigned looks = 1; options.count == 0 || looks <= options.count; ++looks) {
    look_again(context, view);
    const MonoTime until = context.programs.now() + interval_of(options);
    while (true) {
      screen->draw(view.lines(screen->size()));
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - context.programs.now());
      if (left.count() <= 0) {
        break;
      }
      if (const std::optional<Key> key = screen->wait_key(left); key && view.press(*key)) {
        return ok_status();
      }
    }
  }
  return ok_status();
}

Status print_look(CommandContext& context, const Options& options, TopView& view) {
  if (options.format != OutputFormat::kTable) {
    // Half a document is none.
    VC_TRY(look(context, view));
    context.console.out << render_document(view.document(), options.format);
    return ok_status();
  }
  look_again(context, view);
  for (const ScreenLine& line : view.all_lines()) {
    context.console.out << line.text << '\n';
  }
  return ok_status();
}

Result<ExitCode> run_plain(CommandContext& context, const Options& options) {
  TopView view = view_of(options);
  const unsigned count = std::max(1U, options.count);
  for (unsigned looks = 1; looks <= count; ++looks) {
    // The first answer tells whether there is anybody to ask.
    VC_TRY(daemon_of(context)->get("/v1/version"));
    if (looks == 1) {
      begin(context, view);
    }
    VC_TRY(print_look(context, options, view));
    if (looks < count) {
      context.console.out << std::endl;
      context.programs.pause(interval_of(options));
    }
  }
  return ExitCode::kOk;
}

Result<ExitCode> show_top(CommandContext& context, const Options& options) {
  const Console& console = context.console;
  const std::string term = context.surroundings.variable("TERM").value_or("");
  if (options.is_plain || options.format != OutputFormat::kTable || !console.in_is_terminal ||
      !console.out_is_terminal || term.empty() || term == "dumb") {
    return run_plain(context, options);
  }
  VC_TRY(daemon_of(context)->get("/v1/version"));
  VC_TRY(run_on_screen(context, options));
  return ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--interval", options->interval, "seconds between looks")
      ->type_name("SECONDS")
      ->check(number_between(0.5, 60))
      ->capture_default_str();
  app.add_option("-n,--count", options->count,
                 "end after this many looks (default: never on a terminal, else 1)")
      ->check(whole_number(0, kMostLooks));
  app.add_flag("--plain", options->is_plain, "print instead of drawing, as when nobody looks on");
  app.add_option("--sort", options->sort,
                 "by what both tables are sorted at first: cpu, sessions, requests, events, "
                 "latency, memory or name")
      ->type_name("BY")
      ->check(one_of(TopView::sort_names()))
      ->capture_default_str();
  app.add_option("--filter", options->filter,
                 "only tenants and instances that have this in a name; an instance with its "
                 "tenants' names")
      ->type_name("TEXT");
  add_output_option(app, options->format, Formats::kDocument);
  return [options](CommandContext& context) { return show_top(context, *options); };
}

}  // namespace

Command top_command() {
  return {
      "top", "Watch tenants and instances at work",
      "  voicectl top\n"
      "  voicectl top --sort memory --filter shared-0\n"
      "  voicectl top --plain -n 3 --interval 5\n"
      "  voicectl top -o json\n"
      "\n"
      "Keys: c s r e l m n sort by cpu, sessions, requests, events, latency, memory, name;\n"
      "/ filters, arrows scroll, q quits. Narrow terminals show fewer columns; what is printed\n"
      "has all of them.",
      declare};
}

}  // namespace voicectl
