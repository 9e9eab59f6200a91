// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/os/file_system.h"
#include "base/os/host_scan.h"
#include "base/os/process_spawner.h"
#include "base/os/reactor.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/daemon/hook_streams.h"
#include "provisioner/model/hook_spec.h"

namespace voicectl {

/// Runs the hooks of the platform's document: one after the other, as the daemon's own user, with
/// an environment of two variables and the facts as JSON on standard input. What each came to, and
/// the beginning of what it wrote, is an event.
///
/// Who runs is noted on disk before the program begins, so that whatever the daemon's death leaves
/// is ended by the next one.
/// THREADS: loop thread only.
class HookRunner {
 public:
  struct Deps {
    Reactor& reactor;
    ProcessSpawner& processes;
    FileSystem& files;
    HostScan& scan;
    HookStreamFactory& streams;
    EventLog& events;
    /// Where the running hook is noted.
    std::string note_path;
    /// User of the daemon.
    std::uint32_t own_uid = 0;
  };
  explicit HookRunner(Deps deps) : deps_(std::move(deps)) {}
  /// Ends by force what still runs.
  ~HookRunner();
  HookRunner(const HookRunner&) = delete;
  HookRunner& operator=(const HookRunner&) = delete;

  /// From the request to end until it is ended by force.
  static constexpr Duration kGrace = std::chrono::seconds(2);

  enum class OnFailure { kStop, kGoOn };
  /// How one of them ended: its command, and what was wrong with it.
  using OnEach = std::function<void(const HookSpec& hook, const Status& ended)>;

  /// Runs them in their order, at the first failure no further one if `on_failure` says so. `done`
  /// gets the first failure, in this turn if there is nothing to run. Whoever comes while others
  /// run waits for them.
  void run(std::string_view when,
           const std::vector<HookSpec>& hooks,
           const Json& facts,
           OnFailure on_failure,
           OnEach on_each,
           std::function<void(const Status&)> done);

  enum class Whose { kApply, kAnyone };
  /// Ends the hook that runs, with its whole group, by force if it does not go within kGrace, and
  /// begins no further one of those that were asked for: whoever asked is told `why`. Only those
  /// around an apply, or all, and then also those that are asked for later.
  void cancel(const Error& why, Whose whose);

  /// Ends what an earlier daemon has left running.
  void end_left_over();

 private:
  struct Round;
  struct Running;
  /// In a later turn.
  void drop(const std::shared_ptr<Round>& round, const Error& why);
  void next(const std::shared_ptr<Round>& round);
  Status begin(const std::shared_ptr<Round>& round, const HookSpec& hook);
  /// What others could have written is not run with our rights. One that is not there is told when
  /// it is started.
  Status check_program(const std::string& named) const;
  void expire(const std::shared_ptr<Running>& running);
  void ended(const std::shared_ptr<Round>& round,
             const std::shared_ptr<Running>& running,
             const ProcessExit& exit);
  void settle(const std::shared_ptr<Round>& round,
              const HookSpec& hook,
              const Status& status,
              const std::string& output,
              Duration took);
  void finish(const std::shared_ptr<Round>& round);

  Deps deps_;
  /// What runs, or comes next; null: nothing.
  std::shared_ptr<Round> round_;
  /// Of that round; null: between two.
  std::shared_ptr<Running> running_;
  std::vector<std::shared_ptr<Round>> waiting_;
  /// Why none is begun any more.
  std::optional<Error> closed_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

/// A command as one line for people.
std::string command_text(const HookSpec& hook);

}  // namespace voicectl
