// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/App.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands/commands.h"
#include "cli/documents.h"
#include "cli/sarif.h"

namespace voicectl {
namespace {

struct Options {
  std::vector<std::string> files;
  OutputFormat format = OutputFormat::kTable;
};

Json json_of(const Diagnostic& problem) {
  return {{"file", problem.file},       {"line", problem.line},
          {"column", problem.column},   {"key_path", problem.key_path},
          {"message", problem.message}, {"suggestion", problem.suggestion}};
}

Result<ExitCode> validate(CommandContext& context, const Options& options) {
  VC_TRY(const std::vector<SourceText> sources, load_documents(options.files, context));
  const ParsedState parsed = parse_desired_state(sources, file_reader(context));
  if (options.format == OutputFormat::kTable) {
    print_problems(parsed, context.console);
    context.console.out << (parsed.ok() ? fmt::format("Valid: {} tenant{}, platform '{}'.\n",
                                                      parsed.state.tenants.size(),
                                                      parsed.state.tenants.size() == 1 ? "" : "s",
                                                      parsed.state.platform.domain)
                                        : "Not valid: " + count_of_problems(parsed) + ".\n");
  } else if (options.format == OutputFormat::kSarif) {
    context.console.out << dump_json(problems_as_sarif(parsed.problems, parsed.left_out)) << '\n';
  } else {
    Json problems = Json::array();
    for (const Diagnostic& problem : parsed.problems) {
      problems.push_back(json_of(problem));
    }
    const Json document = {{"schema", "voicectl/validation/v1"},
                           {"valid", parsed.ok()},
                           {"tenants", parsed.state.tenants.size()},
                           {"problems", std::move(problems)},
                           {"more", parsed.left_out}};
    context.console.out << render_document(document, options.format);
  }
  return parsed.ok() ? ExitCode::kOk : ExitCode::kFailure;
}

CommandBody declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("-f,--file", options->files, "file or folder of documents, '-' for standard input")
      ->required()
      ->type_name("PATH");
  add_output_option(app, options->format, Formats::kProblems);
  return [options](CommandContext& context) { return validate(context, *options); };
}

}  // namespace

Command validate_command() {
  return {"validate", "Check documents without a daemon",
          "  voicectl validate -f platform.yaml\n"
          "  voicectl validate -f platform.d/ -o json\n"
          "  voicectl validate -f platform.d/ -o sarif > voicectl.sarif\n"
          "  generate | voicectl validate -f -",
          declare};
}

}  // namespace voicectl
