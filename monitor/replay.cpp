// SPDX-License-Identifier: Apache-2.0
#include "monitor/replay.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>

#include "base/crypto.h"
#include "monitor/promotion_policy.h"

namespace voicectl {
namespace {

/// In which moves are counted against the pace.
constexpr Duration kPaceSpan = std::chrono::minutes(1);
/// Room in the windows beyond the longest dwell.
constexpr std::size_t kSparePoints = 8;

/// So often does the daemon decide between two frames; it begins one move each time.
std::size_t rounds_between(Duration interval) {
  return static_cast<std::size_t>(std::max<Duration::rep>(1, interval / kSampleInterval));
}

/// It has an instance, or is to have one.
bool is_promoted(const TenantSituation& situation) {
  return situation.is_wished || situation.placement == InstanceKind::kDedicated;
}

/// A tenant as the replay has it at a moment.
struct Played {
  Played(const RecordingFrame::NewTenant& of, const WindowLimits& limits)
      : load(limits), situation{of.tenant, of.tier,      of.plan, InstanceKind::kShared,
                                false,     std::nullopt, load} {}
  Played(const Played&) = delete;
  Played& operator=(const Played&) = delete;

  LoadWindows load;
  TenantSituation situation;
  LoadSample sample{};
  /// It is looked at in every frame: busy, or not in the pool.
  bool is_watched = false;
  bool is_over = false;
  Duration over_since{0};
  Duration placed_since{0};
  std::optional<Duration> moved_at;
};

class Replay {
 public:
  Replay(const PromotionPolicy& policy, RecordingReader recording)
      : policy_(policy), recording_(std::move(recording)) {
    // Whoever tries a policy asks what it would do.
    policy_.mode = PromotionMode::kOn;
    longest_gap_ = std::max<Duration>(WindowLimits{}.longest_gap, recording_.interval() * 5 / 2);
    limits_.longest_gap = longest_gap_;
    limits_.points = points_for(policy_, recording_.interval());
  }

  Result<ReplayResult> run() {
    result_.interval = recording_.interval();
    result_.began = recording_.began();
    while (true) {
      VC_TRY(const RecordingFrame* const frame, recording_.next());
      if (frame == nullptr) {
        break;
      }
      play(*frame);
    }
    finish();
    return std::move(result_);
  }

 private:
  static std::size_t points_for(const PromotionPolicy& policy, Duration interval) {
    return static_cast<std::size_t>(Duration(longest_dwell(policy)) / interval) + kSparePoints;
  }

  void play(const RecordingFrame& frame) {
    const Duration passed = result_.frames == 0 ? Duration::zero() : frame.at - now_;
    // Who did nothing for so long may have done anything.
    const Duration counted = passed > longest_gap_ ? Duration::zero() : passed;
    count_time(counted);
    if (counted != passed) {
      end_spans();
    }
    now_ = frame.at;
    if (counted != passed) {
      begin_spans();
    }
    ++result_.frames;
    result_.length = now_;
    for (const RecordingFrame::NewTenant& one : frame.introduced) {
      tenants_.push_back(std::make_unique<Played>(one, limits_));
      result_.tenants.push_back({one.tenant, one.plan});
    }
    settle_moves();
    take(frame.changes);
    decide();
  }

  /// What the last frame said held until now.
  void count_time(Duration length) {
    for (const std::uint32_t number : watched_) {
      const Played& one = *tenants_[number];
      if (one.is_over) {
        result_.tenants[number].over_mark += length;
        result_.over_mark += length;
      }
      if (one.situation.placement == InstanceKind::kDedicated) {
        result_.tenants[number].dedicated += length;
        result_.dedicated += length;
      }
    }
    result_.held_back += length * static_cast<Duration::rep>(held_back_);
  }

