// SPDX-License-Identifier: Apache-2.0
#include "cli/document_cache.h"

#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "base/json.h"

namespace voicectl {
namespace {

/// More than any document has that the daemon takes.
constexpr std::size_t kMostBytes = 128U << 20;

bool is_as_it_was(const Json& included, const FileReader& read_file) {
  if (!included.is_object()) {
    return false;
  }
  for (const auto& [name, digest] : included.items()) {
    const Result<std::string> text = read_file(name);
    if (text.has_error() || digest != sha256_hex(*text)) {
      return false;
    }
  }
  return true;
}

}  // namespace

DocumentCache::DocumentCache(FileSystem& files, std::string folder, std::string program)
    : files_(files), folder_(std::move(folder)), program_(std::move(program)) {}

FileReader DocumentCache::recording(FileReader read_file, std::shared_ptr<Included> seen) {
  return [read_file = std::move(read_file),
          seen = std::move(seen)](const std::string& name) -> Result<std::string> {
    VC_TRY(std::string text, read_file(name));
    seen->emplace_back(name, sha256_hex(text));
    return text;
  };
}

std::string DocumentCache::path_of(const std::vector<SourceText>& sources,
                                   const std::string& working_directory) const {
  Sha256 digest;
  const auto add = [&](std::string_view part) {
    // With its length before it: no two lists of parts look the same.
    digest.add(std::to_string(part.size()) + ":");
    digest.add(part);
  };
  add(program_);
  add(working_directory);
  for (const SourceText& source : sources) {
    add(source.name);
    add(source.text);
  }
  return folder_ + "/" + digest.hex();
}

std::optional<std::string> DocumentCache::find(const std::vector<SourceText>& sources,
                                               const std::string& working_directory,
                                               const FileReader& read_file) {
  Result<std::optional<std::string>> entry =
      files_.read(path_of(sources, working_directory), kMostBytes);
  if (entry.has_error() || !*entry) {
    return std::nullopt;
  }
  // The first line says which files were included; the document is the rest.
  const std::size_t line_end = (*entry)->find('\n');
  if (line_end == std::string::npos) {
    return std::nullopt;
  }
  const Result<Json> included = parse_json(std::string_view(**entry).substr(0, line_end));
  if (included.has_error() || !is_as_it_was(*included, read_file)) {
    return std::nullopt;
  }
  return (*entry)->substr(line_end + 1);
}

void DocumentCache::keep(const std::vector<SourceText>& sources,
                         const std::string& working_directory,
                         const Included& included,
                         std::string_view document) {
  if (files_.make_directory(folder_, kPrivateDirectory).has_error()) {
    return;
  }
  const Result<std::vector<std::string>> names = files_.list(folder_);
  if (names.has_error()) {
    return;
  }
  for (std::size_t i = 0; i + kMostEntries <= names->size(); ++i) {
    // One that stays too long costs only room.
    (void)files_.remove(folder_ + "/" + (*names)[i]);
  }
  Json head = Json::object();
  for (const auto& [name, digest] : included) {
    head[name] = digest;
  }
  std::string entry = dump_json(head) + "\n";
  entry += document;
  // Not kept is as good, only slower.
  (void)files_.replace_atomically(path_of(sources, working_directory), entry, kPrivateFile);
}

}  // namespace voicectl
