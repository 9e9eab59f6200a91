// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/load_rows.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "provisioner/registry/recorded_rows.h"
#include "provisioner/registry/usage_rows.h"

namespace voicectl {
namespace {

constexpr std::string_view kColumns =
    "tenant, instance, sessions, requests, events, cpu_us, most_cpu, received, sent, memory, "
    "latency";

/// The columns above, the first of them being `first`. ERRORS: kCorrupt.
Result<LoadRow> row_of(const SqliteStatement& row, int first) {
  const auto number = [&](int column) {
    return static_cast<std::uint64_t>(row.integer(first + column));
  };
  const Result<TenantId> tenant = TenantId::parse(row.text(first));
  const Result<InstanceId> instance = InstanceId::parse(row.text(first + 1));
  if (tenant.has_error() || instance.has_error()) {
    return Error(ErrorCode::kCorrupt, "cannot load a tenant's load: its names are none of ours");
  }
  LoadRow out{.tenant = *tenant,
              .instance = *instance,
              .sessions = number(2),
              .requests = number(3),
              .events = number(4),
              .processor_time = std::chrono::microseconds(row.integer(first + 5)),
              .most_cpu = MilliCpu{static_cast<std::uint32_t>(number(6))},
              .received = number(7),
              .sent = number(8)};
  if (!row.is_null(first + 9)) {
    out.memory = Bytes{number(9)};
  }
  out.latency = row.text(first + 10);
  return out;
}

/// Writes rows of one step.
class RowWriter {
 public:
  static Result<RowWriter> prepare(SqliteDatabase& database) {
    VC_TRY(SqliteStatement find, database.prepare("SELECT " + std::string(kColumns) +
                                                  " FROM load_rows WHERE number = ? AND tenant = "
                                                  "?"));
    VC_TRY(SqliteStatement put,
           database.prepare("INSERT OR REPLACE INTO load_rows VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"));
    return RowWriter(std::move(find), std::move(put));
  }

  Status add(std::int64_t number, const LoadRow& row) {
    VC_TRY(const bool is_known, find_.bind(1, number).bind(2, row.tenant.str()).step());
    if (!is_known) {
      find_.reset();
      return write(number, row);
    }
    VC_TRY(LoadRow sum, row_of(find_, 0));
    find_.reset();
    add_load(sum, row);
    return write(number, sum);
  }

  Status write(std::int64_t number, const LoadRow& row) {
    const auto counted = [](std::uint64_t count) { return static_cast<std::int64_t>(count); };
    put_.bind(1, number)
        .bind(2, row.tenant.str())
        .bind(3, row.instance.str())
        .bind(4, counted(row.sessions))
        .bind(5, counted(row.requests))
        .bind(6, counted(row.events))
        .bind(7, std::int64_t{row.processor_time.count()})
        .bind(8, std::int64_t{row.most_cpu.count})
        .bind(9, counted(row.received))
        .bind(10, counted(row.sent))
        .bind_bytes(12, row.latency);
    if (row.memory) {
      put_.bind(11, counted(row.memory->count));
    } else {
      put_.bind_null(11);
    }
    return put_.run();
  }

 private:
  RowWriter(SqliteStatement find, SqliteStatement put)
      : find_(std::move(find)), put_(std::move(put)) {}