  void end_spans() {
    for (const std::uint32_t number : watched_) {
      end_over(number);
      end_dedicated(number);
    }
  }
  void begin_spans() {
    for (const std::uint32_t number : watched_) {
      tenants_[number]->over_since = now_;
      tenants_[number]->placed_since = now_;
    }
  }
  void end_over(std::uint32_t number) {
    const Played& one = *tenants_[number];
    if (one.is_over && one.over_since < now_) {
      result_.over_mark_spans.push_back({number, one.over_since, now_});
    }
  }
  void end_dedicated(std::uint32_t number) {
    const Played& one = *tenants_[number];
    if (one.situation.placement == InstanceKind::kDedicated && one.placed_since < now_) {
      result_.dedicated_spans.push_back({number, one.placed_since, now_});
    }
  }

  /// Who was to move when the last frame came has moved now.
  void settle_moves() {
    for (const std::uint32_t number : std::exchange(on_their_way_, {})) {
      Played& one = *tenants_[number];
      if (one.sample == LoadSample{}) {
        continue;
      }
      end_dedicated(number);
      one.situation.placement =
          one.situation.is_wished ? InstanceKind::kDedicated : InstanceKind::kShared;
      // Only now a demotion has made room.
      promoted_ -= one.situation.is_wished ? 0 : 1;
      one.situation.placed_at = MonoTime(now_);
      one.placed_since = now_;
    }
  }

  void take(const std::vector<RecordingFrame::Change>& changes) {
    result_.samples += changes.size();
    for (const RecordingFrame::Change& change : changes) {
      tenants_[change.tenant]->sample = change.sample;
      if (change.sample == LoadSample{}) {
        leave(change.tenant);
      }
      watch(change.tenant);
    }
    for (const std::uint32_t number : watched_) {
      Played& one = *tenants_[number];
      note_over(number, one);
      for (const Measure measure : kMeasures) {
        // A measure without marks is never looked at.
        const auto& value = one.sample[static_cast<std::size_t>(measure)];
        if (value && marks_of(policy_.marks_for(one.situation.plan), measure)) {
          one.load[measure].add(MonoTime(now_), *value);
        }
      }
    }
  }

  /// It is not there any more, and nor is an instance of its own.
  void leave(std::uint32_t number) {
    Played& one = *tenants_[number];
    end_dedicated(number);
    promoted_ -= is_promoted(one.situation) ? 1 : 0;
    one.situation.is_wished = false;
    one.situation.placement = InstanceKind::kShared;
    // What it did before says nothing of one that comes again under its name.
    one.load = LoadWindows(limits_);
  }

  void watch(std::uint32_t number) {
    Played& one = *tenants_[number];
    if (!one.is_watched && is_busy(one)) {
      one.is_watched = true;
      watched_.push_back(number);
    }
  }

  bool is_busy(const Played& one) const {
    const auto is_at_mark = [&](Measure measure) {
      const auto& value = one.sample[static_cast<std::size_t>(measure)];
      const auto marks =
          value ? marks_of(policy_.marks_for(one.situation.plan), measure) : std::nullopt;
      return marks && *value >= marks->high;
    };
    return one.situation.tier == Tier::kAuto &&
           std::any_of(kMeasures.begin(), kMeasures.end(), is_at_mark);
  }

  void note_over(std::uint32_t number, Played& one) {
    const bool is_over = one.situation.placement == InstanceKind::kShared && is_busy(one);
    if (is_over == one.is_over) {
      return;
    }
    end_over(number);
    one.is_over = is_over;
    one.over_since = now_;
  }

  void decide() {
    std::vector<MoveCandidate> candidates;
    std::vector<std::uint32_t> who;
    for (const std::uint32_t number : watched_) {
      const TenantSituation& situation = tenants_[number]->situation;
      const PromotionVerdict verdict = judge_tenant(policy_, situation, MonoTime(now_));
      if (verdict.kind) {
        candidates.push_back({*verdict.kind, situation.plan, pressure_of(policy_, situation),
                              situation.tenant.str()});
        who.push_back(number);
      }
    }
    held_back_ = 0;
    if (!candidates.empty()) {
      move(candidates, who);
    }
    std::erase_if(watched_, [this](std::uint32_t number) {
      Played& one = *tenants_[number];
      one.is_watched = one.situation.placement == InstanceKind::kDedicated ||
                       one.situation.is_wished || is_busy(one);
      return !one.is_watched;
    });
  }

