// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/builtin/appointment.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iterator>

#include "runtime/backend/builtin/spoken_match.h"
#include "runtime/backend/builtin/staff.h"

namespace voicectl::runtime {
namespace {

using std::chrono::days;
using std::chrono::minutes;

/// How far ahead a time can be booked.
constexpr days kHorizon{365};
/// Days on each side of the wanted one in which alternatives are looked for.
constexpr days kSearch{7};
/// Grid on which alternatives are offered.
constexpr minutes kGrid{15};
constexpr std::size_t kMaxAlternatives = 3;

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool digits = !text.empty() && std::isdigit(static_cast<unsigned char>(text[0])) != 0;
  if (!digits || problem != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::chrono::local_days> parse_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') {
    return std::nullopt;
  }
  const auto year = number(text.substr(0, 4));
  const auto month = number(text.substr(5, 2));
  const auto day = number(text.substr(8, 2));
  if (!year || !month || !day) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  return date.ok() ? std::optional(std::chrono::local_days(date)) : std::nullopt;
}

enum class HalfOfDay { kNone, kMorning, kAfternoon };

/// Takes "am" or "pm" from the end of a text that has letters and digits only.
HalfOfDay take_half(std::string& text) {
  if (text.size() < 3 || text.back() != 'm') {
    return HalfOfDay::kNone;
  }
  const char which = text[text.size() - 2];
  if (which != 'a' && which != 'p') {
    return HalfOfDay::kNone;
  }
  text.resize(text.size() - 2);
  return which == 'a' ? HalfOfDay::kMorning : HalfOfDay::kAfternoon;
}

std::optional<minutes> parse_clock(std::string_view raw) {
  std::string text;
  for (const char c : raw) {
    if (c != ' ' && c != '.') {
      text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  const HalfOfDay half = take_half(text);
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos && half == HalfOfDay::kNone) {
    return std::nullopt;
  }
  auto hour = number(std::string_view(text).substr(0, colon));
  const auto minute = colon == std::string::npos
                          ? std::optional(0)
                          : number(std::string_view(text).substr(colon + 1, 2));
  const bool seconds_ok = colon == std::string::npos || text.size() == colon + 3 ||
                          (text.size() == colon + 6 && text[colon + 3] == ':');
  if (!hour || !minute || !seconds_ok || *minute > 59) {
    return std::nullopt;
  }
  if (half != HalfOfDay::kNone) {
    if (*hour < 1 || *hour > 12) {
      return std::nullopt;
    }
    *hour = *hour % 12 + (half == HalfOfDay::kAfternoon ? 12 : 0);
  }
  return *hour <= 23 ? std::optional(minutes(*hour * 60 + *minute)) : std::nullopt;
}

/// Everything that tells whether a time can be had.
class Calendar {
 public:
  Calendar(const Business& business,
           const TimeZone& zone,
           const std::vector<Booking>& bookings,
           const ServiceItem& service,
           WallTime now)
      : business_(business),
        zone_(zone),
        bookings_(bookings),
        service_(service),
        staff_(staff_for(business, service.name + " " + service.category)),
        now_(now) {
    if (staff_.empty()) {
      std::transform(business.staff.begin(), business.staff.end(), std::back_inserter(staff_),
                     [](const StaffMember& member) { return &member; });
    }
  }

  std::optional<Alternatives::Cause> obstacle(LocalTime start) const {
    const WallTime at = zone_.to_utc(start);
    // A time that the clock skips in spring does not exist.
    if (!is_open(start) || zone_.to_local(at) != start) {
      return Alternatives::Cause::kClosed;
    }
    if (at <= now_ || at < now_ + service_.booking_lead_time) {
      return Alternatives::Cause::kTooSoon;
    }
    return has_room(at, at + service_.duration) ? std::nullopt
                                                : std::optional(Alternatives::Cause::kTaken);
  }

  /// Who serves an appointment at that time: of those who are free, who has least to do that day.
  /// Empty if the business names nobody.
  std::string server(WallTime start) const {
    const StaffMember* chosen = nullptr;
    std::size_t least = 0;
    const auto day = std::chrono::floor<days>(zone_.to_local(start));
    for (const StaffMember* member : free_staff(start, start + service_.duration)) {
      const std::size_t bookings = bookings_on(day, *member);
      if (chosen == nullptr || bookings < least) {
        chosen = member;
        least = bookings;
      }
    }
    return chosen == nullptr ? "" : chosen->name;
  }

  std::vector<std::string> nearest(LocalTime wanted) const {
    std::vector<LocalTime> free;
    const auto today = std::chrono::floor<days>(zone_.to_local(now_));
    // A wish that is too soon is answered with the first times after the lead time.
    const auto middle = std::max(std::chrono::floor<days>(wanted), today);
    for (auto day = middle - kSearch; day <= middle + kSearch + lead_days(); day += days(1)) {
      collect_free(day, free);
    }
    std::stable_sort(free.begin(), free.end(), [wanted](LocalTime a, LocalTime b) {
      return std::chrono::abs(a - wanted) < std::chrono::abs(b - wanted);
    });
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < free.size() && i < kMaxAlternatives; ++i) {
      texts.push_back(render_local_time(free[i]));
    }
    return texts;
  }

 private:
  days lead_days() const { return std::chrono::ceil<days>(service_.booking_lead_time); }

  const std::vector<OpeningSpan>& spans_of(std::chrono::local_days day) const {
    return business_.opening_hours[std::chrono::weekday(day).c_encoding()];
  }

  bool is_open(LocalTime start) const {
    const auto day = std::chrono::floor<days>(start);
    const minutes from = start - day;
    const auto& spans = spans_of(day);
    return std::any_of(spans.begin(), spans.end(), [&](const OpeningSpan& span) {
      return minutes(span.open) <= from && from + service_.duration <= minutes(span.close);
    });
  }

  bool has_room(WallTime start, WallTime end) const {
    const std::size_t places = business_.staff.empty() ? 1 : free_staff(start, end).size();
    return unassigned_at_once(start, end) < places;
  }

  std::vector<const StaffMember*> free_staff(WallTime start, WallTime end) const {
    std::vector<const StaffMember*> free;
    std::copy_if(
        staff_.begin(), staff_.end(), std::back_inserter(free), [&](const StaffMember* member) {
          return std::none_of(bookings_.begin(), bookings_.end(), [&](const Booking& booking) {
            return booking.staff == member->name && booking.start < end && start < booking.end;
          });
        });
    return free;
  }

  std::size_t bookings_on(std::chrono::local_days day, const StaffMember& member) const {
    return static_cast<std::size_t>(
        std::count_if(bookings_.begin(), bookings_.end(), [&](const Booking& booking) {
          return booking.staff == member.name &&
                 std::chrono::floor<days>(zone_.to_local(booking.start)) == day;
        }));
  }

  /// Most bookings within [start, end) that run at the same moment and are nobody's in particular:
  /// each of them takes somebody, whoever it is.
  std::size_t unassigned_at_once(WallTime start, WallTime end) const {
    const auto running_at = [this](WallTime at) {
      return static_cast<std::size_t>(
          std::count_if(bookings_.begin(), bookings_.end(), [&](const Booking& booking) {
            return !is_on_staff(booking.staff) && booking.start <= at && at < booking.end;
          }));
    };
    std::size_t most = running_at(start);
    for (const Booking& booking : bookings_) {
      if (start < booking.start && booking.start < end) {
        most = std::max(most, running_at(booking.start));
      }
    }
    return most;
  }

  /// Somebody who left keeps the appointments until they are given to others.
  bool is_on_staff(const std::string& name) const {
    return std::any_of(business_.staff.begin(), business_.staff.end(),
                       [&name](const StaffMember& member) { return member.name == name; });
  }

  void collect_free(std::chrono::local_days day, std::vector<LocalTime>& free) const {
    for (const OpeningSpan& span : spans_of(day)) {
      for (minutes at(span.open); at + service_.duration <= minutes(span.close); at += kGrid) {
        if (!obstacle(day + at)) {
          free.push_back(day + at);
        }
      }
    }
  }

  const Business& business_;
  const TimeZone& zone_;
  const std::vector<Booking>& bookings_;
  const ServiceItem& service_;
  /// Who can serve it.
  std::vector<const StaffMember*> staff_;
  WallTime now_;
};

std::string words_for(Alternatives::Cause cause, const ServiceItem& service) {
  switch (cause) {
    case Alternatives::Cause::kTaken:
      return "I'm sorry, that time is already taken.";
    case Alternatives::Cause::kClosed:
      return "I'm sorry, we are not open at that time.";
    case Alternatives::Cause::kTooSoon:
      return fmt::format("I'm sorry, {} has to be booked at least {} hours ahead.", service.name,
                         std::max<std::int64_t>(1, service.booking_lead_time.count()));
  }
  return {};
}

Alternatives make_alternatives(const Calendar& calendar,
                               const ServiceItem& service,
                               LocalTime wanted,
                               Alternatives::Cause cause) {
  Alternatives out{cause, service.name, calendar.nearest(wanted), words_for(cause, service)};
  out.message += out.local_starts.empty()
                     ? " I found no free time close to it."
                     : fmt::format(" I could offer {}.", join_choices(out.local_starts));
  return out;
}

Refusal unknown_service(const std::string& wanted, const std::vector<std::string>& close_names) {
  if (close_names.empty()) {
    return {fmt::format("I'm sorry, we do not offer {}.", wanted)};
  }
  return {fmt::format("I'm sorry, I could not find {} among our services. Did you mean {}?", wanted,
                      join_choices(close_names))};
}

}  // namespace

