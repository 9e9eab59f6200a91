// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/os/process_spawner.h"
#include "base/os/reactor.h"
#include "base/result.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/instances/instance_manager.h"

namespace voicectl {

/// Asks every instance for a heartbeat, again and again, and gives up one that misses too many in a
/// row (platform.liveness): it is killed, and its tenants are served again as after any death.
/// Before the last one that it may miss, a process is started beside it, so that the new one is
/// ready before the old one goes; if it answers meanwhile, that is ended again.
///
/// The answer comes from the instance's own loop, so it is missed by one that is stopped, that
/// loops for ever, or that waits for something that does not come; and not by one that refuses the
/// question. One that hangs cannot take part in a hand-over: nothing can be asked of it.
/// THREADS: loop thread only.
class LivenessWatch {
 public:
  struct Deps {
    Reactor& reactor;
    InstanceManager& instances;
    const RecordedState& recorded;
    EventLog& events;
  };
  /// REQUIRES: all outlive it.
  explicit LivenessWatch(Deps deps) : deps_(deps) {}

  /// Begins to ask, and does so for ever.
  void begin();
  /// Its loop has just answered something else: it need not be asked for as long as its next
  /// heartbeat would have been good.
  void note_answer(const InstanceId& instance);

  /// Heartbeats that instances have missed in a row; those that have missed none are left out.
  std::map<InstanceId, std::uint32_t> missed() const;
  /// How often each was found to hang so far.
  const std::map<InstanceId, std::uint64_t>& hangs() const { return hangs_; }

 private:
  struct Pulse {
    ProcessIdentity process;
    std::uint32_t missed = 0;
    bool is_asked = false;
    std::optional<MonoTime> answered_at{};
    /// What is being done about its silence.
    std::optional<Doubt> doubt{};
    /// It was told that it hangs.
    bool is_told = false;
  };

  LivenessSpec spec() const;
  void ask(const InstanceId& instance, const ProcessIdentity& process);
  void take(const InstanceId& instance,
            const ProcessIdentity& process,
            const Result<std::string>& answer);
  void note_missed(const InstanceId& instance, Pulse& pulse);
  bool is_running(const InstanceId& instance, const ProcessIdentity& process) const;
  void note_heard(const InstanceId& instance, Pulse& pulse);
  void doubt(const InstanceId& instance, Pulse& pulse, const LivenessSpec& limits);
  void tell_hung(const InstanceId& instance, const Pulse& pulse, const LivenessSpec& limits);

  Deps deps_;
  std::map<InstanceId, Pulse> pulses_;
  std::map<InstanceId, std::uint64_t> hangs_;
};

}  // namespace voicectl