  void move(const std::vector<MoveCandidate>& candidates, const std::vector<std::uint32_t>& who) {
    while (!moves_.empty() && now_ - moves_.front() >= kPaceSpan) {
      moves_.pop_front();
    }
    // Nothing is known of the host, so that its reserve holds nobody back.
    const std::vector<MoveAdmission> admissions =
        admit_moves(policy_, {promoted_, moves_.size(), {}, {}}, candidates);
    std::vector<std::size_t> order(who.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return goes_before(candidates[a], candidates[b]);
    });
    std::size_t left = rounds_between(recording_.interval());
    for (const std::size_t i : order) {
      const bool is_promotion = candidates[i].kind == PromotionKind::kPromote;
      if (!admissions[i].held_by && left > 0) {
        begin_move(who[i], candidates[i].kind);
        --left;
      } else if (is_promotion) {
        ++held_back_;
      }
    }
    result_.most_promoted = std::max(result_.most_promoted, static_cast<std::uint32_t>(promoted_));
  }

  void begin_move(std::uint32_t number, PromotionKind kind) {
    Played& one = *tenants_[number];
    ReplayTenant& counts = result_.tenants[number];
    const bool is_promotion = kind == PromotionKind::kPromote;
    const bool is_flap = one.moved_at && now_ - *one.moved_at < kFlapSpan;
    one.moved_at = now_;
    one.situation.is_wished = is_promotion;
    promoted_ += is_promotion ? 1 : 0;
    counts.promotions += is_promotion ? 1 : 0;
    counts.demotions += is_promotion ? 0 : 1;
    counts.flaps += is_flap ? 1 : 0;
    result_.moves.push_back({now_, number, kind, is_flap});
    moves_.push_back(now_);
    on_their_way_.push_back(number);
  }

  void finish() {
    end_spans();
    for (const ReplayTenant& one : result_.tenants) {
      result_.promotions += one.promotions;
      result_.demotions += one.demotions;
      result_.flaps += one.flaps;
    }
    result_.left_over = recording_.left_over();
  }

  PromotionPolicy policy_;
  RecordingReader recording_;
  WindowLimits limits_;
  Duration longest_gap_{0};
  ReplayResult result_;
  Duration now_{0};
  std::vector<std::unique_ptr<Played>> tenants_;
  std::vector<std::uint32_t> watched_;
  std::vector<std::uint32_t> on_their_way_;
  /// When moves were begun; those of the last minute.
  std::deque<Duration> moves_;
  std::size_t promoted_ = 0;
  std::size_t held_back_ = 0;
};

void add(std::string& out, std::int64_t value) {
  out += std::to_string(value);
  out += ' ';
}

void add(std::string& out, const std::vector<ReplaySpan>& spans) {
  for (const ReplaySpan& span : spans) {
    add(out, span.tenant);
    add(out, span.from.count());
    add(out, span.to.count());
  }
}

}  // namespace

std::string ReplayResult::digest() const {
  std::string all;
  for (const std::uint64_t number : {frames, samples, promotions, demotions, flaps}) {
    add(all, static_cast<std::int64_t>(number));
  }
  for (const Duration time : {interval, length, over_mark, dedicated, held_back}) {
    add(all, time.count());
  }
  add(all, began.time_since_epoch().count());
  add(all, most_promoted);
  for (const ReplayTenant& one : tenants) {
    all += one.tenant.str();
    for (const std::uint32_t number : {one.promotions, one.demotions, one.flaps}) {
      add(all, number);
    }
    add(all, one.over_mark.count());
    add(all, one.dedicated.count());
  }
  for (const ReplayMove& move : moves) {
    add(all, move.at.count());
    add(all, move.tenant);
    add(all, static_cast<int>(move.kind) * 2 + (move.is_flap ? 1 : 0));
  }
  add(all, over_mark_spans);
  add(all, dedicated_spans);
  return sha256_hex(all);
}

Result<ReplayResult> replay(const PromotionPolicy& policy, RecordingReader recording) {
  VC_TRY(check_policy(policy));
  return Replay(policy, std::move(recording)).run();
}

}  // namespace voicectl
