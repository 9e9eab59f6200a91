// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <string>

#include "base/check.h"
#include "base/json.h"
#include "base/json_text.h"
#include "runtime/tenant/session_requests.h"
#include "runtime/ultravox/events.h"
#include "runtime/webhook/tool_parameters.h"
#include "runtime/webhook/tools.h"
#include "tests/fuzz/fuzz_targets.h"

namespace voicectl::fuzz {
namespace {

constexpr JsonBudget kBudget{.bytes = 4096, .depth = 8, .nodes = 200};

std::size_t depth_of(const Json& value) {
  std::size_t deepest = 0;
  if (value.is_structured()) {
    for (const Json& member : value) {
      deepest = std::max(deepest, depth_of(member));
    }
  }
  return value.is_structured() ? deepest + 1 : 0;
}

/// What a writer that is ours makes of a text is what the library makes of it.
void compare_strings(std::string_view bytes) {
  std::string ours;
  append_json_string(ours, bytes);
  VC_CHECK(ours == dump_json(Json(bytes)), "a text is written as the library writes it");
}

void check_document(const Json& parsed) {
  VC_CHECK(depth_of(parsed) <= kBudget.depth, "depth stays within the budget");
  const std::string text = dump_json(parsed);
  const Result<Json> again = parse_json(text);
  VC_CHECK(again.has_value() && dump_json(*again) == text, "what was written is read the same");
  for (const runtime::ToolDefinition& tool : runtime::all_tools()) {
    // Whatever an agent sends, there is a request or something to say.
    (void)runtime::read_tool_request(tool, parsed);
  }
}

}  // namespace

void json_body(std::string_view bytes) {
  compare_strings(bytes);
  const Result<Json> parsed = parse_json(bytes, kBudget);
  if (parsed.has_value()) {
    check_document(*parsed);
  }
  const Result<runtime::NewSession> session = runtime::parse_new_session(bytes);
  if (session.has_value()) {
    VC_CHECK(session->customer_name.size() <= 200, "names stay within their budget");
    VC_CHECK(session->metadata.size() <= 4096, "metadata stays within its budget");
  }
  (void)ultravox::parse_event(bytes);
}

}  // namespace voicectl::fuzz