std::optional<LocalTime> parse_local_time(std::string_view date, std::string_view time) {
  const auto day = parse_date(date);
  const auto clock = parse_clock(time);
  return day && clock ? std::optional<LocalTime>(*day + *clock) : std::nullopt;
}

std::string render_local_time(LocalTime at) {
  const auto day = std::chrono::floor<days>(at);
  const std::chrono::year_month_day date(day);
  const minutes clock = at - day;
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.count() / 60, clock.count() % 60);
}

AppointmentOutcome decide_appointment(const Business& business,
                                      const TimeZone& zone,
                                      const std::vector<Booking>& bookings,
                                      const AppointmentRequest& request,
                                      WallTime now) {
  std::vector<Sayable> things;
  for (const ServiceItem& service : business.services) {
    things.push_back({service.name, service.voice_keywords});
  }
  const SpokenMatch match = match_spoken(request.service_type, things);
  if (!match.index) {
    return unknown_service(request.service_type, match.close_names);
  }
  const auto wanted = parse_local_time(request.date, request.time);
  if (!wanted) {
    return Refusal{"Which day and time would suit you? I did not understand the date or the time."};
  }
  if (*wanted > zone.to_local(now) + kHorizon) {
    return Refusal{"I'm sorry, I can only book appointments within the next year."};
  }
  const ServiceItem& service = business.services[*match.index];
  const Calendar calendar(business, zone, bookings, service, now);
  if (const auto cause = calendar.obstacle(*wanted)) {
    return make_alternatives(calendar, service, *wanted, *cause);
  }
  const WallTime start = zone.to_utc(*wanted);
  return BookedAppointment{{"", start, start + service.duration, calendar.server(start)},
                           service.name,
                           service.price,
                           render_local_time(*wanted)};
}

}  // namespace voicectl::runtime
