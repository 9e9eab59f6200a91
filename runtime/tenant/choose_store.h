// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/os/asio_reactor.h"
#include "base/random.h"
#include "base/units.h"
#include "runtime/session/session_store.h"
#include "runtime/tenant/config.h"

namespace voicectl::runtime {

struct StoreDeps {
  AsioReactor& reactor;
  Random& random;
  /// For the disk of an embedded store.
  Offload& offload;
  std::string data_folder;
  FencingToken token;
  /// Hears, at most once, what the store's configuration puts at risk.
  std::function<void(const std::string& warning)> on_warning;
};

/// The store that the tenant's configuration names, not open yet.
/// REQUIRES: what `deps` refers to outlives it.
std::unique_ptr<SessionStore> choose_store(const TenantConfig& config, StoreDeps deps);

}  // namespace voicectl::runtime
