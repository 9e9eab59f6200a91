// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "runtime/tenant/exchange.h"
#include "runtime/tenant/tenant_scope.h"

namespace voicectl::runtime {

/// Lets a request pass to its route, or refuses it: 401 without a credential that is known here,
/// 403 with one of too low a scope or from a page of a foreign origin, 404 for another tenant's
/// path, 429 when there is too much.
///
/// Signatures and tool tokens are over what the route reads, so their routes check them.
/// THREADS: loop thread only.
class Gatekeeper {
 public:
  /// REQUIRES: `scope` outlives it.
  explicit Gatekeeper(TenantScope& scope);

  /// Runs `pass` now or in a later turn if the request may pass, else answers it.
  void check(const std::shared_ptr<Exchange>& exchange, std::function<void()> pass);

  /// Answers a browser that asks whether its page may send a request: says the same whether
  /// anything is there or not. `methods` are those of the path.
  void answer_preflight(const std::shared_ptr<Exchange>& exchange, const std::string& methods);

 private:
  enum class OriginCheck { kPassed, kRefused };
  OriginCheck check_origin(const std::shared_ptr<Exchange>& exchange);
  void check_session_token(const std::shared_ptr<Exchange>& exchange,
                           const std::string& credential,
                           std::function<void()> pass);

  TenantScope& scope_;
  std::shared_ptr<Gatekeeper*> self_;
};

}  // namespace voicectl::runtime
