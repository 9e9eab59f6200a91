// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "provisioner/model/readers.h"

namespace voicectl {

std::string resolve_path(const std::string& document, const std::string& path) {
  const std::size_t slash = document.rfind('/');
  if (path.empty() || path.starts_with('/') || slash == std::string::npos) {
    return path;
  }
  return document.substr(0, slash + 1) + path;
}

IncludedFiles::IncludedFiles(FileReader read_file, const YamlBudget& budget, Problems& problems)
    : read_file_(std::move(read_file)), budget_(budget), problems_(&problems) {}

std::optional<ValueReader> IncludedFiles::open(const ValueReader& value) {
  const TextRule rule{.form = TextForm::kRelativePath, .least = 1, .most = 400};
  const std::optional<std::string> name = value.text(rule);
  if (!name) {
    return std::nullopt;
  }
  const std::string path = resolve_path(value.spot().file, *name);
  auto found = trees_.find(path);
  if (found == trees_.end()) {
    found = trees_.emplace(path, load(path, value)).first;
  }
  if (!found->second) {
    return std::nullopt;
  }
  return ValueReader(*found->second, Spot{path, found->second->place, ""}, *problems_);
}

TreeRef IncludedFiles::load(const std::string& path, const ValueReader& asked_by) {
  if (!read_file_) {
    asked_by.refuse("found the name of a file; files cannot be read here", "write the list itself");
    return nullptr;
  }
  Result<std::string> text = read_file_(path);
  if (text.has_error()) {
    asked_by.refuse(fmt::format("found no file that can be read: {}", text.error().text()));
    return nullptr;
  }
  const std::size_t size = text->size();
  ReadDocuments read = read_yaml_documents({path, std::move(*text)}, budget_);
  // The budget is for all files together, or many small ones would get around it.
  budget_.bytes -= std::min(budget_.bytes, size);
  for (Diagnostic& problem : read.problems) {
    problems_->add(std::move(problem));
  }
  if (read.documents.size() == 1) {
    return read.documents.front();
  }
  if (read.problems.empty()) {
    asked_by.refuse(fmt::format("found {} documents in '{}'; allowed is one", read.documents.size(),
                                shown_text(path)));
  }
  return nullptr;
}

}  // namespace voicectl
