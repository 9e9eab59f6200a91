// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/forecast_rows.h"

#include "provisioner/registry/recorded_rows.h"

namespace voicectl {

Result<std::int64_t> insert_forecast(SqliteDatabase& database, const ForecastRecord& record) {
  VC_TRY(SqliteStatement row,
         database.prepare("INSERT INTO forecasts (at, plan_id, revision, is_complete, forecast, "
                          "outcome) VALUES (?,?,?,?,?,?) RETURNING number"));
  row.bind(1, to_row(record.at))
      .bind(2, record.plan_id)
      .bind(3, record.revision)
      .bind(4, std::int64_t{record.is_complete ? 1 : 0})
      .bind(5, record.forecast)
      .bind(6, record.outcome);
  return insert_newest(database, row, "forecasts", kKeptForecasts);
}

Status update_forecast(SqliteDatabase& database, std::int64_t number, const std::string& outcome) {
  VC_TRY(SqliteStatement row,
         database.prepare("UPDATE forecasts SET outcome = ? WHERE number = ?"));
  row.bind(1, outcome).bind(2, number);
  return row.run();
}

Result<std::vector<ForecastRecord>> load_forecasts(SqliteDatabase& database,
                                                   std::int64_t before,
                                                   std::size_t limit) {
  VC_TRY(SqliteStatement row,
         database.prepare("SELECT number, at, plan_id, revision, is_complete, forecast, outcome "
                          "FROM forecasts WHERE number < ? ORDER BY number DESC LIMIT ?"));
  row.bind(1, before).bind(2, row_limit(limit));
  std::vector<ForecastRecord> out;
  while (true) {
    VC_TRY(const bool more, row.step());
    if (!more) {
      return out;
    }
    out.push_back(ForecastRecord{.number = row.integer(0),
                                 .at = wall_time_of(row.integer(1)),
                                 .plan_id = row.text(2),
                                 .revision = row.integer(3),
                                 .is_complete = row.integer(4) != 0,
                                 .forecast = row.text(5),
                                 .outcome = row.text(6)});
  }
}

Result<std::vector<TimedAction>> load_action_times(SqliteDatabase& database, std::size_t limit) {
  VC_TRY(SqliteStatement row,
         database.prepare("SELECT kind, took_us, pause_us FROM journal WHERE state = 'done' AND "
                          "took_us IS NOT NULL ORDER BY number DESC LIMIT ?"));
  row.bind(1, row_limit(limit));
  std::vector<TimedAction> out;
  while (true) {
    VC_TRY(const bool more, row.step());
    if (!more) {
      return out;
    }
    TimedAction timed{row.text(0),
                      ActionTime{std::chrono::microseconds(row.integer(1)), std::nullopt}};
    if (!row.is_null(2)) {
      timed.time.pause = std::chrono::microseconds(row.integer(2));
    }
    out.push_back(std::move(timed));
  }
}

}  // namespace voicectl
