// SPDX-License-Identifier: Apache-2.0
// How long a policy takes over a recorded month: voicectl-replay-bench [TENANTS [DAYS [SEED]]].
// Ends with 1 when two runs differ, and when the standard month takes too long.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <exception>
#include <limits>

#include "base/os/system_clock.h"
#include "monitor/replay.h"
#include "tests/support/monitor/synthetic_load.h"

namespace voicectl {
namespace {

constexpr int kRuns = 3;
constexpr std::uint32_t kStandardDays = 30;
/// The most that the standard month may take: so long is somebody willing to wait for an answer.
constexpr double kMostSeconds = 5;

std::uint32_t number_or(int argc, char** argv, int index, std::uint32_t fallback) {
  std::uint32_t value = fallback;
  if (argc > index) {
    std::from_chars(argv[index], argv[index] + std::strlen(argv[index]), value);
  }
  return value;
}

double seconds(Duration length) {
  return std::chrono::duration<double>(length).count();
}

int run(int argc, char** argv) {
  const SteadyClock clock;
  SyntheticLoad load;
  load.tenants = number_or(argc, argv, 1, load.tenants);
  load.length = std::chrono::hours(24) * number_or(argc, argv, 2, kStandardDays);
  load.seed = number_or(argc, argv, 3, 1);
  const SyntheticLoad standard;
  const bool is_standard =
      load.tenants == standard.tenants && load.length == std::chrono::hours(24) * kStandardDays;
  const MonoTime begun = clock.now();
  const std::string recording = make_recording(load);
  fmt::print("replay.recording_mib {:.1f}\nreplay.made_in_s {:.2f}\n",
             static_cast<double>(recording.size()) / (1 << 20), seconds(clock.now() - begun));
  std::string digest;
  double shortest = std::numeric_limits<double>::max();
  for (int i = 0; i < kRuns; ++i) {
    const MonoTime start = clock.now();
    const auto reader = RecordingReader::open(recording);
    const auto result = reader.has_value() ? replay(PromotionPolicy{}, *reader)
                                           : Result<ReplayResult>(reader.error());
    const double took = seconds(clock.now() - start);
    if (result.has_error()) {
      fmt::print(stderr, "{}\n", result.error().text());
      return 1;
    }
    fmt::print("replay.run_s {:.2f} ({} frames, {} samples, {} promotions, {} flaps)\n", took,
               result->frames, result->samples, result->promotions, result->flaps);
    if (!digest.empty() && digest != result->digest()) {
      fmt::print(stderr, "two runs differ\n");
      return 1;
    }
    digest = result->digest();
    // What else ran on the machine made the others longer.
    shortest = std::min(shortest, took);
  }
  fmt::print("replay.shortest_s {:.2f}\nreplay.digest {}\n", shortest, digest);
  if (is_standard && shortest > kMostSeconds) {
    fmt::print(stderr, "the standard month takes {:.2f} s, more than {:.0f} s\n", shortest,
               kMostSeconds);
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace voicectl

int main(int argc, char** argv) {
  try {
    return voicectl::run(argc, argv);
  } catch (const std::exception& problem) {
    fmt::print(stderr, "{}\n", problem.what());
    return 1;
  }
}
