// SPDX-License-Identifier: Apache-2.0
// Appointments where the clock is put forward and back: hours that are skipped, that come twice,
// and days that are not 24 hours long.
#include <gmock/gmock.h>

#include "runtime/backend/builtin/appointment.h"
#include "tests/support/zone_file.h"

namespace voicectl::runtime {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr WallTime kForward{std::chrono::seconds(kSpring)};
constexpr WallTime kBack{std::chrono::seconds(kAutumn)};

/// Open all day and night, on every day.
Business open_all_week() {
  Business business;
  business.type = BusinessType::kAppointment;
  for (auto& day : business.opening_hours) {
    day = {{0, 24 * 60}};
  }
  business.services = {{"Checkup", "", {5000}, minutes(30), "", {}, hours(0)},
                       {"Surgery", "", {80000}, minutes(30), "", {}, hours(24)}};
  return business;
}

AppointmentOutcome decide(const std::string& service,
                          const std::string& date,
                          const std::string& time,
                          WallTime now,
                          const std::vector<Booking>& taken = {}) {
  return decide_appointment(open_all_week(), central_europe(), taken,
                            {"Ann", "", service, date, time}, now);
}

TEST(AppointmentZoneTest, IsNotOpenInTheHourThatIsSkipped) {
  for (const char* time : {"02:00", "02:30", "02:45"}) {
    const AppointmentOutcome outcome = decide("Checkup", "2026-03-29", time, kForward - hours(48));

    ASSERT_TRUE(std::holds_alternative<Alternatives>(outcome)) << time;
    const auto& other = std::get<Alternatives>(outcome);
    EXPECT_EQ(other.cause, Alternatives::Cause::kClosed) << time;
    EXPECT_THAT(other.local_starts, Not(::testing::Contains(HasSubstr(" 02:")))) << time;
  }
  const AppointmentOutcome half_past =
      decide("Checkup", "2026-03-29", "02:30", kForward - hours(48));
  EXPECT_THAT(std::get<Alternatives>(half_past).local_starts,
              ElementsAre("2026-03-29 03:00", "2026-03-29 01:45", "2026-03-29 03:15"));
}

TEST(AppointmentZoneTest, GoesOnDirectlyBehindTheSkippedHour) {
  const AppointmentOutcome outcome = decide("Checkup", "2026-03-29", "03:00", kForward - hours(48));

  ASSERT_TRUE(std::holds_alternative<BookedAppointment>(outcome));
  EXPECT_EQ(std::get<BookedAppointment>(outcome).booking.start, kForward);
  // The half hour before it on the clock is the half hour before it in truth.
  const AppointmentOutcome before = decide("Checkup", "2026-03-29", "01:30", kForward - hours(48),
                                           {{"appt-x", kForward, kForward + minutes(30)}});
  ASSERT_TRUE(std::holds_alternative<BookedAppointment>(before));
  EXPECT_EQ(std::get<BookedAppointment>(before).booking.end, kForward);
}

TEST(AppointmentZoneTest, TakesTheFirstOfAnHourThatComesTwice) {
  const AppointmentOutcome outcome = decide("Checkup", "2026-10-25", "02:30", kBack - hours(48));

  ASSERT_TRUE(std::holds_alternative<BookedAppointment>(outcome));
  EXPECT_EQ(std::get<BookedAppointment>(outcome).booking.start, kBack - minutes(30));
}

TEST(AppointmentZoneTest, CountsTheLeadTimeInHoursThatPass) {
  // Saturday at ten: on Sunday at ten 23 hours have passed, in autumn 25.
  const WallTime spring = kForward - hours(16);
  const WallTime autumn = kBack - hours(17);

  const AppointmentOutcome soon = decide("Surgery", "2026-03-29", "10:00", spring);
  ASSERT_TRUE(std::holds_alternative<Alternatives>(soon));
  EXPECT_EQ(std::get<Alternatives>(soon).cause, Alternatives::Cause::kTooSoon);
  EXPECT_THAT(std::get<Alternatives>(soon).local_starts,
              ElementsAre("2026-03-29 11:00", "2026-03-29 11:15", "2026-03-29 11:30"));
  EXPECT_TRUE(
      std::holds_alternative<BookedAppointment>(decide("Surgery", "2026-03-29", "11:00", spring)));

  EXPECT_TRUE(
      std::holds_alternative<BookedAppointment>(decide("Surgery", "2026-10-25", "09:00", autumn)));
  EXPECT_TRUE(
      std::holds_alternative<Alternatives>(decide("Surgery", "2026-10-25", "08:45", autumn)));
}

TEST(AppointmentZoneTest, OffersTimesOnTheClockOfTheirOwnDay) {
  // Wednesday after the change, by the clock in winter: nine o'clock is eight in UTC.
  const WallTime nine = kBack + hours(72 + 7);
  const AppointmentOutcome outcome = decide("Checkup", "2026-10-28", "09:00", kBack - hours(48),
                                            {{"appt-x", nine, nine + minutes(30)}});

  ASSERT_TRUE(std::holds_alternative<Alternatives>(outcome));
  EXPECT_EQ(std::get<Alternatives>(outcome).cause, Alternatives::Cause::kTaken);
  EXPECT_THAT(std::get<Alternatives>(outcome).local_starts,
              ElementsAre("2026-10-28 08:30", "2026-10-28 09:30", "2026-10-28 08:15"));
}

}  // namespace
}  // namespace voicectl::runtime
