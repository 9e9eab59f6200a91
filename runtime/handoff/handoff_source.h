// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/os/reactor.h"
#include "base/result.h"
#include "runtime/handoff/connection_copier.h"
#include "runtime/handoff/peer_channel.h"
#include "runtime/handoff/protocol.h"
#include "runtime/handoff/source_fsm.h"
#include "runtime/tenant/tenant_host.h"

namespace voicectl::handoff {

/// How long each step may take. What is not over by then is given up, and the tenant stays.
struct HandoffTimes {
  /// For the other one to say that it understands us.
  Duration offer = std::chrono::seconds(2);
  /// For connections to be copied, and requests to be taken as ever; then it goes on with what is
  /// left.
  Duration copy = std::chrono::seconds(6);
  /// For the other one to take one batch of them.
  Duration batch = std::chrono::seconds(2);
  /// Between two looks whether connections have changed, while something else is waited for.
  Duration copy_again = std::chrono::milliseconds(2);
  /// For what has changed meanwhile to become little. Requests wait.
  Duration catch_up = std::chrono::milliseconds(50);
  /// For the store to be written and to let go.
  Duration release = std::chrono::seconds(5);
  /// For the other one to open it. Requests wait meanwhile.
  Duration open = std::chrono::seconds(3);
  /// For the other one to take the connections. Nothing moves meanwhile.
  Duration freeze = std::chrono::seconds(2);
  /// Between two looks whether every request is answered.
  Duration quiet_check = std::chrono::microseconds(250);
  /// For whoever gets the tenant: from the order to the end, if the daemon is not there to say
  /// more.
  Duration whole = std::chrono::seconds(85);
};

/// Gives one tenant to another process. Whatever goes wrong before the other one has it, the tenant
/// is served here as before.
///
/// THREADS: loop thread only.
class HandoffSource {
 public:
  using Done = std::function<void(HandOverReport report)>;
  using OnProgress = std::function<void(const HandOverProgress& progress)>;

  /// `done` runs once, in a later turn, when the tenant is served here again or has gone; in the
  /// latter case only TenantHost::leave may follow. REQUIRES: `reactor` and `host` outlive it.
  HandoffSource(Reactor& reactor,
                runtime::TenantHost& host,
                std::unique_ptr<FdChannel> channel,
                HandOverOrder order,
                HandoffTimes times,
                Done done);
  ~HandoffSource();
  HandoffSource(const HandoffSource&) = delete;
  HandoffSource& operator=(const HandoffSource&) = delete;

  /// Told as the order asks for it, in the turn in which it is so.
  void when_further(OnProgress on_progress) { on_progress_ = std::move(on_progress); }
  void start();
  /// The tenant is to stay, unless the other one is about to have it.
  void cancel(const Error& why);

 private:
  void take(PeerMessage type, const std::string& body);
  void fail(SourceEvent event, Error why);
  /// False if it leads nowhere; then the other one made no sense.
  bool go(SourceEvent event);
  void act();
  void tell_progress();
  void copy();
  void quiesce();
  void look_for_quiet();
  void release();
  void open();
  void catch_up();
  void copy_more();
  void copy_again();
  bool has_copied_enough() const;
  void end_copying();
  void lose_patience_after(Duration length);
  void take_copied();
  void freeze();
  void withdraw();
  void keep();
  void serve_again();
  void leave();
  void finish();
  void set_deadline(Duration length, std::string_view what);
  void clear_timers();

  Reactor& reactor_;
  runtime::TenantHost& host_;
  PeerChannel peer_;
  HandOverOrder order_;
  HandoffTimes times_;
  Done done_;
  OnProgress on_progress_;
  SourceState state_ = SourceState::kOffering;
  /// How much has to be undone.
  enum class Reach { kNothing, kQuiesced, kReleased } reach_ = Reach::kNothing;
  Error why_;
  std::string carried_;
  ConnectionCopier copier_;
  std::optional<TimerId> deadline_;
  std::optional<TimerId> check_;
  std::optional<TimerId> copying_;
  std::optional<TimerId> patience_;
  /// What is copied now is not to become less.
  bool is_impatient_ = false;
  MonoTime started_at_{};
  MonoTime quiesced_at_{};
  MonoTime frozen_at_{};
  MonoTime told_at_{};
  HandOverReport report_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace voicectl::handoff
