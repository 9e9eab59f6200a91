// SPDX-License-Identifier: Apache-2.0
#include "base/record_codec.h"

#include <gtest/gtest.h>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

struct Inner {
  std::string name;
  std::optional<std::uint16_t> number;
  friend bool operator==(const Inner&, const Inner&) = default;
};

struct Outer {
  bool flag = false;
  std::int64_t amount = 0;
  std::vector<Inner> list;
  std::map<std::pair<std::string, int>, std::uint64_t> counts;
  MonoTime at;
  std::optional<WallTime> day;
  Duration length{};
  friend bool operator==(const Outer&, const Outer&) = default;
};

template <typename Visit>
void visit_fields(Visit& visit, Inner& inner) {
  auto& [name, number] = inner;
  visit("name", name);
  visit("number", number);
}

template <typename Visit>
void visit_fields(Visit& visit, Outer& outer) {
  auto& [flag, amount, list, counts, at, day, length] = outer;
  visit("flag", flag);
  visit("amount", amount);
  visit("list", list);
  visit("counts", counts);
  visit("at", at);
  visit("day", day);
  visit("length", length);
}

Outer full() {
  return {true,
          -7,
          {{"one", 1}, {std::string("a\0b", 3), std::nullopt}},
          {{{"GET /", 200}, 3}, {{"GET /", 404}, 1}},
          MonoTime(std::chrono::nanoseconds(123'456'789)),
          WallTime(std::chrono::milliseconds(42)),
          std::chrono::seconds(5)};
}

TEST(RecordCodec, ReadsBackWhatItWrote) {
  for (const Outer& record : {Outer{}, full()}) {
    const Result<Outer> read = decode_record<Outer>(encode_record(record), "a test");

    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(*read, record);
  }
}

TEST(RecordCodec, RefusesBytesThatAreCutShortOrGoOn) {
  const std::string bytes = encode_record(full());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(decode_record<Outer>(bytes.substr(0, size), "a test"),
                FailsWith(ErrorCode::kCorrupt))
        << size;
  }
  EXPECT_THAT(decode_record<Outer>(bytes + "x", "a test"), FailsWith(ErrorCode::kCorrupt));
}

TEST(RecordCodec, DoesNotBelieveACountThatTheBytesCannotHold) {
  std::string bytes;
  RecordWriter(bytes).put(std::uint32_t{0xFFFF'FFFF});

  EXPECT_THAT(decode_record<std::vector<std::string>>(bytes, "a test"),
              FailsWith(ErrorCode::kCorrupt));
}

TEST(RecordCodec, RefusesAFlagThatIsNeither) {
  EXPECT_THAT(decode_record<bool>("\x02", "a test"), FailsWith(ErrorCode::kCorrupt));
}

TEST(RecordCodec, ALayoutNamesEveryFieldAndItsType) {
  RecordLayout layout;
  layout.describe<Outer>();

  EXPECT_EQ(layout.text(),
            "{flag:flag;amount:i8;list:list {name:text;number:maybe u2;};counts:map text,i4>u8;"
            "at:mono;day:maybe wall;length:length;}");
}

}  // namespace
}  // namespace voicectl
