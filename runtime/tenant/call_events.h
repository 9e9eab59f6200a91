// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "runtime/tenant/erp_side.h"
#include "runtime/tenant/tenant_scope.h"
#include "runtime/ultravox/events.h"

namespace voicectl::runtime {

/// What the events of calls do to a tenant's sessions, however they are learned: from a webhook, or
/// because we asked after one that did not come.
///
/// THREADS: loop thread only.
class CallEvents {
 public:
  /// REQUIRES: both outlive it.
  CallEvents(TenantScope& scope, ErpSide& erp) : scope_(scope), erp_(erp) {}

  /// Takes an event of `session`'s call, with everything that follows from it. One that took effect
  /// before commits nothing, and `done` runs behind the commit of the first. `body` is kept as it
  /// came; absent for an event that nobody sent.
  /// ERRORS: as SessionBook::commit.
  void apply(const ultravox::CallEvent& event,
             const std::optional<Session>& session,
             std::optional<std::string> body,
             std::function<void(Status)> done);

 private:
  TenantScope& scope_;
  ErpSide& erp_;
};

}  // namespace voicectl::runtime
