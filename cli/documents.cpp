// SPDX-License-Identifier: Apache-2.0
#include "cli/documents.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <istream>
#include <memory>
#include <numeric>
#include <ostream>
#include <sstream>

#include "cli/document_cache.h"
#include "cli/workspace.h"

namespace voicectl {
namespace {

namespace fs = std::filesystem;

/// More than any budget of the reader allows, so that it is the reader who refuses.
constexpr std::size_t kLongestFile = 64U << 20;

Result<std::string> read_stream(std::istream& stream, const std::string& name) {
  std::string text;
  std::string piece(64U << 10, '\0');
  while (stream.read(piece.data(), static_cast<std::streamsize>(piece.size())) ||
         stream.gcount() > 0) {
    text.append(piece, 0, static_cast<std::size_t>(stream.gcount()));
    if (text.size() > kLongestFile) {
      return Error(ErrorCode::kResourceExhausted,
                   fmt::format("cannot read '{}': it has more than {} bytes", name, kLongestFile));
    }
  }
  return text;
}

Result<std::string> read_file(const std::string& absolute, const std::string& name) {
  std::error_code problem;
  const fs::file_status found = fs::status(absolute, problem);
  if (fs::is_directory(found)) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot read '{}': it is a folder", name));
  }
  // A pipe is as good as a file: shells make one of '<(generate)'.
  if (problem.value() == EACCES || !fs::exists(found)) {
    return Error(
        problem.value() == EACCES ? ErrorCode::kPermissionDenied : ErrorCode::kNotFound,
        fmt::format("cannot read '{}': {}", name,
                    problem.value() == EACCES ? "not permitted" : "there is no such file"));
  }
  std::ifstream stream(absolute, std::ios::binary);
  if (!stream) {
    return Error(ErrorCode::kPermissionDenied,
                 fmt::format("cannot read '{}': not permitted", name));
  }
  return read_stream(stream, name);
}

bool is_document(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

Result<std::vector<std::string>> documents_in(const std::string& absolute,
                                              const std::string& name) {
  std::vector<std::string> names;
  std::error_code problem;
  for (fs::directory_iterator entry(absolute, problem); !problem && entry != fs::end(entry);
       entry.increment(problem)) {
    std::error_code is_file;
    if (entry->is_regular_file(is_file) && is_document(entry->path())) {
      names.push_back(name + (name.ends_with('/') ? "" : "/") + entry->path().filename().string());
    }
  }
  if (problem) {
    return Error(ErrorCode::kPermissionDenied,
                 fmt::format("cannot list the folder '{}': {}", name, problem.message()));
  }
  if (names.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot find a document in '{}': no file there ends in .yaml, .yml or "
                             ".json",
                             name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<LoadedDocument> read_state(const std::vector<SourceText>& sources,
                                  const FileReader& read_file,
                                  CommandContext& context) {
  ParsedState parsed = parse_desired_state(sources, read_file);
  if (!parsed.ok()) {
    print_problems(parsed, context.console);
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot use the desired state: {}{}", count_of_problems(parsed),
                             parsed.left_out == 0 ? " above" : ""));
  }
  LoadedDocument out{
      with_absolute_paths(std::move(parsed.state), context.surroundings.working_directory), ""};
  out.text = render_named_state(out.state, parsed.named);
  return out;
}

}  // namespace

FileReader file_reader(const CommandContext& context) {
  return [base = context.surroundings.working_directory](const std::string& path) {
    return read_file(absolute_path(base, path), path);
  };
}

Result<std::vector<SourceText>> load_documents(const std::vector<std::string>& paths,
                                               CommandContext& context) {
  const FileReader reader = file_reader(context);
  std::vector<SourceText> out;
  for (const std::string& path : paths) {
    if (path == "-") {
      VC_TRY(std::string text, read_stream(context.console.in, "standard input"));
      out.push_back({"stdin", std::move(text)});
      continue;
    }
    const std::string absolute = absolute_path(context.surroundings.working_directory, path);
    std::vector<std::string> names{path};
    std::error_code problem;
    if (fs::is_directory(absolute, problem)) {
      VC_TRY(names, documents_in(absolute, path));
    }
    for (const std::string& name : names) {
      VC_TRY(std::string text, reader(name));
      out.push_back({name, std::move(text)});
    }
  }
  return out;
}

void print_problems(const ParsedState& parsed, Console& console) {
  for (const Diagnostic& problem : parsed.problems) {
    console.err << safe_for_terminal(problem.str()) << '\n';
  }
  if (parsed.left_out > 0) {
    console.err << fmt::format("{} more problem{} not shown; mend these and ask again\n",
                               parsed.left_out, parsed.left_out == 1 ? " is" : "s are");
  }
}

std::string count_of_problems(const ParsedState& parsed) {
  const std::size_t count = parsed.problems.size() + parsed.left_out;
  return fmt::format(
      "{} problem{}{}", count, count == 1 ? "" : "s",
      parsed.left_out == 0 ? "" : fmt::format(", the first {} are shown", parsed.problems.size()));
}

Result<DesiredState> load_desired_state(const std::vector<std::string>& paths,
                                        CommandContext& context) {
  VC_TRY(LoadedDocument loaded, load_state_and_document(paths, context));
  return std::move(loaded.state);
}

Result<LoadedDocument> load_state_and_document(const std::vector<std::string>& paths,
                                               CommandContext& context) {
  VC_TRY(const std::vector<SourceText> sources, load_documents(paths, context));
  return read_state(sources, file_reader(context), context);
}

Result<std::string> load_document(const std::vector<std::string>& paths, CommandContext& context) {
  VC_TRY(const std::vector<SourceText> sources, load_documents(paths, context));
  const Surroundings& around = context.surroundings;
  const FileReader read_file = file_reader(context);
  const auto length = std::accumulate(
      sources.begin(), sources.end(), std::size_t{0},
      [](std::size_t sum, const SourceText& source) { return sum + source.text.size(); });
  if (around.cache_directory.empty() || length < DocumentCache::kLeastBytes) {
    VC_TRY(LoadedDocument loaded, read_state(sources, read_file, context));
    return std::move(loaded.text);
  }
  DocumentCache cache(context.files, around.cache_directory + "/documents", around.program);
  if (std::optional<std::string> found = cache.find(sources, around.working_directory, read_file)) {
    return std::move(*found);
  }
  const auto included = std::make_shared<DocumentCache::Included>();
  VC_TRY(LoadedDocument loaded,
         read_state(sources, DocumentCache::recording(read_file, included), context));
  cache.keep(sources, around.working_directory, *included, loaded.text);
  return std::move(loaded.text);
}

}  // namespace voicectl
