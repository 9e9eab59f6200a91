// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "provisioner/model/desired_state_yaml.h"

namespace voicectl {

/// Files that exist only in a test.
inline FileReader reader_of(std::map<std::string, std::string> files) {
  return [files = std::move(files)](const std::string& path) -> Result<std::string> {
    const auto found = files.find(path);
    if (found == files.end()) {
      return Error(ErrorCode::kNotFound, "cannot read '" + path + "': there is no such file");
    }
    return found->second;
  };
}

inline ParsedState parse(const std::string& text, std::map<std::string, std::string> files = {}) {
  return parse_desired_state({{"platform.yaml", text}}, reader_of(std::move(files)));
}

/// The problems as the person reads them.
inline std::vector<std::string> lines_of(const ParsedState& parsed) {
  std::vector<std::string> out;
  for (const Diagnostic& problem : parsed.problems) {
    out.push_back(problem.str());
  }
  return out;
}

inline std::string first_problem(const std::string& text) {
  const ParsedState parsed = parse(text);
  return parsed.ok() ? "" : parsed.problems.front().str();
}

/// A document with one custom tenant; `more` are further lines of the tenant, indented by four.
inline std::string tenant_document(std::string_view more, std::string_view slug = "acme") {
  return "apiVersion: voicectl/v1\ntenants:\n  - slug: " + std::string(slug) +
         "\n    name: Acme\n    business_type: custom\n" + std::string(more);
}

inline std::string platform_document(std::string_view more) {
  return "apiVersion: voicectl/v1\nplatform:\n" + std::string(more);
}

/// A file of the repository.
inline std::string file_text(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

}  // namespace voicectl
