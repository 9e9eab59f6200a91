// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/sqlite.h"
#include "provisioner/registry/audit.h"

namespace voicectl {

/// Audit records as rows. All belong into a transaction of the caller's.
Result<std::int64_t> insert_audit(SqliteDatabase& database, const AuditRecord& record);
Status close_audit_row(SqliteDatabase& database,
                       std::int64_t number,
                       const std::string& result,
                       const std::string& message);
Result<std::vector<AuditRecord>> load_audit(SqliteDatabase& database, const AuditFilter& filter);

}  // namespace voicectl
