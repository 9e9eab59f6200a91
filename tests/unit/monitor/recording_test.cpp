// SPDX-License-Identifier: Apache-2.0
#include "monitor/recording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/crc.hpp>

#include "base/random.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr WallTime kBegan{std::chrono::milliseconds(1'790'000'000'000)};

RecordedLoad load(std::string_view name,
                  std::optional<std::uint32_t> sessions,
                  std::optional<std::uint32_t> cpu,
                  PricePlan plan = PricePlan::kStarter) {
  return {TenantId::parse(name).value(), plan, Tier::kAuto, {sessions, cpu, std::nullopt, 0}};
}

/// Every frame as text: "60000ms +a +b 0=5/70/-/0 1=1/2/-/0".
std::string read(std::string_view bytes, const RecordingBudget& budget = {}) {
  Result<RecordingReader> reader = RecordingReader::open(bytes, budget);
  if (reader.has_error()) {
    return reader.error().text();
  }
  std::string out;
  while (true) {
    const Result<const RecordingFrame*> frame = reader->next();
    if (frame.has_error()) {
      return out + frame.error().text();
    }
    if (*frame == nullptr) {
      return out + (reader->left_over() > 0 ? "cut off" : "");
    }
    out += std::to_string((*frame)->at / 1ms) + "ms";
    for (const RecordingFrame::NewTenant& one : (*frame)->introduced) {
      out += " +" + one.tenant.str();
    }
    for (const RecordingFrame::Change& change : (*frame)->changes) {
      out += " " + std::to_string(change.tenant) + "=";
      for (const auto& value : change.sample) {
        out += (value ? std::to_string(*value) : "-") + "/";
      }
    }
    out += "\n";
  }
}

std::string a_recording() {
  RecordingWriter writer(1min, kBegan);
  std::string out = writer.head();
  out += writer.frame(0s, {load("acme", 5, 70), load("beta", 1, std::nullopt)});
  out += writer.frame(1min, {load("acme", 5, 70), load("beta", 4'000'000'000, 2)});
  out += writer.frame(2min, {load("beta", 4'000'000'000, 2), load("gamma", 0, 0)});
  return out;
}

TEST(RecordingTest, SaysWhatChangedAndNothingElse) {
  EXPECT_EQ(read(a_recording()),
            "0ms +acme +beta 0=5/70/-/0/ 1=1/-/-/0/\n"
            "60000ms 1=4000000000/2/-/0/\n"
            "120000ms +gamma 0=-/-/-/-/ 2=0/0/-/0/\n");
  const Result<RecordingReader> reader = RecordingReader::open(a_recording());
  EXPECT_EQ(reader->interval(), 1min);
  EXPECT_EQ(reader->began(), kBegan);
}

TEST(RecordingTest, ATenantOnOtherTermsIsAnotherOne) {
  RecordingWriter writer(1min, kBegan);
  std::string bytes = writer.head();
  bytes += writer.frame(0s, {load("acme", 5, 70)});
  bytes += writer.frame(1min, {load("acme", 5, 70, PricePlan::kEnterprise)});

  EXPECT_EQ(read(bytes),
            "0ms +acme 0=5/70/-/0/\n"
            "60000ms +acme 0=-/-/-/-/ 1=5/70/-/0/\n");
}

TEST(RecordingTest, OneThatWasBeingWrittenIsReadAsFarAsItIsWhole) {
  const std::string whole = a_recording();
  const std::size_t head = RecordingWriter(1min, kBegan).head().size();
  for (std::size_t size = head; size < whole.size(); ++size) {
    const std::string told = read(whole.substr(0, size));

    ASSERT_THAT(told, ::testing::Not(HasSubstr("cannot"))) << size << " bytes";
  }
  EXPECT_THAT(read(whole.substr(0, whole.size() - 1)), HasSubstr("60000ms 1="));
  EXPECT_THAT(read(whole.substr(0, whole.size() - 1)), HasSubstr("cut off"));
}

TEST(RecordingTest, OneThatWasDamagedIsRefused) {
  const std::string whole = a_recording();
  int refused = 0;
  for (std::size_t at = 20; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    refused += read(damaged).find("damaged after it was written") != std::string::npos ? 1 : 0;
  }
  EXPECT_GT(refused, 20);
}

TEST(RecordingTest, SaysWhatIsNone) {
  EXPECT_THAT(read(""), HasSubstr("this is none"));
  EXPECT_THAT(read("apiVersion: voicectl/v1"), HasSubstr("'voicectl policy record' makes one"));
  EXPECT_THAT(read("VCLOAD2\nxyz"), HasSubstr("of another version"));
}

TEST(RecordingTest, CostsNoMoreThanItMay) {
  EXPECT_THAT(read(a_recording(), {.bytes = 50}), HasSubstr("more than 50 bytes"));
  EXPECT_THAT(read(a_recording(), {.tenants = 2}), HasSubstr("more than 2 tenants"));
  EXPECT_THAT(read(a_recording(), {.frames = 2}), HasSubstr("more than 2 frames"));
  EXPECT_THAT(read(a_recording(), {.length = 90s}), HasSubstr("longer than a year"));
}

/// A frame with that body, as its writer would have made it.
std::string framed(const std::string& body) {
  boost::crc_32_type crc;
  crc.process_bytes(body.data(), body.size());
  std::string out(1, static_cast<char>(body.size()));
  out += body;
  for (int i = 0; i < 4; ++i) {
    out += static_cast<char>(crc.checksum() >> (8 * i));
  }
  return out;
}

TEST(RecordingTest, WithstandsWhateverHasARightChecksum) {
  SeededRandom random(20'261'126);
  RecordingWriter writer(1min, kBegan);
  const std::string head = writer.head();
  const std::string frame = writer.frame(0s, {load("acme", 5, 70), load("beta", 1, 2)});
  const std::string body = frame.substr(1, frame.size() - 5);
  ASSERT_EQ(framed(body), frame);
  for (int round = 0; round < 20'000; ++round) {
    std::string hostile = body;
    for (std::uint64_t i = random.below(4) + 1; i > 0; --i) {
      const std::size_t at = random.below(hostile.size());
      switch (random.below(3)) {
        case 0:
          hostile[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          hostile.insert(at, 1, static_cast<char>(random.below(256)));
          break;
        default:
          hostile.erase(at, random.below(3));
          hostile += static_cast<char>(random.below(256));
      }
    }
    (void)read(head + framed(hostile) + frame);  // ends, and touches nothing that is not its own
  }
}

}  // namespace
}  // namespace voicectl
