// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"

namespace voicectl {
namespace {

struct Options {
  bool wants_detailed_code = false;
  OutputFormat format = OutputFormat::kTable;
};

std::string text_of(const Json& item, std::string_view key) {
  return safe_for_terminal(string_or(item, key, ""));
}

bool is_adopted(const Json& finding) {
  return finding.value("adopted", Json()).is_object();
}

/// A finding with all that is known of it, one thing a line.
void print_finding(Console& console, const Json& finding) {
  const std::string path = text_of(finding, "path");
  const std::string since = text_of(finding, "since");
  const Palette& palette = console.out_palette;
  const Color color = is_adopted(finding) ? Color::kFaint : Color::kWarning;
  console.out << palette.paint(color, text_of(finding, "name")) << " (" << text_of(finding, "kind")
              << ", " << text_of(finding, "subject") << ")\n";
  const auto line = [&console](std::string_view title, const std::string& text) {
    if (!text.empty()) {
      console.out << fmt::format("  {:<9} {}\n", title, text);
    }
  };
  line("Path", path);
  line("Expected", text_of(finding, "expected"));
  line("Found", text_of(finding, "found"));
  line("Since", since);
  if (is_adopted(finding)) {
    const Json& adopted = finding.at("adopted");
    line("Adopted", fmt::format("by {} at {}: {}", text_of(adopted, "who"), text_of(adopted, "at"),
                                text_of(adopted, "why")));
  }
  line("To do", text_of(finding, "remedy"));
}

void print_list(Console& console, const Json& findings, bool is_wide) {
  if (is_wide) {
    for (const Json& finding : findings) {
      print_finding(console, finding);
    }
    return;
  }
  Table table({{"NAME"}, {"SUBJECT"}, {"WHAT"}, {"FOUND"}, {"SINCE"}, {"STATE"}});
  for (const Json& finding : findings) {
    const std::string state = is_adopted(finding)                         ? "adopted"
                              : finding.value("repaired_by_apply", false) ? "apply repairs it"
                                                                          : "see -o wide";
    table.add({text_of(finding, "name"), text_of(finding, "subject"), text_of(finding, "kind"),
               text_of(finding, "found"), cell(finding, "since"), state});
  }
  console.out << table.str(console.out_palette);
}

/// What was adopted and is not so any more: somebody may have forgotten it.
void print_idle_adoptions(Console& console, const Json& answer) {
  for (const Json& adoption : answer.value("adoptions", Json::array())) {
    if (!adoption.value("applies", false)) {
      console.err << fmt::format(
          "{} was adopted by {} ({}), and is not so any more; 'voicectl adopt --undo {}'\n",
          text_of(adoption, "name"), text_of(adoption, "who"), text_of(adoption, "why"),
          text_of(adoption, "name"));
    }
  }
}

void print(Console& console, const Json& answer, const Options& options) {
  const Json findings = answer.value("findings", Json::array());
  if (options.format == OutputFormat::kJson || options.format == OutputFormat::kYaml) {
    console.out << render_document(answer, options.format);
    return;
  }
  if (options.format == OutputFormat::kName) {
    for (const Json& finding : findings) {
      console.out << text_of(finding, "name") << '\n';
    }
    return;
  }
  if (findings.empty()) {
    console.err << "No drift: everything is as it is recorded.\n";
  } else {
    print_list(console, findings, options.format == OutputFormat::kWide);
  }
  if (answer.value("applying", false)) {
    console.err << "An apply runs: what it is about to change is shown here too.\n";
  }
  print_idle_adoptions(console, answer);
}

Result<ExitCode> show_drift(CommandContext& context, const Options& options) {
  VC_TRY(const Json answer, daemon_of(context)->get("/v1/drift"));
  print(context.console, answer, options);
  bool has_drift = false;
  for (const Json& finding : answer.value("findings", Json::array())) {
    has_drift = has_drift || !is_adopted(finding);
  }
  return options.wants_detailed_code && has_drift ? ExitCode::kChanges : ExitCode::kOk;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_flag("--detailed-exitcode", options->wants_detailed_code,
               "end with 0 for no drift, 2 for drift that is not adopted, 1 or another code for an "
               "error");
  add_output_option(app, options->format, Formats::kList);
  return [options](CommandContext& context) { return show_drift(context, *options); };
}

}  // namespace

Command drift_command() {
  return {"drift", "Show what on this host is not as it is recorded; changes nothing",
          "  voicectl drift\n"
          "  voicectl drift -o wide\n"
          "  voicectl drift --detailed-exitcode -o json",
          declare};
}

}  // namespace voicectl
