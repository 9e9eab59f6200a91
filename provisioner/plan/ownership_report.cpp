// SPDX-License-Identifier: Apache-2.0
// What is told of whose fields are.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "provisioner/plan/ownership.h"

namespace voicectl {
namespace {

/// Bytes of a value, and of a reason, that are told.
constexpr std::size_t kLongestValue = 2'000;
constexpr std::size_t kLongestMisfit = 500;

/// At most `most` bytes of `text`, whole characters.
std::string_view beginning(std::string_view text, std::size_t most) {
  if (text.size() <= most) {
    return text;
  }
  const auto goes_on = [&](std::size_t place) {
    return (static_cast<unsigned char>(text[place]) & 0xC0U) == 0x80U;
  };
  while (most > 0 && goes_on(most)) {
    --most;
  }
  return text.substr(0, most);
}

std::string short_text(const std::string& text, std::size_t most) {
  return text.size() <= most ? text : fmt::format("{}...", beginning(text, most));
}

std::string value_or_nothing(const std::string& value) {
  return value.empty() ? "nothing" : short_text(value, 60);
}

std::string conflict_text(const FieldNote& note) {
  const std::string claim =
      fmt::format("{} by the command line ({}, revision {}: {})", value_or_nothing(note.now),
                  note.claim->who, note.claim->revision, note.claim->why);
  if (note.misfit.empty()) {
    return fmt::format("{}: {} in the file, {}", note.path, value_or_nothing(note.wanted), claim);
  }
  return fmt::format(
      "{}: {}, which cannot stay beside what the file says (name it in the file too): {}",
      note.path, claim, short_text(note.misfit, kLongestMisfit));
}

/// As JSON again; the beginning of a long one, and `is_cut`.
Json value_json(const std::string& text, bool& is_cut) {
  if (text.size() > kLongestValue) {
    is_cut = true;
    return beginning(text, kLongestValue);
  }
  return text.empty() ? Json() : Json::parse(text);  // of our own making
}

Json note_json(const FieldNote& note) {
  Json owner = {{"owner", name_of(note.claim ? FieldOwner::kCommandLine : FieldOwner::kFile)}};
  if (note.claim) {
    owner["who"] = note.claim->who;
    owner["why"] = note.claim->why;
    owner["at"] = format_wall_time(note.claim->at);
    owner["revision"] = note.claim->revision;
  }
  bool is_cut = false;
  Json out = {{"path", note.path},
              {"now", value_json(note.now, is_cut)},
              {"wanted", value_json(note.wanted, is_cut)},
              {"owner", std::move(owner)}};
  if (is_cut) {
    out["cut"] = true;
  }
  if (!note.misfit.empty()) {
    out["misfit"] = short_text(note.misfit, kLongestMisfit);
  }
  return out;
}

Json notes_json(const FieldNotes& notes) {
  Json out = Json::array();
  for (const FieldNote& note : notes.named()) {
    out.push_back(note_json(note));
  }
  return out;
}

}  // namespace

void FieldNotes::add(FieldNote note) {
  if (count_++ < kMostNamed) {
    named_.push_back(std::move(note));
  }
}

Status check_conflicts(const OwnershipReport& report) {
  constexpr std::size_t kMostShown = 3;
  const std::size_t count = report.conflicts.count();
  if (count == 0) {
    return ok_status();
  }
  std::string list;
  for (std::size_t i = 0; i < std::min(count, kMostShown); ++i) {
    list += (i == 0 ? "" : "; ") + conflict_text(report.conflicts.named()[i]);
  }
  list += count > kMostShown ? fmt::format("; and {} more", count - kMostShown) : "";
  return Error(ErrorCode::kConflict,
               fmt::format("cannot apply this: the file and the command line differ about {} "
                           "field{}: {}; write what is there into the file, leave the field out of "
                           "it, or take the file's value with --force-conflicts",
                           count, count == 1 ? "" : "s", list));
}

std::string with_ownership(std::string plan, const OwnershipReport& report) {
  if (report.empty()) {
    return plan;
  }
  const Json told = {
      {"conflicts", notes_json(report.conflicts)}, {"conflict_count", report.conflicts.count()},
      {"kept", notes_json(report.kept)},           {"kept_count", report.kept.count()},
      {"taken", notes_json(report.taken)},         {"taken_count", report.taken.count()}};
  // A plan of ten thousand tenants is not read again for it.
  plan.pop_back();
  return plan + ",\"ownership\":" + dump_json(told) + "}";
}

}  // namespace voicectl
