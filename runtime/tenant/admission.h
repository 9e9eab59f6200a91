// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "runtime/tenant/exchange.h"
#include "runtime/tenant/tenant_scope.h"

namespace voicectl::runtime {

/// Whether a request that was proven to be what it says may be carried out now.
enum class Admission { kGranted, kRefused };

/// Whether a signature or token fitted.
enum class Proof { kRight, kWrong };

/// Counts the request in; a refused one has been answered with 429, Retry-After and a body that
/// fits: words to speak for a tool call, else an error. `key` as TrafficControl::admit takes it.
Admission admit(TenantScope& scope,
                const std::shared_ptr<Exchange>& exchange,
                Traffic traffic,
                std::string_view key = "");

/// Counts as `admit` does, before a signature or token is computed. Who lately sent wrong ones is
/// answered with 429.
Admission admit_unproven(TenantScope& scope, const std::shared_ptr<Exchange>& exchange);
/// What the computation came to.
void note_proof(TenantScope& scope, const Exchange& exchange, Proof proof);

/// 429 with Retry-After for a reason that somebody else counts.
void refuse_busy(TenantScope& scope,
                 const std::shared_ptr<Exchange>& exchange,
                 Traffic traffic,
                 const Busy& busy);

/// 401, the same for whatever is not known here; 429 if there is too much of it.
void refuse_stranger(TenantScope& scope, const std::shared_ptr<Exchange>& exchange);

}  // namespace voicectl::runtime
