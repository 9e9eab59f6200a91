// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/usage_rows.h"

#include <fmt/core.h>

#include <utility>

#include "provisioner/registry/recorded_rows.h"

namespace voicectl {
namespace {

/// The measures follow.
constexpr int kFirstMeasure = 2;

std::string columns() {
  std::string out = "cpu_us, most_cpu";
  for (const UsageMeasureName& name : kUsageMeasureNames) {
    out += fmt::format(", {}", name.column);
  }
  return out;
}

/// A place for each of them in a statement.
std::string places() {
  std::string out;
  for (std::size_t i = 0; i < kFirstMeasure + kUsageMeasures; ++i) {
    out += ",?";
  }
  return out;
}

/// How a subject is called in its column.
std::string text_of(const UsageSubject& subject) {
  return subject ? subject->str() : "";
}

/// The columns above, the first of them being `first`.
UsageRow row_of(const SqliteStatement& row, int first, const UsageSubject& subject) {
  UsageRow out{.subject = subject,
               .processor_time = std::chrono::microseconds(row.integer(first)),
               .most_cpu = MilliCpu{static_cast<std::uint32_t>(row.integer(first + 1))}};
  for (std::size_t i = 0; i < kUsageMeasures; ++i) {
    const int column = first + kFirstMeasure + static_cast<int>(i);
    if (!row.is_null(column)) {
      out[kUsageMeasureNames[i].measure] = static_cast<std::uint64_t>(row.integer(column));
    }
  }
  return out;
}

Status write(SqliteStatement& put, std::int64_t number, const UsageRow& row) {
  put.bind(1, number)
      .bind(2, text_of(row.subject))
      .bind(3, std::int64_t{row.processor_time.count()})
      .bind(4, std::int64_t{row.most_cpu.count});
  for (std::size_t i = 0; i < kUsageMeasures; ++i) {
    const int column = 5 + static_cast<int>(i);
    if (const std::optional<std::uint64_t>& most = row[kUsageMeasureNames[i].measure]) {
      put.bind(column, static_cast<std::int64_t>(*most));
    } else {
      put.bind_null(column);
    }
  }
  return put.run();
}

}  // namespace

Status add_usage_rows(SqliteDatabase& database,
                      std::int64_t number,
                      const std::vector<UsageRow>& rows) {
  VC_TRY(SqliteStatement find,
         database.prepare(
             fmt::format("SELECT {} FROM usage_rows WHERE number = ? AND subject = ?", columns())));
  VC_TRY(SqliteStatement put,
         database.prepare(fmt::format("INSERT OR REPLACE INTO usage_rows (number, subject, {}) "
                                      "VALUES (?,?{})",
                                      columns(), places())));
  for (const UsageRow& row : rows) {
    VC_TRY(const bool is_known, find.bind(1, number).bind(2, text_of(row.subject)).step());
    UsageRow sum = is_known ? row_of(find, 0, row.subject) : UsageRow{row.subject};
    find.reset();
    add_usage(sum, row);
    VC_TRY(write(put, number, sum));
  }
  return ok_status();
}

Result<std::vector<WatchedUsage>> load_watched_usage(SqliteDatabase& database,
                                                     const UsageSubject& subject,
                                                     LoadStep step,
                                                     WallTime from,
                                                     WallTime until) {
  VC_TRY(SqliteStatement row,
         database.prepare(fmt::format(
             "SELECT at, watched, {} FROM load_steps LEFT JOIN usage_rows ON usage_rows.number = "
             "load_steps.number AND subject = ? WHERE seconds = ? AND at >= ? AND at < ? ORDER BY "
             "at",
             columns())));
  row.bind(1, text_of(subject))
      .bind(2, std::int64_t{length_of(step).count()})
      .bind(3, to_row(from))
      .bind(4, to_row(until));
  std::vector<WatchedUsage> out;
  while (true) {
    VC_TRY(const bool more, row.step());
    if (!more) {
      return out;
    }
    out.push_back(WatchedUsage{wall_time_of(row.integer(0)),
                               std::chrono::milliseconds(row.integer(1)), std::nullopt});
    if (!row.is_null(2)) {
      out.back().row = row_of(row, 2, subject);
    }
  }
}

Status forget_usage(SqliteDatabase& database, const TenantId& tenant) {
  VC_TRY(SqliteStatement rows,
         database.prepare("DELETE FROM usage_rows WHERE number IN (SELECT number FROM load_steps) "
                          "AND subject = ?"));
  for (const InstanceId& instance : instances_named_after(tenant)) {
    VC_TRY(rows.bind(1, instance.str()).run());
  }
  return ok_status();
}

Status drop_usage_rows(SqliteDatabase& database, std::int64_t number) {
  VC_TRY(SqliteStatement rows, database.prepare("DELETE FROM usage_rows WHERE number = ?"));
  return rows.bind(1, number).run();
}

}  // namespace voicectl
