// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "base/sqlite.h"

namespace voicectl {

/// Makes the registry's file if there is none, and refuses one that cannot be sound: an empty
/// registry that once had records would make a daemon end every instance as a stranger.
/// ERRORS: kCorrupt if it is empty, or if only its log is there; kPermissionDenied;
/// kResourceExhausted if the disk is full.
Status make_registry_file(const std::string& path);

/// ERRORS: kCorrupt if a page of it is damaged.
Status check_registry_pages(SqliteDatabase& database, const std::string& path);

}  // namespace voicectl
