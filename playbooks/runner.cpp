// SPDX-License-Identifier: Apache-2.0
#include "playbooks/runner.h"

#include <fmt/core.h>

#include <algorithm>

namespace voicectl {
namespace {

Status make_changes(const Module& work, const std::vector<Change>& changes, SshTransport& host) {
  for (const Change& change : changes) {
    VC_TRY(make_change(change, host));
  }
  VC_TRY(const std::vector<Change> left, work.find_changes(host));
  if (left.empty()) {
    return ok_status();
  }
  return Error(ErrorCode::kConflict,
               fmt::format("cannot bring the host to what is asked: after the change it still "
                           "lacks '{}'",
                           left.front().text));
}

TaskReport run_task(const Task& task, SshTransport& host, PlaybookMode mode) {
  TaskReport report{task.name, task.module, TaskState::kUnchanged, {}, {}};
  const Result<std::vector<Change>> changes = task.work->find_changes(host);
  if (changes.has_error()) {
    report.state = TaskState::kFailed;
    report.error = changes.error().text();
    return report;
  }
  for (const Change& change : *changes) {
    report.changes.push_back(change.text);
  }
  if (changes->empty()) {
    return report;
  }
  if (mode == PlaybookMode::kCheck) {
    report.state = TaskState::kWouldChange;
    return report;
  }
  const Status made = make_changes(*task.work, *changes, host);
  report.state = made.has_error() ? TaskState::kFailed : TaskState::kChanged;
  report.error = made.has_error() ? made.error().text() : "";
  return report;
}

}  // namespace

std::string_view name_of(TaskState state) {
  switch (state) {
    case TaskState::kUnchanged:
      return "unchanged";
    case TaskState::kWouldChange:
      return "would_change";
    case TaskState::kChanged:
      return "changed";
    case TaskState::kFailed:
      return "failed";
    case TaskState::kSkipped:
      return "skipped";
  }
  return "unknown";
}

std::size_t PlaybookReport::count(TaskState state) const {
  return static_cast<std::size_t>(std::count_if(
      tasks.begin(), tasks.end(), [state](const TaskReport& task) { return task.state == state; }));
}

PlaybookReport run_playbook(const Playbook& playbook,
                            SshTransport& host,
                            PlaybookMode mode,
                            const OnTask& on_task) {
  PlaybookReport report{playbook.name, {}};
  for (const Task& task : playbook.tasks) {
    const bool is_stopped = mode == PlaybookMode::kApply && !report.succeeded();
    report.tasks.push_back(is_stopped
                               ? TaskReport{task.name, task.module, TaskState::kSkipped, {}, {}}
                               : run_task(task, host, mode));
    if (on_task) {
      on_task(report.tasks.back());
    }
  }
  return report;
}

}  // namespace voicectl
