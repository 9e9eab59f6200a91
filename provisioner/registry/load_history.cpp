// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/load_history.h"

#include <algorithm>

namespace voicectl {
namespace {

/// Seven bits a byte, the least first; the last byte is below 0x80.
void append_number(std::string& out, std::uint64_t number) {
  while (number >= 0x80) {
    out += static_cast<char>((number & 0x7f) | 0x80);
    number >>= 7;
  }
  out += static_cast<char>(number);
}

/// Takes one from the front; nullopt if there is none.
std::optional<std::uint64_t> take_number(std::string_view& bytes) {
  std::uint64_t number = 0;
  for (unsigned shift = 0; shift < 63 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    number |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      return number;
    }
  }
  return std::nullopt;
}

}  // namespace

std::chrono::seconds length_of(LoadStep step) {
  switch (step) {
    case LoadStep::kMinute:
      return std::chrono::minutes(1);
    case LoadStep::kTenMinutes:
      return std::chrono::minutes(10);
    case LoadStep::kHour:
      break;
  }
  return std::chrono::hours(1);
}

std::size_t kept_of(LoadStep step) {
  switch (step) {
    case LoadStep::kMinute:
      return 180;
    case LoadStep::kTenMinutes:
      return 144;
    case LoadStep::kHour:
      break;
  }
  return std::size_t{14} * 24;
}

WallTime begin_of(LoadStep step, WallTime at) {
  const auto length = std::chrono::milliseconds(length_of(step)).count();
  const auto passed = at.time_since_epoch().count();
  return WallTime{std::chrono::milliseconds(passed - ((passed % length) + length) % length)};
}

void add_load(LoadRow& row, const LoadRow& later) {
  row.instance = later.instance;
  row.sessions = std::max(row.sessions, later.sessions);
  row.requests += later.requests;
  row.events += later.events;
  row.processor_time += later.processor_time;
  row.most_cpu = std::max(row.most_cpu, later.most_cpu);
  row.received += later.received;
  row.sent += later.sent;
  if (later.memory) {
    row.memory = std::max(row.memory.value_or(Bytes{}), *later.memory);
  }
  if (row.latency.empty()) {
    row.latency = later.latency;
  } else if (!later.latency.empty()) {
    LatencyHistogram both = unpack_latency(row.latency);
    both.merge(unpack_latency(later.latency));
    row.latency = pack_latency(both);
  }
}

std::string pack_latency(const LatencyHistogram& latency) {
  std::string out;
  std::size_t next = 0;
  for (const auto& [bucket, count] : latency.buckets()) {
    append_number(out, bucket - next);
    append_number(out, count);
    next = bucket + 1;
  }
  return out;
}

LatencyHistogram unpack_latency(std::string_view bytes) {
  LatencyHistogram out;
  std::size_t bucket = 0;
  while (!bytes.empty()) {
    const std::optional<std::uint64_t> skipped = take_number(bytes);
    const std::optional<std::uint64_t> count = take_number(bytes);
    if (!skipped || !count || *skipped >= LatencyHistogram::kBuckets ||
        !out.add_bucket(bucket + *skipped, *count)) {
      break;
    }
    bucket += *skipped + 1;
  }
  return out;
}

WallTime first_minute(WallTime end, std::size_t count) {
  return end - length_of(LoadStep::kMinute) *
                   static_cast<std::int64_t>(std::min(count, kept_of(LoadStep::kMinute)));
}

WallTime kept_since(LoadStep step, WallTime now) {
  return begin_of(step, now - length_of(step) * static_cast<std::int64_t>(kept_of(step)));
}

std::size_t RecentLoadTable::place_of(WallTime at) const {
  return static_cast<std::size_t>((at - *first_) / length_of(LoadStep::kMinute));
}

void RecentLoadTable::add_minute(WallTime at, std::chrono::milliseconds watched) {
  first_ = first_.value_or(at);
  out_.watched.resize(place_of(at) + 1);
  out_.watched.back() = watched;
}

void RecentLoadTable::add_tenant(const TenantId& tenant, std::chrono::microseconds used) {
  std::vector<std::chrono::microseconds>& times = out_.processor_time[tenant];
  times.resize(out_.watched.size());
  times.back() = used;
}

RecentLoad RecentLoadTable::table() && {
  const std::size_t minutes = first_ ? place_of(end_) : 0;
  out_.watched.resize(minutes);
  for (auto& [tenant, times] : out_.processor_time) {
    times.resize(minutes);
  }
  return std::move(out_);
}

}  // namespace voicectl
