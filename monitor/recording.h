// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "monitor/measures.h"
#include "provisioner/model/desired_state.h"

/// Load of many tenants over time in a file, on which policies are tried.
///
///   "VCLOAD1\n"  varint: ms between frames  varint: when it began, ms since 1970
///   frame:       varint: bytes of the body  body  4 bytes: CRC-32 of the body, little-endian
///   body:        varint: ms since the frame before (the first: since the begin)
///                varint: new tenants, each: varint bytes of name, name, byte plan, byte tier
///                varint: changes, each: varint: number of the tenant, from the last change's on
///                                       byte: which measures changed; each: zigzag varint
///
/// Tenants are numbered as they come. A measure's value is kept plus one, 0 for none, and only what
/// differs from the frame before is written, so that a night of idle tenants costs nothing. The
/// file may end anywhere: what is not whole at its end was being written when the writer died.
namespace voicectl {

/// Of one tenant, by Measure; absent: not known, or the tenant is not there.
using LoadSample = std::array<std::optional<std::uint32_t>, kMeasures.size()>;

struct RecordedLoad {
  TenantId tenant;
  PricePlan plan = PricePlan::kStarter;
  Tier tier = Tier::kAuto;
  LoadSample sample{};
};

/// What reading a recording may cost.
struct RecordingBudget {
  std::size_t bytes = std::size_t{1} << 30;
  std::size_t tenants = 100'000;
  std::size_t frames = 10'000'000;
  /// The longest that a recording may span: a year.
  Duration length = std::chrono::hours(24 * 366);
};

/// Renders a recording, piece by piece.
class RecordingWriter {
 public:
  /// REQUIRES: `interval` is a millisecond to a day.
  RecordingWriter(Duration interval, WallTime began);

  /// What a file begins with.
  std::string head() const;
  /// The load of all tenants at one moment, `at` after the begin. A tenant that is not among them
  /// has gone. REQUIRES: `at` is not before that of the last frame; no tenant stands there twice.
  std::string frame(Duration at, const std::vector<RecordedLoad>& loads);

 private:
  struct Known {
    std::string name;
    PricePlan plan;
    Tier tier;
    LoadSample sample{};
  };
  std::size_t number_of(const RecordedLoad& load, std::string& introduced, std::size_t& count);

  Duration interval_;
  WallTime began_;
  Duration last_{0};
  std::vector<Known> known_;
  std::vector<std::pair<std::string, std::size_t>> by_name_;
};

/// What changed since the frame before.
struct RecordingFrame {
  Duration at{0};
  struct NewTenant {
    TenantId tenant;
    PricePlan plan;
    Tier tier;
  };
  /// Numbered on from those before.
  std::vector<NewTenant> introduced;
  struct Change {
    std::uint32_t tenant = 0;
    LoadSample sample{};
  };
  /// By number.
  std::vector<Change> changes;
};

/// Reads a recording frame by frame.
class RecordingReader {
 public:
  /// REQUIRES: `bytes` outlives it.
  /// ERRORS: kInvalidArgument if it is no recording, or of a later version; kResourceExhausted.
  static Result<RecordingReader> open(std::string_view bytes, const RecordingBudget& budget = {});

  Duration interval() const { return interval_; }
  WallTime began() const { return began_; }

  /// The next frame, good until the next call; null at the end.
  /// ERRORS: kCorrupt for bytes that nobody wrote; kResourceExhausted over the budget.
  Result<const RecordingFrame*> next();
  /// At the end: bytes of a frame that was never finished.
  std::size_t left_over() const { return left_over_; }

 private:
  class Cursor;
  RecordingReader(std::string_view bytes, const RecordingBudget& budget)
      : rest_(bytes), budget_(budget) {}
  Status read_body(std::string_view body);
  Status read_tenants(Cursor& cursor);
  Status read_changes(Cursor& cursor);

  std::string_view rest_;
  RecordingBudget budget_;
  Duration interval_{0};
  WallTime began_;
  std::size_t frames_ = 0;
  std::size_t left_over_ = 0;
  /// The values of all tenants as of the last frame, plus one; 0 for none.
  std::vector<std::array<std::uint32_t, kMeasures.size()>> values_;
  RecordingFrame frame_;
};

}  // namespace voicectl
