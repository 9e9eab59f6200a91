// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/hand_over_metrics.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

namespace voicectl {
namespace {

void head(std::string& out, std::string_view name, std::string_view kind, std::string_view help) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, kind);
}

void one(std::string& out,
         std::string_view name,
         std::string_view kind,
         std::string_view help,
         double value) {
  head(out, name, kind, help);
  out += fmt::format("{} {}\n", name, value);
}

template <std::size_t N>
void histogram(std::string& out,
               std::string_view name,
               std::string_view help,
               const Histogram<N>& values) {
  head(out, name, "histogram", help);
  append_histogram(out, name, values);
}

double seconds(Duration length) {
  return std::chrono::duration<double>(length).count();
}

}  // namespace

void HandOverMetrics::note(const MoveOutcome& outcome) {
  if (outcome.verdict != Verdict::kMoved) {
    (outcome.remedy == Remedy::kLend ? lent_ : stayed_) += 1;
    connections_refused_ += outcome.report.refused;
    return;
  }
  ++moved_;
  connections_moved_ += outcome.report.connections;
  websockets_moved_ += outcome.report.websockets;
  connections_dropped_ += outcome.report.dropped;
  durations_.add(seconds(outcome.took));
  const double pause = seconds(outcome.report.pause);
  pauses_.add(pause);
  longest_pause_ = std::max(longest_pause_, pause);
}

std::string HandOverMetrics::render(const Snapshot& snapshot) const {
  std::string out;
  constexpr std::string_view kTotal = "voicectl_hand_overs_total";
  head(out, kTotal, "counter", "Hand-overs of tenants, by what came of them.");
  for (const auto& [name, count] : {std::pair(std::string_view("moved"), moved_),
                                    std::pair(std::string_view("stayed"), stayed_),
                                    std::pair(std::string_view("lent"), lent_)}) {
    out += fmt::format("{}{{outcome=\"{}\"}} {}\n", kTotal, name, count);
  }
  constexpr std::string_view kConnections = "voicectl_hand_over_connections_total";
  head(out, kConnections, "counter",
       "Connections of tenants that were to move: moved, of them WebSockets, refused by the other "
       "instance, or dropped.");
  for (const auto& [name, count] :
       {std::pair(std::string_view("moved"), connections_moved_),
        std::pair(std::string_view("websocket_moved"), websockets_moved_),
        std::pair(std::string_view("refused"), connections_refused_),
        std::pair(std::string_view("dropped"), connections_dropped_)}) {
    out += fmt::format("{}{{result=\"{}\"}} {}\n", kConnections, name, count);
  }
  histogram(out, "voicectl_hand_over_duration_seconds",
            "Time from the decision to the record of a hand-over that moved a tenant.", durations_);
  histogram(out, "voicectl_hand_over_pause_seconds",
            "Time in which no connection of a tenant was served.", pauses_);
  one(out, "voicectl_hand_over_longest_pause_seconds", "gauge", "The longest such time so far.",
      longest_pause_);
  std::map<std::string_view, std::size_t> kinds = {{name_of(InstanceKind::kShared), 0},
                                                   {name_of(InstanceKind::kDedicated), 0}};
  for (const auto& [name, instance] : snapshot.instances) {
    ++kinds[name_of(instance.kind)];
  }
  head(out, "voicectl_instances", "gauge", "Recorded instances.");
  for (const auto& [kind, count] : kinds) {
    out += fmt::format("voicectl_instances{{kind=\"{}\"}} {}\n", kind, count);
  }
  one(out, "voicectl_tenants", "gauge", "Recorded tenants.",
      static_cast<double>(snapshot.tenants.size()));
  one(out, "voicectl_upgrade_under_way", "gauge", "1 while another program is rolled out.",
      snapshot.programs.upgrade ? 1 : 0);
  return out;
}

}  // namespace voicectl