  SqliteStatement find_;
  SqliteStatement put_;
};

/// Number under which a step is kept, and whether nothing was before.
struct KeptStep {
  std::int64_t number = 0;
  bool is_new = false;
};

Result<KeptStep> take_step(SqliteDatabase& database,
                           LoadStep step,
                           WallTime at,
                           std::chrono::milliseconds watched) {
  const auto bound = [&](SqliteStatement& row) {
    row.bind(1, std::int64_t{length_of(step).count()})
        .bind(2, to_row(begin_of(step, at)))
        .bind(3, std::int64_t{watched.count()});
  };
  VC_TRY(SqliteStatement known,
         database.prepare("UPDATE load_steps SET watched = watched + ?3 WHERE seconds = ?1 AND at "
                          "= ?2 RETURNING number"));
  bound(known);
  VC_TRY(const bool is_known, known.step());
  if (is_known) {
    const KeptStep out{known.integer(0), false};
    VC_TRY(known.run());
    return out;
  }
  VC_TRY(SqliteStatement made,
         database.prepare("INSERT INTO load_steps (seconds, at, watched) VALUES (?,?,?) RETURNING "
                          "number"));
  bound(made);
  VC_TRY(const bool is_made, made.step());
  const KeptStep out{is_made ? made.integer(0) : 0, true};
  VC_TRY(made.run());
  return out;
}

/// The steps that `old` deletes and returns by their numbers, with their rows.
Status drop_steps(SqliteDatabase& database, SqliteStatement& old) {
  std::vector<std::int64_t> numbers;
  while (true) {
    VC_TRY(const bool more, old.step());
    if (!more) {
      break;
    }
    numbers.push_back(old.integer(0));
  }
  for (const std::int64_t number : numbers) {
    VC_TRY(SqliteStatement rows, database.prepare("DELETE FROM load_rows WHERE number = ?"));
    VC_TRY(rows.bind(1, number).run());
    VC_TRY(drop_usage_rows(database, number));
  }
  return ok_status();
}

Status prune(SqliteDatabase& database, LoadStep step) {
  VC_TRY(SqliteStatement old,
         database.prepare("DELETE FROM load_steps WHERE seconds = ?1 AND number <= (SELECT number "
                          "FROM load_steps WHERE seconds = ?1 ORDER BY number DESC LIMIT 1 OFFSET "
                          "?2) RETURNING number"));
  old.bind(1, std::int64_t{length_of(step).count()}).bind(2, row_limit(kept_of(step)));
  return drop_steps(database, old);
}

Result<std::vector<const LoadRow*>> recorded_ones(SqliteDatabase& database,
                                                  const std::vector<LoadRow>& rows) {
  VC_TRY(SqliteStatement known, database.prepare("SELECT 1 FROM tenants WHERE tenant = ?"));
  std::vector<const LoadRow*> out;
  for (const LoadRow& row : rows) {
    VC_TRY(const bool is_recorded, known.bind(1, row.tenant.str()).step());
    known.reset();
    if (is_recorded) {
      out.push_back(&row);
    }
  }
  return out;
}

}  // namespace

Status add_load_rows(SqliteDatabase& database,
                     WallTime at,
                     std::chrono::milliseconds watched,
                     const std::vector<LoadRow>& rows,
                     const std::vector<UsageRow>& usage) {
  VC_TRY(const std::vector<const LoadRow*> recorded, recorded_ones(database, rows));
  VC_TRY(RowWriter writer, RowWriter::prepare(database));
  for (const LoadStep step : kLoadSteps) {
    VC_TRY(const KeptStep kept, take_step(database, step, at, watched));
    for (const LoadRow* const row : recorded) {
      VC_TRY(kept.is_new ? writer.write(kept.number, *row) : writer.add(kept.number, *row));
    }
    VC_TRY(add_usage_rows(database, kept.number, usage));
    if (kept.is_new) {
      VC_TRY(prune(database, step));
    }
  }
  return ok_status();
}

Result<std::vector<WatchedStep>> load_watched_steps(SqliteDatabase& database,
                                                    const TenantId& tenant,
                                                    LoadStep step,
                                                    WallTime from,
                                                    WallTime until) {
  VC_TRY(SqliteStatement row,
         database.prepare("SELECT at, watched, " + std::string(kColumns) +
                          " FROM load_steps LEFT JOIN load_rows ON load_rows.number = "
                          "load_steps.number AND tenant = ? WHERE seconds = ? AND at >= ? AND at < "
                          "? ORDER BY at"));
  row.bind(1, tenant.str())
      .bind(2, std::int64_t{length_of(step).count()})
      .bind(3, to_row(from))
      .bind(4, to_row(until));
  std::vector<WatchedStep> out;
  while (true) {
    VC_TRY(const bool more, row.step());
    if (!more) {
      return out;
    }
    out.push_back(WatchedStep{wall_time_of(row.integer(0)),
                              std::chrono::milliseconds(row.integer(1)), std::nullopt});
    if (!row.is_null(2)) {
      VC_TRY(out.back().row, row_of(row, 2));
    }
  }
}

Result<RecentLoad> load_recent_load(SqliteDatabase& database, WallTime until, std::size_t count) {
  const WallTime end = begin_of(LoadStep::kMinute, until);
  VC_TRY(
      SqliteStatement steps,
      database.prepare("SELECT number, at, watched FROM load_steps WHERE seconds = ? AND at >= ? "
                       "AND at < ? ORDER BY at"));
  steps.bind(1, std::int64_t{length_of(LoadStep::kMinute).count()})
      .bind(2, to_row(first_minute(end, count)))
      .bind(3, to_row(end));
  VC_TRY(SqliteStatement rows,
         database.prepare("SELECT tenant, cpu_us FROM load_rows WHERE number = ?"));
  RecentLoadTable out(end);
  while (true) {
    VC_TRY(const bool more, steps.step());
    if (!more) {
      return std::move(out).table();
    }
    out.add_minute(wall_time_of(steps.integer(1)), std::chrono::milliseconds(steps.integer(2)));
    rows.bind(1, steps.integer(0));
    while (true) {
      VC_TRY(const bool more_rows, rows.step());
      if (!more_rows) {
        break;
      }
      VC_TRY(const TenantId tenant, TenantId::parse(rows.text(0)));
      out.add_tenant(tenant, std::chrono::microseconds(rows.integer(1)));
    }
    rows.reset();
  }
}

Status drop_old_load_rows(SqliteDatabase& database, WallTime now) {
  for (const LoadStep step : kLoadSteps) {
    VC_TRY(
        SqliteStatement old,
        database.prepare("DELETE FROM load_steps WHERE seconds = ? AND at < ? RETURNING number"));
    old.bind(1, std::int64_t{length_of(step).count()}).bind(2, to_row(kept_since(step, now)));
    VC_TRY(drop_steps(database, old));
  }
  return ok_status();
}

Status forget_load(SqliteDatabase& database, const std::vector<TenantId>& tenants) {
  if (tenants.empty()) {
    return ok_status();
  }
  Json slugs = Json::array();
  for (const TenantId& tenant : tenants) {
    slugs.push_back(tenant.str());
  }
  // Looked up step by step, by the key, for all of them at once: an index by tenants would make
  // every minute touch as many pages as there are tenants.
  VC_TRY(SqliteStatement rows,
         database.prepare("DELETE FROM load_rows WHERE number IN (SELECT number FROM load_steps) "
                          "AND tenant IN (SELECT value FROM json_each(?))"));
  return rows.bind(1, dump_json(slugs)).run();
}

}  // namespace voicectl
