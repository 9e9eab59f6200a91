// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "playbooks/playbook.h"
#include "playbooks/ssh_transport.h"

namespace voicectl {

enum class PlaybookMode {
  kCheck,  ///< probe and diff only: nothing on the host is changed
  kApply,
};

enum class TaskState {
  kUnchanged,
  kWouldChange,
  kChanged,
  kFailed,
  kSkipped,  ///< a task before it failed
};
std::string_view name_of(TaskState state);

struct TaskReport {
  std::string name;
  std::string module;
  TaskState state = TaskState::kSkipped;
  /// What was changed, or would be.
  std::vector<std::string> changes;
  /// Empty unless failed.
  std::string error;
};

struct PlaybookReport {
  std::string playbook;
  std::vector<TaskReport> tasks;

  std::size_t count(TaskState state) const;
  bool succeeded() const { return count(TaskState::kFailed) == 0; }
};

/// Called after each task, with what is now the last report.
using OnTask = std::function<void(const TaskReport&)>;

/// Runs the tasks one after the other. Applying stops at the first that fails; a check goes on, so
/// that everything that is wrong is known at once.
///
/// After its changes a task is probed again, and fails if it still differs: a second run changes
/// nothing, or the first one says so.
PlaybookReport run_playbook(const Playbook& playbook,
                            SshTransport& host,
                            PlaybookMode mode,
                            const OnTask& on_task = {});

}  // namespace voicectl
