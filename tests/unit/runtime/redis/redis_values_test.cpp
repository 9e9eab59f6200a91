// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_values.h"

#include <gmock/gmock.h>

#include "tests/support/fixed_clock.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

const WallTime kNow = FixedWallClock().now();
const SessionId kSession = make_session_id(*TenantId::parse("acme"), "0123456789abcdef");

TEST(RedisValuesTest, ReadsARecordAsItWasWritten) {
  const Booking booking{"a-1", kNow, kNow + std::chrono::hours(1), "Dr \"Smith\""};
  const BusinessRecord record{BusinessRecord::Kind::kAppointment, "a-1", booking, R"({"x":"ä"})",
                              "EXT-1"};

  const Result<KeptRecord> kept = kept_record_of(to_redis_text(record, kSession, kNow));

  ASSERT_THAT(kept, IsOk());
  EXPECT_EQ(kept->record.kind, record.kind);
  EXPECT_EQ(kept->record.data, record.data);
  EXPECT_EQ(kept->record.external_id, "EXT-1");
  ASSERT_TRUE(kept->record.booking.has_value());
  EXPECT_EQ(kept->record.booking->end, booking.end);
  EXPECT_EQ(kept->record.booking->staff, booking.staff);
  EXPECT_EQ(kept->session, kSession);
  EXPECT_EQ(kept->at, kNow);
}

TEST(RedisValuesTest, ReadsAnAnswerWithBlanksAndLines) {
  const StoredResponse response{"k", 503, "a b\nc ", kNow};

  const Result<StoredResponse> read = response_of("k", to_redis_text(response));

  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->status, 503);
  EXPECT_EQ(read->body, response.body);
  EXPECT_EQ(read->at, kNow);
}

TEST(RedisValuesTest, TellsWebhooksApartWhoseNamesRunTogether) {
  EXPECT_NE(inbox_field({"a/b", "c", "", kNow}), inbox_field({"a", "b/c", "", kNow}));
}

TEST(RedisValuesTest, RefusesWhatIsNotItsForm) {
  EXPECT_THAT(kept_record_of("{}"), FailsWith(ErrorCode::kCorrupt));
  EXPECT_THAT(outbox_entry_of("[]"), FailsWith(ErrorCode::kCorrupt));
  EXPECT_THAT(customer_of("nonsense"), FailsWith(ErrorCode::kCorrupt));
  EXPECT_THAT(usage_record_of(R"({"status":"?"})"), FailsWith(ErrorCode::kCorrupt));
  EXPECT_THAT(response_of("k", "200 body"), FailsWith(ErrorCode::kCorrupt));
  EXPECT_THAT(event_of(RedisReply{}), FailsWith(ErrorCode::kCorrupt));
}

TEST(RedisValuesTest, ShortensATurnThatIsLong) {
  const ToolCallRecord call{"placeOrder", "\"" + std::string(5000, 'x') + "\"", "{}", kNow};

  EXPECT_LT(render_turn(call).size(), 1024U);
}

}  // namespace
}  // namespace voicectl::runtime
