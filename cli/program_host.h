// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/os/file_lock.h"
#include "base/os/process_spawner.h"
#include "base/result.h"

namespace voicectl {

/// How waiting for a program ended.
enum class WaitOutcome { kEnded, kStillRunning };

/// Starts programs that outlive this one, waits for them and ends them. Blocks while it waits.
class ProgramHost {
 public:
  virtual ~ProgramHost() = default;

  /// Starts a program in a session of its own, with standard output and error appended to
  /// `log_path`. ERRORS: those of ProcessSpawner::spawn; kPermissionDenied for the log.
  virtual Result<ProcessIdentity> start(const LaunchSpec& spec, const std::string& log_path) = 0;

  virtual bool is_running(const ProcessIdentity& who) = 0;

  /// Sends the signal to the program's group, if it still runs.
  virtual Status signal(const ProcessIdentity& who, int number) = 0;

  /// Returns when the program has ended, at the latest after `limit`.
  virtual WaitOutcome wait_for_end(const ProcessIdentity& who, Duration limit) = 0;

  /// Keeps others from working on the same thing until the lock is gone or this program has ended.
  /// ERRORS: kConflict if another program has it, naming it; kPermissionDenied.
  virtual Result<FileLock> lock(const std::string& path) = 0;

  virtual int own_pid() = 0;
  /// Whether there is a process of that number, whoever it is.
  virtual bool is_in_use(int pid) = 0;

  virtual MonoTime now() = 0;
  /// Lets time pass, for asking again what cannot tell by itself.
  virtual void pause(Duration length) = 0;
};

}  // namespace voicectl
