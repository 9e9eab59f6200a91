// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/builtin/appointment.h"

#include <gmock/gmock.h>

#include "runtime/backend/builtin/builtin_backend.h"
#include "tests/support/fixed_clock.h"

namespace voicectl::runtime {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

/// Monday 2026-01-05, 08:00 UTC.
constexpr WallTime kNow{std::chrono::milliseconds(1'767'600'000'000)};

Business a_clinic() {
  Business business;
  business.type = BusinessType::kAppointment;
  for (std::size_t day = 1; day <= 5; ++day) {
    business.opening_hours[day] = {{9 * 60, 17 * 60}};
  }
  business.services = {{"Blood Test", "", {5000}, minutes(30), "", {"blood"}, hours(0)},
                       {"Root Canal", "", {80000}, minutes(90), "", {}, hours(24)}};
  return business;
}

AppointmentRequest a_wish(std::string service, std::string date, std::string time) {
  return {"Ann", "", std::move(service), std::move(date), std::move(time)};
}

Booking busy(minutes from, minutes length) {
  return {"appt-x", kNow + from, kNow + from + length};
}

AppointmentOutcome decide(const AppointmentRequest& wish, const std::vector<Booking>& taken = {}) {
  return decide_appointment(a_clinic(), TimeZone(), taken, wish, kNow);
}

TEST(LocalTimeTest, ReadsWhatAgentsWrite) {
  const auto expected = parse_local_time("2026-01-05", "14:30");

  ASSERT_TRUE(expected);
  for (const char* time : {"14:30:00", "2:30 PM", "2:30pm", "02:30 p.m."}) {
    EXPECT_EQ(parse_local_time("2026-01-05", time), expected) << time;
  }
  EXPECT_EQ(parse_local_time("2026-01-05", "12 am"), parse_local_time("2026-01-05", "00:00"));
  EXPECT_EQ(parse_local_time("2026-01-05", "12pm"), parse_local_time("2026-01-05", "12:00"));
  EXPECT_EQ(render_local_time(*expected), "2026-01-05 14:30");
}

TEST(LocalTimeTest, RefusesWhatIsNoTime) {
  for (const char* time : {"", "14", "24:00", "14:60", "13 pm", "0 am", "14:30:0", "noon", ":30"}) {
    EXPECT_FALSE(parse_local_time("2026-01-05", time)) << time;
  }
  for (const char* date : {"", "2026-02-30", "05.01.2026", "2026-1-5", "2026-13-01", "20260105"}) {
    EXPECT_FALSE(parse_local_time(date, "14:30")) << date;
  }
}

TEST(AppointmentTest, BooksAFreeTime) {
  const AppointmentOutcome outcome = decide(a_wish("blood test", "2026-01-05", "10:00"));

  const auto& booked = std::get<BookedAppointment>(outcome);
  EXPECT_EQ(booked.service, "Blood Test");
  EXPECT_EQ(booked.booking.start, kNow + hours(2));
  EXPECT_EQ(booked.booking.end, kNow + hours(2) + minutes(30));
  EXPECT_EQ(booked.local_start, "2026-01-05 10:00");
}

TEST(AppointmentTest, OffersTheNearestTimesForATakenOne) {
  const AppointmentOutcome outcome =
      decide(a_wish("blood", "2026-01-05", "10:00"), {busy(hours(2), minutes(30))});

  const auto& other = std::get<Alternatives>(outcome);
  EXPECT_EQ(other.cause, Alternatives::Cause::kTaken);
  EXPECT_THAT(other.local_starts,
              ElementsAre("2026-01-05 09:30", "2026-01-05 10:30", "2026-01-05 09:15"));
}

TEST(AppointmentTest, CountsAnOverlapAsTaken) {
  const AppointmentOutcome outcome =
      decide(a_wish("blood", "2026-01-05", "10:00"), {busy(hours(2) + minutes(15), minutes(30))});

  EXPECT_TRUE(std::holds_alternative<Alternatives>(outcome));
}

TEST(AppointmentTest, FitsDirectlyBehindAnother) {
  const AppointmentOutcome outcome =
      decide(a_wish("blood", "2026-01-05", "10:30"), {busy(hours(2), minutes(30))});

  EXPECT_TRUE(std::holds_alternative<BookedAppointment>(outcome));
}

TEST(AppointmentTest, HasAsManyPlacesAsStaff) {
  Business clinic = a_clinic();
  clinic.staff = {{"A", ""}, {"B", ""}};
  std::vector<Booking> taken = {busy(hours(2), minutes(30))};
  const AppointmentRequest wish = a_wish("blood", "2026-01-05", "10:00");

  EXPECT_TRUE(std::holds_alternative<BookedAppointment>(
      decide_appointment(clinic, TimeZone(), taken, wish, kNow)));
  taken.push_back(taken.front());
  EXPECT_TRUE(std::holds_alternative<Alternatives>(
      decide_appointment(clinic, TimeZone(), taken, wish, kNow)));
}

Business a_practice() {
  Business practice = a_clinic();
  practice.services = {{"Heart Check", "Cardiology", {9000}, minutes(30), "", {}, hours(0)},
                       {"Consultation", "General", {5000}, minutes(30), "", {}, hours(0)}};
  practice.staff = {{"Dr. Chen", "Cardiology"}, {"Dr. Ng", "General"}, {"Dr. Rao", "General"}};
  return practice;
}

BookedAppointment booked_at(const std::vector<Booking>& taken, std::string service) {
  return std::get<BookedAppointment>(decide_appointment(
      a_practice(), TimeZone(), taken, a_wish(std::move(service), "2026-01-05", "10:00"), kNow));
}

TEST(AppointmentTest, GivesTheAppointmentToSomebodyWhoseSpecialtyFits) {
  EXPECT_EQ(booked_at({}, "heart check").booking.staff, "Dr. Chen");
  EXPECT_EQ(booked_at({}, "consultation").booking.staff, "Dr. Ng");
}

TEST(AppointmentTest, SharesTheDayAmongThoseWhoCanServe) {
  Booking morning = busy(hours(1), minutes(30));
  morning.staff = "Dr. Ng";

  EXPECT_EQ(booked_at({morning}, "consultation").booking.staff, "Dr. Rao");
}

TEST(AppointmentTest, IsTakenWhenEverybodyWhoCanServeIsBusy) {
  Booking heart = busy(hours(2), minutes(30));
  heart.staff = "Dr. Chen";

  const AppointmentOutcome outcome = decide_appointment(
      a_practice(), TimeZone(), {heart}, a_wish("heart check", "2026-01-05", "10:15"), kNow);

  EXPECT_TRUE(std::holds_alternative<Alternatives>(outcome));
  EXPECT_EQ(booked_at({heart}, "consultation").booking.staff, "Dr. Ng");
}

TEST(AppointmentTest, CountsTheAppointmentsOfSomebodyWhoLeft) {
  Booking left = busy(hours(2), minutes(30));
  left.staff = "Dr. Gone";

  const AppointmentOutcome outcome = decide_appointment(
      a_practice(), TimeZone(), {left}, a_wish("heart check", "2026-01-05", "10:00"), kNow);

  EXPECT_TRUE(std::holds_alternative<Alternatives>(outcome));
}

TEST(AppointmentTest, HoldsTheOpeningHours) {
  for (const char* time : {"08:45", "16:45", "20:00"}) {
    const AppointmentOutcome outcome = decide(a_wish("blood", "2026-01-06", time));

    ASSERT_TRUE(std::holds_alternative<Alternatives>(outcome)) << time;
    EXPECT_EQ(std::get<Alternatives>(outcome).cause, Alternatives::Cause::kClosed);
    EXPECT_THAT(std::get<Alternatives>(outcome).local_starts, SizeIs(3));
  }
}

TEST(AppointmentTest, IsClosedOnADayWithoutHours) {
  const AppointmentOutcome outcome = decide(a_wish("blood", "2026-01-10", "10:00"));

  EXPECT_EQ(std::get<Alternatives>(outcome).cause, Alternatives::Cause::kClosed);
  EXPECT_THAT(std::get<Alternatives>(outcome).local_starts[0], HasSubstr("2026-01-09"));
}

TEST(AppointmentTest, HoldsTheLeadTime) {
  const AppointmentOutcome outcome = decide(a_wish("root canal", "2026-01-05", "10:00"));

  const auto& other = std::get<Alternatives>(outcome);
  EXPECT_EQ(other.cause, Alternatives::Cause::kTooSoon);
  EXPECT_THAT(other.message, HasSubstr("24 hours"));
  EXPECT_EQ(other.local_starts[0], "2026-01-06 09:00");
}

TEST(AppointmentTest, NeverBooksThePast) {
  const AppointmentOutcome outcome = decide(a_wish("blood", "2026-01-02", "10:00"));

  EXPECT_EQ(std::get<Alternatives>(outcome).cause, Alternatives::Cause::kTooSoon);
}

TEST(AppointmentTest, RefusesAnUnknownService) {
  const AppointmentOutcome outcome = decide(a_wish("haircut", "2026-01-06", "10:00"));

  EXPECT_THAT(std::get<Refusal>(outcome).message, HasSubstr("haircut"));
}

TEST(AppointmentTest, RefusesWhatLiesTooFarAhead) {
  EXPECT_TRUE(std::holds_alternative<Refusal>(decide(a_wish("blood", "2027-06-01", "10:00"))));
}

TEST(BuiltinBackendTest, NeverGivesOneTimeToTwoCallers) {
  const FixedWallClock clock(kNow);
  SeededRandom random(1);
  BuiltinBackend backend(a_clinic(), TimeZone(), {}, clock, random);
  const AppointmentRequest wish = a_wish("blood", "2026-01-06", "10:00");
  std::vector<AppointmentOutcome> outcomes;
  const auto keep = [&outcomes](const Result<AppointmentOutcome>& outcome) {
    outcomes.push_back(*outcome);
  };

  backend.book_appointment(wish, keep);
  backend.book_appointment(wish, keep);

  ASSERT_THAT(outcomes, SizeIs(2));
  EXPECT_TRUE(std::holds_alternative<BookedAppointment>(outcomes[0]));
  EXPECT_TRUE(std::holds_alternative<Alternatives>(outcomes[1]));
}

TEST(BuiltinBackendTest, ForgetsWhatTheStoreDoesNotHold) {
  const FixedWallClock clock(kNow);
  SeededRandom random(1);
  BuiltinBackend backend(a_clinic(), TimeZone(), {}, clock, random);
  const AppointmentRequest wish = a_wish("blood", "2026-01-06", "10:00");
  bool booked = false;
  const auto look = [&booked](const Result<AppointmentOutcome>& outcome) {
    booked = std::holds_alternative<BookedAppointment>(*outcome);
  };
  backend.book_appointment(wish, look);

  backend.restore({});
  booked = false;
  backend.book_appointment(wish, look);

  EXPECT_TRUE(booked);
}

TEST(BuiltinBackendTest, GivesEveryOrderAnIdOfItsOwn) {
  const FixedWallClock clock(kNow);
  SeededRandom random(1);
  Business business;
  business.menu = {{"Water", "", {199}, minutes(1), "", {}}};
  BuiltinBackend backend(business, TimeZone(), {}, clock, random);
  std::vector<std::string> ids;
  for (int i = 0; i < 2; ++i) {
    backend.place_order({"Ann", "", {{"water", 1, ""}}, OrderType::kTakeaway, ""},
                        [&ids](const Result<OrderOutcome>& outcome) {
                          ids.push_back(std::get<PlacedOrder>(*outcome).order_id);
                        });
  }

  EXPECT_THAT(ids[0], testing::StartsWith("order-"));
  EXPECT_NE(ids[0], ids[1]);
}

}  // namespace
}  // namespace voicectl::runtime
