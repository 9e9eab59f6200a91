// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/clock.h"
#include "base/units.h"
#include "provisioner/model/desired_state.h"
#include "provisioner/model/text_rules.h"
#include "provisioner/model/yaml_text.h"

namespace voicectl {
namespace {

std::string_view code_of(Color color) {
  switch (color) {
    case Color::kPlain:
      return "";
    case Color::kGood:
      return "32";
    case Color::kWarning:
      return "33";
    case Color::kBad:
      return "31";
    case Color::kFaint:
      return "2";
    case Color::kStrong:
      return "1";
  }
  return "";
}

/// Columns that a text takes. Counts characters, which is right for all but the wide scripts.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

std::string padded(std::string_view text, std::size_t width, Align align) {
  const std::string spaces(width - std::min(width, width_of(text)), ' ');
  return align == Align::kRight ? spaces + std::string(text) : std::string(text) + spaces;
}

const Json* find_member(const Json& object, std::string_view key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

}  // namespace

std::string Palette::paint(Color color, std::string_view text) const {
  const std::string_view code = code_of(color);
  if (mode_ == Mode::kOff || code.empty()) {
    return std::string(text);
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::string safe_for_terminal(std::string_view text) {
  std::string out;
  while (const std::optional<std::size_t> bad = find_unprintable(text, Lines::kOne)) {
    out += text.substr(0, *bad);
    out += text[*bad] == '\t' ? ' ' : '?';
    text.remove_prefix(*bad + 1);
    // The rest of a character whose first byte was replaced.
    while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xc0U) == 0x80U) {
      text.remove_prefix(1);
    }
  }
  return out + std::string(text);
}

void Table::add(std::vector<std::string> cells) {
  VC_CHECK(cells.size() == columns_.size(), "a row has a cell for each column");
  for (std::string& text : cells) {
    text = text.empty() ? "-" : safe_for_terminal(text);
  }
  rows_.push_back(std::move(cells));
}

std::string Table::str(const Palette& palette) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    widths.push_back(columns_[i].title.size());
    for (const std::vector<std::string>& row : rows_) {
      widths[i] = std::max(widths[i], width_of(row[i]));
    }
  }
  const auto line = [&](const auto& text_of) {
    std::string out;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const bool is_last = i + 1 == columns_.size() && columns_[i].align == Align::kLeft;
      out += padded(text_of(i), is_last ? 0 : widths[i], columns_[i].align);
      out += i + 1 == columns_.size() ? "" : "  ";
    }
    return out;
  };
  std::string out =
      palette.paint(Color::kStrong, line([&](std::size_t i) { return columns_[i].title; })) + "\n";
  for (const std::vector<std::string>& row : rows_) {
    out += line([&](std::size_t i) -> std::string_view { return row[i]; }) + "\n";
  }
  return out;
}

std::string cell(const Json& object, std::string_view key) {
  const Json* const value = find_member(object, key);
  if (value == nullptr) {
    return "-";
  }
  return value->is_string() ? value->get<std::string>() : dump_json(*value);
}

std::string bytes_cell(const Json& object, std::string_view key) {
  const std::int64_t count = object.is_object() ? integer_or(object, key, -1) : -1;
  return count < 0 ? "-" : Bytes{static_cast<std::uint64_t>(count)}.str();
}

std::string seconds_cell(const Json& object, std::string_view key) {
  const Json* const value = find_member(object, key);
  if (value == nullptr || !value->is_number_integer()) {
    return "-";
  }
  const std::chrono::seconds length(value->get<std::int64_t>());
  // The daemon counts whole seconds, so zero is no smaller unit.
  return length.count() == 0 ? "0s" : format_duration(length);
}

std::string list_cell(const Json& object, std::string_view key) {
  const Json* const value = find_member(object, key);
  std::string out;
  if (value != nullptr && value->is_array()) {
    for (const Json& item : *value) {
      out +=
          (out.empty() ? "" : ",") + (item.is_string() ? item.get<std::string>() : dump_json(item));
    }
  }
  return out.empty() ? "-" : out;
}

std::string render_document(const Json& value, OutputFormat format) {
  Json document = value;
  if (document.is_object() && !document.contains("schema")) {
    document["apiVersion"] = kApiVersion;
  }
  return format == OutputFormat::kYaml
             ? render_yaml(document)
             : document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace voicectl
