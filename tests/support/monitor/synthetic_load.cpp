// SPDX-License-Identifier: Apache-2.0
#include "tests/support/monitor/synthetic_load.h"

#include <fmt/core.h>

#include <array>
#include <vector>

#include "base/random.h"
#include "monitor/recording.h"

namespace voicectl {
namespace {

/// How busy a business is in each hour of its day, of 100.
constexpr std::array<std::int64_t, 24> kDay = {2,   1,  1,  1,  1,  3,  10, 25, 45, 60, 70, 90,
                                               100, 85, 65, 60, 65, 80, 95, 90, 60, 30, 12, 5};
constexpr std::int64_t kMinutesOfDay = 24 * 60;

struct Business {
  RecordedLoad load;
  /// Live sessions at the busiest time of a usual day.
  std::int64_t peak = 1;
  /// Its clock against that of the recording, in minutes.
  std::int64_t shift = 0;
  std::int64_t weekend_percent = 60;
  /// Until when everybody calls, in minutes since the begin.
  std::int64_t rush_until = -1;
  std::int64_t sessions = 0;
};

class Town {
 public:
  explicit Town(const SyntheticLoad& of) : random_(of.seed) {
    for (std::uint32_t i = 0; i < of.tenants; ++i) {
      businesses_.push_back(open(i));
    }
  }

  std::vector<RecordedLoad> at(std::int64_t minute) {
    std::vector<RecordedLoad> out;
    out.reserve(businesses_.size());
    for (Business& one : businesses_) {
      live(one, minute);
      out.push_back(one.load);
    }
    return out;
  }

 private:
  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(bound)));
  }

  Business open(std::uint32_t number) {
    Business out{{TenantId::parse(fmt::format("business-{:04}", number)).value()}};
    const std::int64_t size = below(100);
    out.peak = size < 60   ? 1 + below(2)
               : size < 90 ? 3 + below(8)
               : size < 98 ? 10 + below(25)
                           : 35 + below(60);
    out.load.plan = size < 70   ? PricePlan::kStarter
                    : size < 95 ? PricePlan::kProfessional
                                : PricePlan::kEnterprise;
    out.shift = 60 * below(6);
    out.weekend_percent = 20 + below(100);
    return out;
  }

  void live(Business& one, std::int64_t minute) {
    const std::int64_t own = minute + one.shift;
    const std::int64_t of_day = own % kMinutesOfDay;
    const std::size_t hour = static_cast<std::size_t>(of_day / 60);
    const std::int64_t share =
        (kDay[hour] * (60 - of_day % 60) + kDay[(hour + 1) % 24] * (of_day % 60)) / 60;
    const bool is_weekend = own / kMinutesOfDay % 7 >= 5;
    if (minute > one.rush_until && below(20'000) == 0) {
      one.rush_until = minute + 10 + below(120);
    }
    const std::int64_t wanted = one.peak * share * (minute <= one.rush_until ? 3 : 1) *
                                (is_weekend ? one.weekend_percent : 100) / 10'000;
    // Calls last some minutes: the number follows, with luck.
    if (wanted != one.sessions && below(3) == 0) {
      one.sessions += wanted > one.sessions ? 1 + (wanted - one.sessions) / 3
                                            : -1 - (one.sessions - wanted) / 3;
    } else if (one.sessions > 0 && below(8) == 0) {
      one.sessions += below(3) - 1;
    }
    const std::int64_t cpu = one.sessions * 14 + (one.sessions > 0 ? below(12) : 0);
    one.load.sample = {static_cast<std::uint32_t>(one.sessions), static_cast<std::uint32_t>(cpu),
                       static_cast<std::uint32_t>(one.sessions > 0 ? 20 + cpu / 16 : 0),
                       static_cast<std::uint32_t>(one.sessions / 8)};
  }

  SeededRandom random_;
  std::vector<Business> businesses_;
};

}  // namespace

std::string make_recording(const SyntheticLoad& of) {
  // A Monday.
  constexpr WallTime kBegan{std::chrono::milliseconds(1'767'571'200'000)};
  RecordingWriter writer(of.interval, kBegan);
  Town town(of);
  std::string out = writer.head();
  for (Duration at{0}; at <= of.length; at += of.interval) {
    out += writer.frame(at, town.at(std::chrono::duration_cast<std::chrono::minutes>(at).count()));
  }
  return out;
}

}  // namespace voicectl
