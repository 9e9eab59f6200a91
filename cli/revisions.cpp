// SPDX-License-Identifier: Apache-2.0
#include "cli/revisions.h"

#include <fmt/core.h>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "provisioner/model/desired_state_yaml.h"
#include "provisioner/model/text_rules.h"

namespace voicectl {
namespace {

/// As the daemon takes at most, with room for what was done.
constexpr std::size_t kLongestMessage = 800;

}  // namespace

Result<Json> fetch_revision(DaemonClient& daemon, std::int64_t number) {
  VC_TRY(Json kept, daemon.get(fmt::format("/v1/revisions/{}", number)));
  const auto facts = kept.is_object() ? kept.find("revision") : kept.end();
  if (facts == kept.end() || !facts->is_object()) {
    return Error(ErrorCode::kCorrupt, "cannot read the daemon's answer: it holds no revision");
  }
  return kept;
}

Result<std::int64_t> fetch_newest_revision(DaemonClient& daemon) {
  VC_TRY(const Json answer, daemon.get("/v1/revisions?limit=1"));
  const std::int64_t newest = integer_or(answer, "newest", 0);
  if (newest == 0) {
    return Error(ErrorCode::kNotFound,
                 "cannot find a revision: nothing was applied yet; see 'voicectl apply'");
  }
  return newest;
}

Result<DesiredState> desired_state_of(const Json& kept) {
  const std::string name =
      fmt::format("revision {}", integer_or(kept.value("revision", Json::object()), "revision", 0));
  ParsedState parsed =
      parse_desired_state({{name, string_or(kept, "document", "")}}, nullptr, kOwnDocumentBudget);
  if (!parsed.ok()) {
    return Error(ErrorCode::kCorrupt,
                 "cannot read the desired state of " + name + ": " + parsed.problems.front().str());
  }
  return std::move(parsed.state);
}

void add_revision_argument(CLI::App& app, std::string_view name, std::int64_t& number) {
  app.add_option(std::string(name), number, "number of a revision; see 'voicectl history'")
      ->check([](const std::string& text) {
        const bool is_number = !text.empty() && text.size() < 18 && text.front() != '0' &&
                               text.find_first_not_of("0123456789") == std::string::npos;
        return std::string(is_number ? "" : "found '" + text + "', needed is a number from 1");
      });
}

void add_message_option(CLI::App& app, std::string& message) {
  app.add_option("-m,--message", message, "why, for 'voicectl history'")
      ->type_name("TEXT")
      ->check([](const std::string& text) {
        if (text.size() > kLongestMessage) {
          return fmt::format("found {} bytes, allowed are {}", text.size(), kLongestMessage);
        }
        return std::string(find_unprintable(text, Lines::kOne)
                               ? "found bytes that are not UTF-8, a line end or another control "
                                 "character; needed is one line of text"
                               : "");
      });
}

std::string reason_of(std::string what, const std::string& message) {
  constexpr std::size_t kLongestDeed = 150;
  what = what.size() <= kLongestDeed ? std::move(what) : what.substr(0, kLongestDeed - 3) + "...";
  return message.empty() ? what : what + ": " + message;
}

}  // namespace voicectl
