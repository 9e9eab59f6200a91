// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/hand_over_figures.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <utility>

namespace voicectl::runtime {
namespace {

using Counts = std::array<std::pair<std::string_view, std::uint64_t>, 4>;

void counters(std::string& out,
              std::string_view name,
              std::string_view label,
              std::string_view help,
              const Counts& counts) {
  out += fmt::format("# HELP {0} {1}\n# TYPE {0} counter\n", name, help);
  for (const auto& [value, count] : counts) {
    out += fmt::format("{}{{{}=\"{}\"}} {}\n", name, label, value, count);
  }
}

template <std::size_t N>
void histogram(std::string& out,
               std::string_view name,
               std::string_view help,
               const Histogram<N>& values) {
  out += fmt::format("# HELP {0} {1}\n# TYPE {0} histogram\n", name, help);
  append_histogram(out, name, values);
}

double seconds(std::chrono::microseconds length) {
  return std::chrono::duration<double>(length).count();
}

}  // namespace

void HandOverFigures::note_given(const handoff::HandOverReport& report) {
  if (!report.is_handed_over) {
    ++kept_;
    connections_refused_ += report.refused;
    return;
  }
  ++given_;
  connections_given_ += report.connections;
  connections_dropped_ += report.dropped;
  durations_.add(seconds(report.took));
  pauses_.add(seconds(report.pause));
  longest_pause_ = std::max(longest_pause_, seconds(report.pause));
}

void HandOverFigures::render(std::string& out) const {
  counters(out, "voicectl_instance_hand_overs_total", "outcome",
           "Hand-overs of tenants: given away or kept here, taken from another instance or not.",
           {{{"given", given_}, {"kept", kept_}, {"taken", taken_}, {"not_taken", not_taken_}}});
  counters(out, "voicectl_instance_hand_over_connections_total", "result",
           "Connections of these tenants: given, taken, refused by the other instance, or dropped.",
           {{{"given", connections_given_},
             {"taken", connections_taken_},
             {"refused", connections_refused_},
             {"dropped", connections_dropped_}}});
  histogram(out, "voicectl_instance_hand_over_duration_seconds",
            "Time from the order to the end of a hand-over that gave a tenant away.", durations_);
  histogram(out, "voicectl_instance_hand_over_pause_seconds",
            "Time in which no connection of a tenant that was given away was served.", pauses_);
  constexpr std::string_view kLongest = "voicectl_instance_hand_over_longest_pause_seconds";
  out += fmt::format("# HELP {0} The longest such time so far.\n# TYPE {0} gauge\n{0} {1}\n",
                     kLongest, longest_pause_);
}

}  // namespace voicectl::runtime
