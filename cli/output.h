// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace voicectl {

enum class OutputFormat {
  kTable,
  kWide,  ///< table with every column
  kJson,
  kYaml,
  kName,      ///< "tenant/mario-pizza", one a line
  kMarkdown,  ///< for the comment of a merge request
  kSarif,     ///< problems for code forges
};

enum class Color { kPlain, kGood, kWarning, kBad, kFaint, kStrong };

/// Colours text, or does not.
class Palette {
 public:
  enum class Mode { kOff, kOn };
  explicit Palette(Mode mode) : mode_(mode) {}
  std::string paint(Color color, std::string_view text) const;
  bool is_on() const { return mode_ == Mode::kOn; }

 private:
  Mode mode_;
};

/// `text` with every control character replaced by '?', so that what a tenant wrote cannot steer
/// the operator's terminal.
std::string safe_for_terminal(std::string_view text);

enum class Align { kLeft, kRight };

struct Column {
  std::string_view title;
  Align align = Align::kLeft;
};

/// Text in columns, two spaces apart; the last one is not padded.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// REQUIRES: as many cells as there are columns.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  std::string str(const Palette& palette) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// "512.0 MiB", "3h05m"; "-" for null: members of the daemon's answers as cells.
std::string bytes_cell(const Json& object, std::string_view key);
std::string seconds_cell(const Json& object, std::string_view key);
std::string cell(const Json& object, std::string_view key);
/// The members of a list, joined by commas.
std::string list_cell(const Json& object, std::string_view key);

/// Indented JSON or YAML with `apiVersion`. REQUIRES: kJson or kYaml.
std::string render_document(const Json& value, OutputFormat format);

}  // namespace voicectl
