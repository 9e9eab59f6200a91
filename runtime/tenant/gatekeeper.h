// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "runtime/tenant/exchange.h"
#include "runtime/tenant/tenant_scope.h"

namespace voicectl::runtime {

/// Lets a request pass to its route, or refuses it: 401 without a credential that is known here,
/// 403 with one of too low a scope, 404 for another tenant's path.
///
/// Signatures and tool tokens are over what the route reads, so their routes check them.
/// THREADS: loop thread only.
class Gatekeeper {
 public:
  /// REQUIRES: `scope` outlives it.
  explicit Gatekeeper(TenantScope& scope);

  /// Runs `pass` now or in a later turn if the request may pass, else answers it.
  void check(const std::shared_ptr<Exchange>& exchange, std::function<void()> pass);

 private:
  void check_session_token(const std::shared_ptr<Exchange>& exchange,
                           const std::string& credential,
                           std::function<void()> pass);

  TenantScope& scope_;
  std::shared_ptr<Gatekeeper*> self_;
};

/// 401, the same for whatever is not known here.
void refuse_unknown(const std::shared_ptr<Exchange>& exchange);

}  // namespace voicectl::runtime
