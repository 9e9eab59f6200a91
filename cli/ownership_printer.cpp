// SPDX-License-Identifier: Apache-2.0
#include "cli/ownership_printer.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace voicectl {
namespace {

/// Most fields of each kind at a terminal.
constexpr std::size_t kMostFields = 20;

/// The list under `key` of the plan's ownership; empty if there is none.
const Json& notes_in(const Json& plan, const char* key) {
  static const Json none = Json::array();
  const auto ownership = plan.is_object() ? plan.find("ownership") : plan.end();
  if (ownership == plan.end() || !ownership->is_object()) {
    return none;
  }
  const auto list = ownership->find(key);
  return list != ownership->end() && list->is_array() ? *list : none;
}

std::string value_text(const Json& note, const char* key) {
  constexpr std::size_t kLongest = 60;
  const auto value = note.find(key);
  if (value == note.end() || value->is_null()) {
    return "nothing";
  }
  const std::string text = dump_json(*value);
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

/// Who has set it, and how; empty for what is the file's.
std::string owner_text(const Json& note) {
  const Json owner = note.value("owner", Json::object());
  const std::string who = owner.is_object() ? string_or(owner, "who", "") : "";
  return who.empty() ? who
                     : fmt::format("{}, revision {}, {}: {}", who, integer_or(owner, "revision", 0),
                                   string_or(owner, "at", "?"), string_or(owner, "why", ""));
}

std::string field_text(const Json& note) {
  const std::string path = string_or(note, "path", "?");
  const bool is_whole =
      note.value("now", Json()).is_null() && note.value("wanted", Json()).is_null();
  return is_whole ? path
                  : fmt::format("{}: {} -> {}", path, value_text(note, "now"),
                                value_text(note, "wanted"));
}

std::string conflict_text(const Json& note) {
  const std::string misfit = string_or(note, "misfit", "");
  return fmt::format(
      "{} ({}){}", field_text(note), owner_text(note),
      misfit.empty()
          ? ""
          : "; it cannot stay beside what the file says, name it in the file too: " + misfit);
}

std::string kept_text(const Json& note) {
  const std::string path = string_or(note, "path", "?");
  return fmt::format("{}{} ({})", path,
                     note.value("now", Json()).is_null() ? "" : ": " + value_text(note, "now"),
                     owner_text(note));
}

void add_details(const Json& notes,
                 std::size_t count,
                 std::size_t most,
                 std::string (*text_of)(const Json& note),
                 EffectLine& line) {
  const std::size_t shown = std::min(notes.size(), most);
  for (std::size_t i = 0; i < shown; ++i) {
    line.details.push_back(text_of(notes[i]));
  }
  if (count > shown) {
    line.details.push_back(fmt::format("and {} more", count - shown));
  }
}

/// How many there are of which `notes` are the first.
std::size_t count_of(const Json& plan, const char* key, const Json& notes) {
  const std::int64_t told = integer_or(plan.at("ownership"), key, 0);
  return std::max(notes.size(), static_cast<std::size_t>(std::max<std::int64_t>(0, told)));
}

std::string fields(std::size_t count) {
  return fmt::format("{} field{}", count, count == 1 ? "" : "s");
}

std::string print_line(const EffectLine& line, const Palette& palette) {
  std::string out = palette.paint(line.is_warning ? Color::kBad : Color::kStrong, line.label) +
                    ": " + line.text + "\n";
  for (const std::string& each : line.details) {
    out += fmt::format("  {} {}\n", line.is_warning ? "!" : " ", safe_for_terminal(each));
  }
  return out;
}

}  // namespace

bool has_conflicts(const Json& plan) {
  return !notes_in(plan, "conflicts").empty();
}

std::vector<EffectLine> ownership_lines(const Json& plan, std::size_t most) {
  std::vector<EffectLine> out;
  if (const Json& conflicts = notes_in(plan, "conflicts"); !conflicts.empty()) {
    const std::size_t count = count_of(plan, "conflict_count", conflicts);
    EffectLine line{"Conflict",
                    fields(count) +
                        " that the command line has set, and the file otherwise. This plan takes "
                        "the file's; apply refuses it without --force-conflicts",
                    true};
    add_details(conflicts, count, most, conflict_text, line);
    out.push_back(std::move(line));
  }
  if (const Json& kept = notes_in(plan, "kept"); !kept.empty()) {
    EffectLine line{"Kept", "set by the command line, and not named by the file"};
    add_details(kept, count_of(plan, "kept_count", kept), most, kept_text, line);
    out.push_back(std::move(line));
  }
  if (const Json& taken = notes_in(plan, "taken"); !taken.empty()) {
    EffectLine line{"From the file to the command line",
                    "an apply of a file that says otherwise will be refused"};
    add_details(taken, count_of(plan, "taken_count", taken), most, field_text, line);
    out.push_back(std::move(line));
  }
  return out;
}

std::string print_conflicts(const Json& plan, const Palette& palette) {
  std::string out;
  for (const EffectLine& line : ownership_lines(plan, kMostFields)) {
    out += line.is_warning ? print_line(line, palette) + "\n" : "";
  }
  return out;
}

std::string print_kept_and_taken(const Json& plan, const Palette& palette) {
  std::string out;
  for (const EffectLine& line : ownership_lines(plan, kMostFields)) {
    out += line.is_warning ? "" : "\n" + print_line(line, palette);
  }
  return out;
}

}  // namespace voicectl
