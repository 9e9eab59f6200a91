// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "provisioner/daemon/reconcile_loop.h"
#include "runtime/net/http_server.h"

namespace voicectl {

/// Writes what an apply does to whoever asked for it, a line of JSON each. The answer begins with
/// the first line, so that a refusal before it can still be a plain one.
ReconcileLoop::ApplyListener progress_stream(std::shared_ptr<Responder> responder);

}  // namespace voicectl
