// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/os/reactor.h"
#include "runtime/parking/gift_reader.h"
#include "runtime/tenant/tenant_host.h"

namespace voicectl::runtime {

/// Goes on with the WebSockets that a tenant's earlier instance left open when it died.
///
/// They come while the tenant is being opened and wait until it serves. THREADS: loop thread only.
class Recovery {
 public:
  Recovery(Reactor& reactor, std::unique_ptr<FdChannel> channel, std::string layout);
  ~Recovery();
  Recovery(const Recovery&) = delete;
  Recovery& operator=(const Recovery&) = delete;

  /// Gives `host` what has come, and what comes. `done` runs once, in this turn or a later one:
  /// when that was all, or after kLimit. REQUIRES: `host` outlives it.
  void serve(TenantHost& host, std::function<void(const RecoveredCount&)> done);

  /// For the holder to give everything: it has been asked before the tenant was opened.
  static constexpr Duration kLimit = std::chrono::seconds(3);

 private:
  using Batch = std::pair<std::uint64_t, std::vector<parking::ParkedConnection>>;

  void take(Batch batch);
  void finish_if_over();
  void finish();

  Reactor& reactor_;
  parking::GiftReader reader_;
  std::vector<Batch> waiting_;
  TenantHost* host_ = nullptr;
  std::function<void(const RecoveredCount&)> done_;
  RecoveredCount count_;
  bool is_over_ = false;
  std::optional<TimerId> limit_;
};

}  // namespace voicectl::runtime
