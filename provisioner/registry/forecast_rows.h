// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "base/sqlite.h"
#include "provisioner/registry/forecasts.h"

namespace voicectl {

/// Forecasts and times as rows; as ForecastStore says. All belong into a transaction of the
/// caller's.

Result<std::int64_t> insert_forecast(SqliteDatabase& database, const ForecastRecord& record);
Status update_forecast(SqliteDatabase& database, std::int64_t number, const std::string& outcome);
Result<std::vector<ForecastRecord>> load_forecasts(SqliteDatabase& database,
                                                   std::int64_t before,
                                                   std::size_t limit);
Result<std::vector<TimedAction>> load_action_times(SqliteDatabase& database, std::size_t limit);

}  // namespace voicectl
