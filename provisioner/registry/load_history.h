// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/latency_histogram.h"
#include "base/result.h"
#include "base/units.h"
#include "provisioner/registry/usage_history.h"

namespace voicectl {

/// How finely the load of tenants is kept.
enum class LoadStep { kMinute, kTenMinutes, kHour };
inline constexpr std::array kLoadSteps{LoadStep::kMinute, LoadStep::kTenMinutes, LoadStep::kHour};

std::chrono::seconds length_of(LoadStep step);
/// How many of them are kept, the last ones written: of minutes three hours, of ten minutes a day,
/// of hours two weeks. By the order of writing, so that a clock that is wrong for a while does not
/// make the others too old.
std::size_t kept_of(LoadStep step);
/// When the step that `at` lies in began.
WallTime begin_of(LoadStep step, WallTime at);

/// What one tenant did within a step.
struct LoadRow {
  TenantId tenant;
  /// Where it was seen last.
  InstanceId instance;
  /// The most that were live at a time.
  std::uint64_t sessions = 0;
  std::uint64_t requests = 0;
  /// Passed on to whoever listened.
  std::uint64_t events = 0;
  std::chrono::microseconds processor_time{0};
  /// Between two looks.
  MilliCpu most_cpu{};
  /// Bytes.
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  /// The most; absent if its instance told of none.
  std::optional<Bytes> memory{};
  /// Of its requests, as pack_latency writes it.
  std::string latency{};
  friend bool operator==(const LoadRow&, const LoadRow&) = default;
};

/// As if what `later` says had happened within the step of `row`, too. The order of additions
/// changes nothing but `instance`.
void add_load(LoadRow& row, const LoadRow& later);

/// The buckets that have something, in few bytes; and back. Bytes that are none of ours end it.
std::string pack_latency(const LatencyHistogram& latency);
LatencyHistogram unpack_latency(std::string_view bytes);

/// A step in which the platform was watched.
struct WatchedStep {
  /// When it began.
  WallTime at{};
  /// How long of it: less than all of it where no daemon ran, and while it is not over.
  std::chrono::milliseconds watched{0};
  /// Absent: the tenant had nothing.
  std::optional<LoadRow> row{};
  friend bool operator==(const WatchedStep&, const WatchedStep&) = default;
};

/// Processor time of every tenant that had anything, in minutes that follow each other.
struct RecentLoad {
  /// How long each was watched, oldest first; zero where nobody looked.
  std::vector<std::chrono::milliseconds> watched{};
  /// As many each.
  std::map<TenantId, std::vector<std::chrono::microseconds>> processor_time{};
};

/// Begin of the first of the `count` minutes before `end`.
WallTime first_minute(WallTime end, std::size_t count);

/// What began before is older at `now` than the step is kept.
WallTime kept_since(LoadStep step, WallTime now);

/// Puts minutes, in their order, into a table that ends before `end`.
class RecentLoadTable {
 public:
  explicit RecentLoadTable(WallTime end) : end_(end) {}

  void add_minute(WallTime at, std::chrono::milliseconds watched);
  /// In the minute that was added last.
  void add_tenant(const TenantId& tenant, std::chrono::microseconds used);
  RecentLoad table() &&;

 private:
  /// Minutes from the first that was added to before `at`.
  std::size_t place_of(WallTime at) const;

  WallTime end_;
  std::optional<WallTime> first_{};
  RecentLoad out_{};
};

/// Keeps the recent load of tenants, processes and the host, the finer the more recent.
///
/// Part of Registry; its rules hold.
class LoadHistoryStore {
 public:
  virtual ~LoadHistoryStore() = default;

  /// Adds what tenants did while they were watched in the minute of `at` to that minute, its ten
  /// minutes and its hour, and drops what is kept no longer. Who has no row had nothing; who is not
  /// recorded is left out. The same minute may come again: it adds up. So with what processes and
  /// the host used.
  virtual Status append_load(WallTime at,
                             std::chrono::milliseconds watched,
                             const std::vector<LoadRow>& rows,
                             const std::vector<UsageRow>& usage) = 0;

  /// Steps that began at or after `from` and before `until`, oldest first.
  virtual Result<std::vector<WatchedStep>> read_load(const TenantId& tenant,
                                                     LoadStep step,
                                                     WallTime from,
                                                     WallTime until) = 0;
  /// The same of an instance, which may be gone, or of the host.
  virtual Result<std::vector<WatchedUsage>> read_usage(const UsageSubject& subject,
                                                       LoadStep step,
                                                       WallTime from,
                                                       WallTime until) = 0;
  /// The `count` minutes before that of `until`, of all tenants, from the first on that was
  /// watched.
  virtual Result<RecentLoad> read_recent_load(WallTime until, std::size_t count) = 0;

  /// Drops what is older at `now` than its step is kept: for as long as nothing is appended, which
  /// else drops it by the order of writing.
  virtual Status drop_old_load(WallTime now) = 0;
};

}  // namespace voicectl
