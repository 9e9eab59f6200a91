// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/log_stream.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/sim_reactor.h"
#include "tests/support/temp_dir.h"

namespace voicectl {
namespace {

/// 2026-11-25T12:00:00Z.
const WallTime kNoon{std::chrono::seconds(1795608000)};

/// A reader that takes bytes only when the test says so.
class SlowReader final : public ResponseStream {
 public:
  explicit SlowReader(Reactor& reactor) : reactor_(reactor) {}

  void write(std::string_view piece) override {
    waiting_ += piece;
    most_waiting = std::max(most_waiting, waiting_.size());
  }
  void end() override { has_ended = true; }
  bool is_open() const override { return !has_ended; }
  std::size_t unsent() const override { return waiting_.size(); }
  void on_drained(std::function<void()> task) override { on_drained_ = std::move(task); }
  void on_gone(std::function<void()>) override {}

  void take_everything() {
    taken += waiting_;
    waiting_.clear();
    if (auto task = std::exchange(on_drained_, nullptr)) {
      reactor_.post(std::move(task));
    }
  }

  std::string taken;
  std::size_t most_waiting = 0;
  bool has_ended = false;

 private:
  Reactor& reactor_;
  std::string waiting_;
  std::function<void()> on_drained_;
};

class LogStreamTest : public ::testing::Test {
 protected:
  void begin(LogStart start, LogStream::Filter filter, LogStream::End end) {
    std::map<std::string, LogTail> files;
    files.emplace("instance/shared-0", LogTail(path_, start));
    LogStream::begin(sim_, reader_, std::move(files), std::move(filter), end);
  }
  std::size_t lines_taken() const {
    return static_cast<std::size_t>(std::count(reader_->taken.begin(), reader_->taken.end(), '\n'));
  }

  SimReactor sim_;
  std::shared_ptr<SlowReader> reader_ = std::make_shared<SlowReader>(sim_);
  TempDir folder_;
  const std::string path_ = folder_.path("shared-0.log");
};

TEST_F(LogStreamTest, LogsOfManyMegabytesAreNotCutForAReaderThatIsSlow) {
  constexpr std::size_t kLines = 60'000;
  {
    std::ofstream log(path_);
    for (std::size_t i = 0; i < kLines; ++i) {
      log << fmt::format("2026-11-25T12:00:00.000Z info  line number={:06} {}\n", i,
                         std::string(140, '.'));
    }
  }

  begin(LogStart::kOldestFile, {"", kNoon - std::chrono::hours(12)}, LogStream::End::kAtEnd);
  sim_.settle();
  EXPECT_FALSE(reader_->has_ended);
  while (!reader_->has_ended) {
    reader_->take_everything();
    sim_.settle();
  }
  reader_->take_everything();

  EXPECT_EQ(lines_taken(), kLines);
  EXPECT_GT(reader_->taken.size(), 10UL << 20);
  EXPECT_LT(reader_->most_waiting, 5UL << 20) << "what waits in memory must be bounded";
}

TEST_F(LogStreamTest, ShowsOneTenantsLinesSinceATime) {
  std::ofstream(path_) << "2026-11-25T11:00:00.000Z info  a tenant=acme\n"
                          "2026-11-25T12:00:00.000Z info  b tenant=acme\n"
                          "2026-11-25T12:00:00.000Z info  c tenant=acme-2\n"
                          "2026-11-25T12:00:00.000Z info  d tenant=acme x=1\n"
                          "2026-11-25T12:00:00.000Z info  e subject=tenant/acme x=1\n"
                          "2026-11-25T12:00:00.000Z info  f subject=tenant/acme-2\n";

  begin(LogStart::kOldestFile, {"acme", kNoon - std::chrono::minutes(30)}, LogStream::End::kAtEnd);
  sim_.settle();
  reader_->take_everything();

  EXPECT_TRUE(reader_->has_ended);
  EXPECT_EQ(lines_taken(), 3U);
  EXPECT_THAT(reader_->taken, ::testing::HasSubstr("info  b tenant=acme"));
}

TEST_F(LogStreamTest, LinesOfNginxAreOfTheirTimeAndThoseWithoutOfTheLineBefore) {
  std::ofstream(path_) << nginx_time(kNoon - std::chrono::hours(2)) << " [crit] old\n"
                       << "of the old one\n"
                       << nginx_time(kNoon - std::chrono::minutes(1)) << " [crit] new\n"
                       << "of the new one\n";

  begin(LogStart::kOldestFile, {"", kNoon - std::chrono::minutes(30)}, LogStream::End::kAtEnd);
  sim_.settle();
  reader_->take_everything();

  EXPECT_EQ(lines_taken(), 2U);
  EXPECT_THAT(reader_->taken, ::testing::HasSubstr("[crit] new"));
  EXPECT_THAT(reader_->taken, ::testing::HasSubstr("of the new one"));
}

TEST_F(LogStreamTest, FollowsWhatComes) {
  begin(LogStart::kPresentFile, {}, LogStream::End::kNever);
  sim_.settle();
  std::ofstream(path_) << "one\n";
  sim_.advance(std::chrono::seconds(1));
  reader_->take_everything();

  EXPECT_EQ(lines_taken(), 1U);
  EXPECT_FALSE(reader_->has_ended);
  reader_->end();
  sim_.advance(std::chrono::seconds(1));
}

}  // namespace
}  // namespace voicectl
