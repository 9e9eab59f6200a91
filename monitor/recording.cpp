// SPDX-License-Identifier: Apache-2.0
#include "monitor/recording.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/crc.hpp>
#include <limits>

#include "base/check.h"

namespace voicectl {
namespace {

constexpr std::string_view kMagic = "VCLOAD1\n";
constexpr std::string_view kFamily = "VCLOAD";
constexpr std::size_t kCrcBytes = 4;
constexpr Duration kLongestInterval = std::chrono::hours(24);
constexpr std::uint64_t kMostWall = 253'402'300'799'999;  // the end of the year 9999

std::int64_t milliseconds(Duration length) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(length).count();
}

void put(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t from_zigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

std::uint32_t stored(const std::optional<std::uint32_t>& value) {
  return value ? std::min(*value, std::numeric_limits<std::uint32_t>::max() - 1) + 1 : 0;
}

std::uint32_t crc_of(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

void put_crc(std::string& out, std::uint32_t crc) {
  for (std::size_t i = 0; i < kCrcBytes; ++i) {
    out += static_cast<char>(crc >> (8 * i));
  }
}

std::uint32_t read_crc(std::string_view bytes) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < kCrcBytes; ++i) {
    out |= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return out;
}

Error corrupt(std::string_view what) {
  return {ErrorCode::kCorrupt,
          fmt::format("cannot read the recording: {}; it was damaged after it was written", what)};
}

Error over_budget(std::string_view what, std::size_t most) {
  return {ErrorCode::kResourceExhausted,
          fmt::format("cannot read the recording: it has more than {} {}", most, what)};
}

}  // namespace

/// Takes values off the front.
class RecordingReader::Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_(bytes) {}

