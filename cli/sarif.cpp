// SPDX-License-Identifier: Apache-2.0
#include "cli/sarif.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/daemon_client.h"

namespace voicectl {
namespace {

constexpr const char* kRule = "desired-state";

/// The path as a relative or absolute URI reference (RFC 3986), part by part.
std::string uri_of(std::string path) {
  while (path.starts_with("./")) {
    path.erase(0, 2);
  }
  std::string out = path.starts_with('/') ? "file://" : "";
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    out += percent_encoded(std::string_view(path).substr(begin, end - begin));
    out += end < path.size() ? "/" : "";
    begin = end + 1;
  }
  return out;
}

Json location_of(const Diagnostic& problem) {
  Json place = {{"artifactLocation", {{"uri", uri_of(problem.file)}}}};
  if (problem.line > 0) {
    place["region"] = {{"startLine", problem.line}};
    if (problem.column > 0) {
      place["region"]["startColumn"] = problem.column;
    }
  }
  Json location = {{"physicalLocation", place}};
  if (!problem.key_path.empty()) {
    location["logicalLocations"] =
        Json::array({{{"fullyQualifiedName", problem.key_path}, {"kind", "member"}}});
  }
  return location;
}

Json result_of(const Diagnostic& problem) {
  const std::string text = (problem.key_path.empty() ? "" : problem.key_path + ": ") +
                           problem.message +
                           (problem.suggestion.empty() ? "" : "; " + problem.suggestion);
  Json result = {
      {"ruleId", kRule}, {"ruleIndex", 0}, {"level", "error"}, {"message", {{"text", text}}}};
  // What came through a pipe has no place in a repository.
  if (!problem.file.empty() && problem.file != "stdin") {
    result["locations"] = Json::array({location_of(problem)});
  }
  return result;
}

}  // namespace

Json problems_as_sarif(const std::vector<Diagnostic>& problems, std::size_t left_out) {
  Json results = Json::array();
  for (const Diagnostic& problem : problems) {
    results.push_back(result_of(problem));
  }
  const Json rule = {{"id", kRule},
                     {"shortDescription", {{"text", "The document is no valid desired state"}}},
                     {"defaultConfiguration", {{"level", "error"}}}};
  const Json driver = {
      {"name", "voicectl"}, {"version", VOICECTL_VERSION}, {"rules", Json::array({rule})}};
  Json run = {
      {"tool", {{"driver", driver}}}, {"columnKind", "unicodeCodePoints"}, {"results", results}};
  if (left_out > 0) {
    const Json note = {
        {"level", "warning"},
        {"message",
         {{"text",
           fmt::format("{} more problems are not shown; mend these and ask again", left_out)}}}};
    run["invocations"] = Json::array(
        {{{"executionSuccessful", true}, {"toolExecutionNotifications", Json::array({note})}}});
  }
  return {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
          {"version", "2.1.0"},
          {"runs", Json::array({run})}};
}

}  // namespace voicectl
