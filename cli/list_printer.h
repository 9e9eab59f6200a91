// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/console.h"
#include "cli/output.h"

namespace voicectl {

/// Whether a column is always there or only in the wide table.
enum class Shown { kAlways, kWide };

/// A column of a list of objects.
struct ListColumn {
  Column column;
  Shown shown = Shown::kAlways;
  std::function<std::string(const Json&)> text_of;
};

/// How a list of the daemon's answer is shown.
struct ListView {
  /// Member of the answer that holds the list: "tenants".
  std::string_view list;
  /// Kind and member for `-o name`: "tenant" and "tenant" give "tenant/mario-pizza".
  std::string_view kind;
  std::string_view name_key;
  /// Said instead of an empty table, with the next step.
  std::string_view when_empty;
  std::vector<ListColumn> columns;
};

/// A column that shows member `key` as it is.
ListColumn text_column(std::string_view title, std::string_view key, Shown shown = Shown::kAlways);
ListColumn number_column(std::string_view title,
                         std::string_view key,
                         Shown shown = Shown::kAlways);

/// Prints the list in `answer`. Where it goes on behind its "next", that is said: documents have it
/// as a member, of other formats it goes to the error output.
void print_list(Console& console, const Json& answer, const ListView& view, OutputFormat format);

}  // namespace voicectl
