// SPDX-License-Identifier: Apache-2.0
#include "cli/option_rules.h"

#include <fmt/core.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "provisioner/model/suggest.h"

namespace voicectl {
namespace {

constexpr std::string_view kNumberType = "N";

/// What an argument of that name, or a flag of that type, names; and what stands before it in -o
/// name.
struct NamedKind {
  std::string_view placeholder;
  std::string_view prefix;
  bool of_flags = true;
};
constexpr NamedKind kKinds[] = {
    {"TENANT", "tenant/"},        {"SUBJECT", "tenant/", false},  // the audit's are of all kinds
    {"INSTANCE", "instance/"},    {"WHO", "instance/"},
    {"SESSION", "session/"},      {"KEY", "key/"},
    {"ENTRY", "entry/"},          {"REVISION", "revision/"},
    {"FROM", "revision/", false}, {"TO", "revision/", false}};

/// What the values of `option` may begin with; empty for nothing.
std::string_view prefix_of(const CLI::Option& option) {
  const bool is_flag = option.nonpositional();
  const std::string name = is_flag ? option.get_type_name() : option.get_name(true);
  const auto* const found =
      std::find_if(std::begin(kKinds), std::end(kKinds), [&](const NamedKind& kind) {
        return kind.placeholder == name && (kind.of_flags || !is_flag);
      });
  return found == std::end(kKinds) ? std::string_view() : found->prefix;
}

std::optional<std::uint64_t> parse_whole(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_octal_elsewhere = text.size() > 1 && text.front() == '0';
  return problem == std::errc() && end == text.data() + text.size() && !is_octal_elsewhere
             ? std::optional(number)
             : std::nullopt;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    out += (out.empty() ? "" : ", ") + word;
  }
  return out;
}

/// What stands before `separator` and what behind it; nullopt if it is not in there.
std::optional<std::pair<std::string, std::string>> cut(const std::string& text,
                                                       std::string_view separator) {
  const std::size_t at = text.find(separator);
  if (at == std::string::npos) {
    return std::nullopt;
  }
  return std::pair(text.substr(0, at), text.substr(at + separator.size()));
}

std::string words_of_mismatch(const std::string& text) {
  if (const auto parts = cut(text, " was given a disallowed")) {
    return parts->first + " takes no value";
  }
  const auto parts = cut(text, ": ");
  if (!parts) {
    return text;
  }
  const auto& [name, what] = *parts;
  if (what.starts_with("At Most 1 ")) {
    return name + " is given more than once";
  }
  if (what.starts_with("At Most ") || what.starts_with("At least ")) {
    const auto counts = cut(what, " required but received ");
    const std::size_t number = what.starts_with("At Most ") ? 8 : 9;
    return counts ? fmt::format("{} takes {}{}, found {}", name,
                                what.starts_with("At Most ") ? "at most " : "",
                                counts->first.substr(number), counts->second)
                  : text;
  }
  return name + " needs a value";
}

std::string words_of_conversion(const std::string& text) {
  constexpr std::string_view kStart = "Could not convert: ";
  if (text.starts_with(kStart)) {
    const auto parts = cut(text.substr(kStart.size()), " = ");
    return parts ? fmt::format("{} cannot be '{}'", parts->first, parts->second) : text;
  }
  const auto parts = cut(text, ": ");
  return parts ? parts->first + " takes no value" : text;
}

}  // namespace

ValueCheck whole_number(std::uint64_t least, std::uint64_t most) {
  return [least, most](const std::string& text) -> std::string {
    const std::optional<std::uint64_t> number = parse_whole(text);
    if (number && *number >= least && *number <= most) {
      return "";
    }
    // That there is an end to all numbers is told only to who has passed it.
    const bool has_end = most != kMostOfAnything || number;
    return fmt::format("found '{}', needed is a whole number from {}{}", text, least,
                       has_end ? fmt::format(" to {}", most) : "");
  };
}

ValueCheck number_between(double least, double most) {
  return [least, most](const std::string& text) -> std::string {
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    const bool is_number = !text.empty() && end == text.c_str() + text.size();
    return is_number && number >= least && number <= most
               ? ""
               : fmt::format("found '{}', needed is a number from {} to {}", text, least, most);
  };
}

ValueCheck one_of(std::vector<std::string> allowed) {
  return [allowed = std::move(allowed)](const std::string& text) -> std::string {
    if (std::find(allowed.begin(), allowed.end(), text) != allowed.end()) {
      return "";
    }
    const std::string hint = did_you_mean(text, allowed);
    return fmt::format("found '{}', allowed are {}{}", text, joined(allowed),
                       hint.empty() ? "" : "; " + hint);
  };
}

void complete_options(CLI::App& app) {
  for (CLI::Option* const option : app.get_options([](CLI::Option*) { return true; })) {
    if (const std::string_view prefix = prefix_of(*option); !prefix.empty()) {
      option->transform([prefix](const std::string& text) {
        return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
      });
    }
    const std::string type = option->get_type_name();
    VC_CHECK(type != kNumberType, "a number gets its type here, with the check that comes with it");
    if (option->get_expected_max() > 0 && (type == "UINT" || type == "INT")) {
      option->type_name(std::string(kNumberType))->check(whole_number(0));
    }
  }
}

std::optional<std::string> find_empty_value(const CLI::App& app) {
  for (const CLI::Option* const option : app.get_options()) {
    const std::vector<std::string>& values = option->results();
    if (option->count() > 0 && std::find(values.begin(), values.end(), "") != values.end()) {
      return option->get_name();
    }
  }
  return std::nullopt;
}

std::string words_of(const CLI::ParseError& problem) {
  const std::string text = problem.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&problem) != nullptr) {
    return words_of_mismatch(text);
  }
  if (dynamic_cast<const CLI::ConversionError*>(&problem) != nullptr) {
    return words_of_conversion(text);
  }
  if (dynamic_cast<const CLI::ExcludesError*>(&problem) != nullptr) {
    const auto names = cut(text, " excludes ");
    return names
               ? fmt::format("{} and {} exclude each other: give one", names->first, names->second)
               : text;
  }
  return text;
}

}  // namespace voicectl
