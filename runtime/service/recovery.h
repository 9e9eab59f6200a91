// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
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
  /// when that was all, after kLimit, or in `stop`. REQUIRES: `host` outlives it, or `stop` is
  /// called before.
  void serve(TenantHost& host, std::function<void(const RecoveredCount&)> done);
  /// What was not gone on with by now is left to the tenant's next instance.
  void stop();

  /// For the holder to give everything: it has been asked before the tenant was opened.
  static constexpr Duration kLimit = std::chrono::seconds(3);
  /// For the tenant to be opened: whoever asked for them may have gone.
  static constexpr Duration kOfferLimit = std::chrono::seconds(60);

 private:
  using Batch = std::pair<std::uint64_t, std::vector<parking::ParkedConnection>>;

  void take_waiting();
  /// Nothing came that waits, and nothing comes: there is nobody to listen to any more.
  void finish_if_over();
  void finish();
  void set_timer(Duration wait, void (Recovery::*then)());

  Reactor& reactor_;
  std::optional<parking::GiftReader> reader_;
  std::deque<Batch> waiting_;
  TenantHost* host_ = nullptr;
  std::function<void(const RecoveredCount&)> done_;
  RecoveredCount count_;
  bool is_over_ = false;
  std::optional<TimerId> limit_;
  std::optional<TimerId> again_;
};

}  // namespace voicectl::runtime
