// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "runtime/backend/erpnext/erpnext_settings.h"
#include "runtime/webhook/remote_tools.h"

namespace voicectl::runtime {

enum class BackendKind { kBuiltin, kErpnext };
/// Who carries out the tools of new calls: we, or the site itself.
enum class BackendMode { kServed, kDirect };

/// Where a tenant's business logic is.
struct BackendConfig {
  BackendKind kind = BackendKind::kBuiltin;
  BackendMode mode = BackendMode::kServed;
  /// For kErpnext.
  ErpnextSettings erpnext;
  /// How long an agent is kept waiting for it.
  Duration answer_within = kAnswerWithin;
};

/// Reads the `backend` of a tenant.
/// ERRORS: kInvalidArgument, naming the member.
Result<BackendConfig> backend_of_json(const Json& backend);

}  // namespace voicectl::runtime
