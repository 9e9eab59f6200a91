// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"
#include "provisioner/apply/executor.h"
#include "provisioner/apply/program_store.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/apply/tenant_files.h"
#include "provisioner/instances/instance_manager.h"
#include "provisioner/instances/listeners.h"
#include "provisioner/migrate/session_migrator.h"
#include "provisioner/plan/action.h"

namespace voicectl {

/// Time for an instance to end by itself before it is killed.
inline constexpr Duration kStopGrace = std::chrono::seconds(10);

/// Instances, listeners, and who holds which.
///
/// THREADS: loop thread only.
class PlacementActions {
 public:
  struct Deps {
    RecordedState& recorded;
    TenantFiles& files;
    InstanceManager& instances;
    ListenerBank& bank;
    const WallClock& wall;
    /// How tenants' socket files are made reachable for nginx.
    SocketAccess socket_access;
    SessionMigrator& migrator;
    const ProgramStore& programs;
    /// Whether the file of a held listener's socket is gone or somebody else's; what is in its
    /// place and is no socket has been set aside then.
    std::function<Result<bool>(const TenantId& tenant)> clear_lost_socket;
    /// As TenantActions has them.
    std::function<Status(const RecordedTenant& tenant)> ensure_config;
    std::function<void(const RecordedTenant& tenant, Completion<void> done)> deliver_config;
    /// Hears of every hand-over, also of one that was not carried out. May be empty.
    std::function<void(const LendListener& action, const MoveOutcome& outcome)> on_hand_over = {};
    /// Hears how far each is. May be empty.
    std::function<void(const LendListener& action, const handoff::HandOverProgress& progress)>
        on_hand_over_progress = {};
  };
  explicit PlacementActions(Deps deps) : deps_(std::move(deps)) {}

  void perform(const StartInstance& action, OnActionDone done);
  void perform(const StopInstance& action, OnActionDone done);
  void perform(const RetireInstance& action, OnActionDone done);
  void perform(const SetPrograms& action, OnActionDone done);
  void perform(const BindListener& action, OnActionDone done);
  void perform(const ReleaseListener& action, OnActionDone done);
  /// With `from`: the tenant is handed over with its connections. Where that cannot be, because the
  /// old instance is gone or the two do not understand each other: take back (its WebSockets are
  /// told to come again), lend; if the new instance does not take it, the old one gets it again.
  void perform(const LendListener& action, OnActionDone done);
  void perform(const ReclaimListener& action, OnActionDone done);

  /// Lends a recorded tenant to the instance that it is placed on, with its recorded token: after
  /// the instance has started anew.
  void lend_again(const RecordedTenant& tenant, Completion<void> done);

  /// Path of the program that an instance is started with; empty, which is the one that the daemon
  /// was started with, while there is no copy of it.
  std::string program_of(const std::string& fingerprint) const;

  /// Where the listeners of a recorded tenant are; nowhere if it has none.
  ListenerPlaces places_of(const RecordedTenant& tenant) const;

  /// Closes the listener of a tenant that nobody recorded.
  void forget_listener(const TenantId& tenant);

  /// Above every token that was given out, for whatever tenant and also by an action whose outcome
  /// could not be recorded: no two leases ever share a token, and an instance may forget those of
  /// tenants that are gone (runtime/control/token_book.h). The epoch of the daemon stands in front,
  /// so that nothing has to be written to know what an earlier run gave out.
  FencingToken next_token(const RecordedTenant& tenant);

 private:
  /// The instance runs, or is tried again, as the action says.
  RecordedChange put_instance(const StartInstance& action) const;
  /// It is recorded, its start failed, and its supervisor goes on with the port of the action.
  bool is_tried_again(const StartInstance& action) const;
  void lend(const RecordedTenant& tenant,
            const InstanceId& instance,
            FencingToken token,
            Completion<void> done);
  Result<LendOptions> lend_options(const RecordedTenant& tenant,
                                   const InstanceId& instance,
                                   FencingToken token) const;
  /// Both are ready, the one has the tenant, and is not known to hang.
  bool can_hand_over(const LendListener& action) const;
  void hand_over(const LendListener& action, const RecordedTenant& tenant, OnActionDone done);
  void take_and_lend(const LendListener& action, RecordedTenant tenant, const OnActionDone& done);
  void give_back(const LendListener& action,
                 const RecordedTenant& tenant,
                 const Error& why,
                 const OnActionDone& done);

  Deps deps_;
  FencingToken youngest_;
};

/// `from`, if it waited for a tenant and has served one that is at `now`: as it is to be recorded
/// then, so that it is not given to the next one.
std::optional<RecordedInstance> left_spare(const std::optional<InstanceId>& from,
                                           const std::optional<InstanceId>& now,
                                           const RecordedState& recorded);

}  // namespace voicectl