  std::optional<std::uint64_t> number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) {
        return value;
      }
    }
    return std::nullopt;
  }
  std::optional<unsigned char> byte() {
    if (rest_.empty()) {
      return std::nullopt;
    }
    const auto value = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::optional<std::string_view> text(std::uint64_t size) {
    if (size > rest_.size()) {
      return std::nullopt;
    }
    const std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

RecordingWriter::RecordingWriter(Duration interval, WallTime began)
    : interval_(interval), began_(began) {
  VC_CHECK(milliseconds(interval) >= 1 && interval <= kLongestInterval, "it is checked before");
}

std::string RecordingWriter::head() const {
  std::string out(kMagic);
  put(out, static_cast<std::uint64_t>(milliseconds(interval_)));
  put(out, static_cast<std::uint64_t>(began_.time_since_epoch().count()));
  return out;
}

std::size_t RecordingWriter::number_of(const RecordedLoad& load,
                                       std::string& introduced,
                                       std::size_t& count) {
  const std::pair<std::string, std::size_t> wanted(load.tenant.str(), 0);
  const auto at = std::lower_bound(by_name_.begin(), by_name_.end(), wanted);
  if (at != by_name_.end() && at->first == wanted.first) {
    Known& known = known_[at->second];
    if (known.plan == load.plan && known.tier == load.tier) {
      return at->second;
    }
    // Under other terms it is another one; the former goes.
    at->second = known_.size();
  } else {
    by_name_.insert(at, {wanted.first, known_.size()});
  }
  known_.push_back({wanted.first, load.plan, load.tier});
  put(introduced, wanted.first.size());
  introduced += wanted.first;
  introduced += static_cast<char>(load.plan);
  introduced += static_cast<char>(load.tier);
  ++count;
  return known_.size() - 1;
}

std::string RecordingWriter::frame(Duration at, const std::vector<RecordedLoad>& loads) {
  VC_CHECK(at >= last_, "frames come in the order of time");
  std::string introduced;
  std::size_t new_tenants = 0;
  std::vector<LoadSample> now(known_.size());
  for (const RecordedLoad& load : loads) {
    const std::size_t number = number_of(load, introduced, new_tenants);
    now.resize(known_.size());
    now[number] = load.sample;
  }
  std::string changes;
  std::size_t changed = 0;
  std::size_t last = 0;
  for (std::size_t number = 0; number < known_.size(); ++number) {
    LoadSample& before = known_[number].sample;
    if (before == now[number]) {
      continue;
    }
    put(changes, number - std::exchange(last, number));
    unsigned mask = 0;
    std::string deltas;
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (before[i] != now[number][i]) {
        mask |= 1U << i;
        put(deltas, zigzag(std::int64_t{stored(now[number][i])} - std::int64_t{stored(before[i])}));
      }
    }
    changes += static_cast<char>(mask);
    changes += deltas;
    before = now[number];
    ++changed;
  }
  std::string body;
  put(body, static_cast<std::uint64_t>(milliseconds(at) - milliseconds(last_)));
  put(body, new_tenants);
  body += introduced;
  put(body, changed);
  body += changes;
  last_ = at;
  std::string out;
  put(out, body.size());
  out += body;
  put_crc(out, crc_of(body));
  return out;
}

Result<RecordingReader> RecordingReader::open(std::string_view bytes,
                                              const RecordingBudget& budget) {
  if (bytes.size() > budget.bytes) {
    return over_budget("bytes", budget.bytes);
  }
  if (!bytes.starts_with(kMagic)) {
    return Error(ErrorCode::kInvalidArgument,
                 bytes.starts_with(kFamily)
                     ? "cannot read the recording: it is of another version of the format; this "
                       "program reads version 1"
                     : "cannot read the recording: this is none; 'voicectl policy record' makes "
                       "one");
  }
  RecordingReader out(bytes, budget);
  Cursor cursor(bytes.substr(kMagic.size()));
  const auto interval = cursor.number();
  const auto began = cursor.number();
  if (!interval || !began || *interval == 0 ||
      *interval > static_cast<std::uint64_t>(milliseconds(kLongestInterval)) ||
      *began > kMostWall) {
    return corrupt("its head makes no sense");
  }
  out.interval_ = std::chrono::milliseconds(*interval);
  out.began_ = WallTime(std::chrono::milliseconds(*began));
  out.rest_ = cursor.rest();
  return out;
}

Result<const RecordingFrame*> RecordingReader::next() {
  Cursor cursor(rest_);
  const auto size = rest_.empty() ? std::nullopt : cursor.number();
  const auto body = size ? cursor.text(*size) : std::nullopt;
  const auto crc = body ? cursor.text(kCrcBytes) : std::nullopt;
  if (!crc) {
    left_over_ = rest_.size();
    rest_ = {};
    return static_cast<const RecordingFrame*>(nullptr);
  }
  if (++frames_ > budget_.frames) {
    return over_budget("frames", budget_.frames);
  }
  if (crc_of(*body) != read_crc(*crc)) {
    return corrupt(fmt::format("frame {} does not fit its checksum", frames_));
  }
  VC_TRY(read_body(*body));
  rest_ = cursor.rest();
  return static_cast<const RecordingFrame*>(&frame_);
}

Status RecordingReader::read_body(std::string_view body) {
  Cursor cursor(body);
  const auto passed = cursor.number();
  if (!passed || *passed > static_cast<std::uint64_t>(milliseconds(budget_.length))) {
    return corrupt(fmt::format("the time of frame {} makes no sense", frames_));
  }
  frame_.at += std::chrono::milliseconds(*passed);
  if (frame_.at > budget_.length) {
    return Error(ErrorCode::kResourceExhausted,
                 "cannot read the recording: it is longer than a year");
  }
  VC_TRY(read_tenants(cursor));
  VC_TRY(read_changes(cursor));
  return cursor.rest().empty() ? ok_status()
                               : Status(corrupt(fmt::format("frame {} is too long", frames_)));
}

Status RecordingReader::read_tenants(Cursor& cursor) {
  frame_.introduced.clear();
  const auto count = cursor.number();
  for (std::uint64_t i = 0; count && i < *count; ++i) {
    const auto size = cursor.number();
    const auto name = size ? cursor.text(*size) : std::nullopt;
    const auto plan = cursor.byte();
    const auto tier = cursor.byte();
    const bool is_whole = name && plan && tier &&
                          *plan <= static_cast<unsigned>(PricePlan::kEnterprise) &&
                          *tier <= static_cast<unsigned>(Tier::kDedicated);
    const Result<TenantId> tenant =
        is_whole ? TenantId::parse(*name) : Result<TenantId>(corrupt("a tenant makes no sense"));
    if (tenant.has_error()) {
      return corrupt(fmt::format("a tenant in frame {} makes no sense", frames_));
    }
    if (values_.size() >= budget_.tenants) {
      return over_budget("tenants", budget_.tenants);
    }
    values_.push_back({});
    frame_.introduced.push_back({*tenant, static_cast<PricePlan>(*plan), static_cast<Tier>(*tier)});
  }
  return count ? ok_status() : Status(corrupt("a frame has no tenants"));
}

Status RecordingReader::read_changes(Cursor& cursor) {
  frame_.changes.clear();
  const auto count = cursor.number();
  const auto wrong = [this] {
    return corrupt(fmt::format("a change in frame {} makes no sense", frames_));
  };
  std::uint64_t number = 0;
  for (std::uint64_t i = 0; count && i < *count; ++i) {
    const auto step = cursor.number();
    const auto mask = cursor.byte();
    if (!step || !mask || *mask == 0 || *mask >= 1U << kMeasures.size() ||
        *step >= values_.size() - number || (i > 0 && *step == 0)) {
      return wrong();
    }
    number += *step;
    auto& values = values_[number];
    RecordingFrame::Change change{static_cast<std::uint32_t>(number), {}};
    for (std::size_t measure = 0; measure < values.size(); ++measure) {
      if ((*mask & (1U << measure)) != 0) {
        const auto delta = cursor.number();
        const std::int64_t value = delta && *delta <= std::uint64_t{1} << 33
                                       ? std::int64_t{values[measure]} + from_zigzag(*delta)
                                       : std::int64_t{-1};
        if (value < 0 || value > std::int64_t{std::numeric_limits<std::uint32_t>::max()}) {
          return wrong();
        }
        values[measure] = static_cast<std::uint32_t>(value);
      }
      if (values[measure] > 0) {
        change.sample[measure] = values[measure] - 1;
      }
    }
    frame_.changes.push_back(change);
  }
  return count ? ok_status() : Status(wrong());
}

}  // namespace voicectl
