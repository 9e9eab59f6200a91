// SPDX-License-Identifier: Apache-2.0
// What a Daemon tells of instances and of tenants that move.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/daemon/daemon.h"
#include "provisioner/daemon/tenant_stats.h"
#include "runtime/control/protocol.h"

namespace voicectl {
namespace {

api::MoveProgress move_progress(const MoveOutcome& outcome) {
  const handoff::HandOverReport& report = outcome.report;
  const bool has_moved = outcome.verdict == Verdict::kMoved;
  const std::string_view phase =
      has_moved ? "moved" : (outcome.remedy == Remedy::kLend ? "lent" : "stayed");
  return {std::string(phase),  has_moved ? 100 : 0, report.connections, report.copied,
          report.websockets,   report.refused,      report.dropped,     report.pause.count(),
          report.wait.count(), report.took.count()};
}

}  // namespace

void Daemon::tell_of_standby(const InstanceId& instance, const Result<InstanceReady>& ready) {
  const std::string subject = "instance/" + instance.str();
  if (ready.has_error()) {
    events_.add("instance.standby_failed", subject, dump_json({{"error", ready.error().text()}}));
  } else {
    events_.add(
        "instance.standby_ready", subject,
        dump_json({{"pid", ready->process.pid},
                   {"took_ms",
                    std::chrono::duration_cast<std::chrono::milliseconds>(ready->took).count()}}));
  }
}

void Daemon::tell_of_recovery(const InstanceId& instance,
                              const TenantId& tenant,
                              const RecoveredConnections& recovered) {
  events_.add("instance.recovered", "instance/" + instance.str(),
              fmt::format(R"({{"tenant":"{}","websockets":{},"doubtful":{}}})", tenant.str(),
                          recovered.kept, recovered.doubtful));
}

void Daemon::tell_of_hand_over(const LendListener& action, const MoveOutcome& outcome) {
  hand_overs_.note(outcome);
  executor_->tell_move(action.tenant, move_progress(outcome));
  const handoff::HandOverReport& report = outcome.report;
  if (outcome.verdict != Verdict::kMoved) {
    tell_of_no_hand_over(action, outcome);
    return;
  }
  upgrade_->note_moved(report.websockets);
  events_.add("tenant.handed_over", "tenant/" + action.tenant.str(),
              dump_json({{"from", action.from->str()},
                         {"to", action.instance.str()},
                         {"tries", outcome.tries},
                         {"connections", report.connections},
                         {"websockets", report.websockets},
                         {"dropped", report.dropped},
                         {"copied", report.copied},
                         {"told_late", report.told_late},
                         {"pause_us", report.pause.count()},
                         {"wait_us", report.wait.count()},
                         {"took_us", report.took.count()}}));
}

void Daemon::tell_of_no_hand_over(const LendListener& action, const MoveOutcome& outcome) {
  // Asked before anything else is: what is about to be closed is still open when it answers.
  instances_->request(
      *action.from, control::request::kStats, dump_json({{"tenant", action.tenant.str()}}),
      std::chrono::seconds(5), [this, action, outcome](const Result<std::string>& stats) {
        const OpenConnections open =
            stats.has_error() ? OpenConnections{} : open_connections(*stats, action.tenant);
        const bool is_lent = outcome.remedy == Remedy::kLend;
        if (is_lent) {
          hand_overs_.note_dropped(open.websockets);
          forecasts_.note_dropped(open.websockets);
          upgrade_->note_dropped(open.websockets);
        }
        events_.add("tenant.not_handed_over", "tenant/" + action.tenant.str(),
                    dump_json({{"from", action.from->str()},
                               {"to", action.instance.str()},
                               {"tries", outcome.tries},
                               {"error", outcome.why.text()},
                               {"websockets", open.websockets},
                               {"refused", outcome.report.refused},
                               {"instead", is_lent ? "lent, WebSockets come again" : "it stays"}}));
      });
}

}  // namespace voicectl
