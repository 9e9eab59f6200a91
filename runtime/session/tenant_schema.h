// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/sqlite.h"

namespace voicectl::runtime {

/// The schema of a tenant's database, from the empty file to today.
std::span<const SqliteMigration> tenant_schema();

}  // namespace voicectl::runtime
