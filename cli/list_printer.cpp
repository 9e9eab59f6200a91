// SPDX-License-Identifier: Apache-2.0
#include "cli/list_printer.h"

#include <nlohmann/json.hpp>
#include <ostream>

namespace voicectl {
namespace {

const Json& list_in(const Json& answer, std::string_view key) {
  static const Json none = Json::array();
  const auto found = answer.is_object() ? answer.find(key) : answer.end();
  return found != answer.end() && found->is_array() ? *found : none;
}

void print_table(Console& console, const Json& list, const ListView& view, Shown widest) {
  std::vector<Column> columns;
  for (const ListColumn& column : view.columns) {
    if (column.shown == Shown::kAlways || widest == Shown::kWide) {
      columns.push_back(column.column);
    }
  }
  Table table(columns);
  for (const Json& item : list) {
    std::vector<std::string> cells;
    for (const ListColumn& column : view.columns) {
      if (column.shown == Shown::kAlways || widest == Shown::kWide) {
        cells.push_back(column.text_of(item));
      }
    }
    table.add(std::move(cells));
  }
  console.out << table.str(console.out_palette);
}

/// A list that goes on says so beside the output, which may be read by a program.
void print_next(Console& console, const Json& answer) {
  const std::string next = string_or(answer, "next", "");
  if (!next.empty()) {
    console.err << "There are more: add --after '" << safe_for_terminal(next) << "'.\n";
  }
}

}  // namespace

ListColumn text_column(std::string_view title, std::string_view key, Shown shown) {
  return {{title, Align::kLeft}, shown, [key](const Json& item) { return cell(item, key); }};
}

ListColumn number_column(std::string_view title, std::string_view key, Shown shown) {
  return {{title, Align::kRight}, shown, [key](const Json& item) { return cell(item, key); }};
}

void print_list(Console& console, const Json& answer, const ListView& view, OutputFormat format) {
  const Json& list = list_in(answer, view.list);
  switch (format) {
    case OutputFormat::kJson:
    case OutputFormat::kYaml:
      console.out << render_document(answer, format);
      return;
    case OutputFormat::kName:
      for (const Json& item : list) {
        console.out << view.kind << '/' << safe_for_terminal(cell(item, view.name_key)) << '\n';
      }
      print_next(console, answer);
      return;
    case OutputFormat::kTable:
    case OutputFormat::kWide:
    case OutputFormat::kMarkdown:
    case OutputFormat::kSarif:
      break;
  }
  // Who did not answer is missing in the list.
  for (const Json& problem : list_in(answer, "problems")) {
    console.err << "voicectl: "
                << safe_for_terminal(problem.is_string() ? problem.get<std::string>() : "") << '\n';
  }
  if (list.empty()) {
    console.err << view.when_empty << '\n';
    return;
  }
  print_table(console, list, view, format == OutputFormat::kWide ? Shown::kWide : Shown::kAlways);
  print_next(console, answer);
}

}  // namespace voicectl
