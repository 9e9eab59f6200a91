// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/stored_values.h"

#include <fmt/core.h>

#include <charconv>

namespace voicectl::runtime {

std::string_view name_of(BusinessRecord::Kind kind) {
  switch (kind) {
    case BusinessRecord::Kind::kOrder:
      return "order";
    case BusinessRecord::Kind::kAppointment:
      return "appointment";
    case BusinessRecord::Kind::kTicket:
      return "ticket";
  }
  return "ticket";
}

std::optional<BusinessRecord::Kind> record_kind_named(std::string_view text) {
  for (const auto kind : {BusinessRecord::Kind::kOrder, BusinessRecord::Kind::kAppointment,
                          BusinessRecord::Kind::kTicket}) {
    if (name_of(kind) == text) {
      return kind;
    }
  }
  return std::nullopt;
}

std::string page_cursor(const PagePlace& place) {
  const auto at =
      std::chrono::duration_cast<std::chrono::milliseconds>(place.at.time_since_epoch());
  return fmt::format("{}.{}", at.count(), place.id);
}

std::optional<PagePlace> parse_page_cursor(const std::string& cursor) {
  const std::size_t point = cursor.find('.');
  std::int64_t at = 0;
  const auto [end, problem] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), at);
  if (problem != std::errc() || point == std::string::npos || end != cursor.data() + point) {
    return std::nullopt;
  }
  return PagePlace{WallTime(std::chrono::milliseconds(at)), cursor.substr(point + 1)};
}

Error bad_page_cursor(std::string_view list) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("cannot list {}: 'after' must be the 'next' of an earlier answer", list)};
}

std::string record_cursor(const KeptRecord& kept) {
  return page_cursor(PagePlace{kept.at, kept.record.id});
}

std::string_view name_of(OutboxEntry::State state) {
  switch (state) {
    case OutboxEntry::State::kPending:
      return "pending";
    case OutboxEntry::State::kDead:
      return "dead";
  }
  return "dead";
}

WallTime month_start(WallTime now) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(now));
  return WallTime(std::chrono::sys_days(date.year() / date.month() / std::chrono::day(1)));
}

WallTime month_end(WallTime now) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(now));
  const auto next = date.year() / date.month() + std::chrono::months(1);
  return WallTime(std::chrono::sys_days(next / std::chrono::day(1)));
}

std::string_view request_identity(std::string_view request_key) {
  return request_key.substr(0, request_key.find('\n'));
}

}  // namespace voicectl::runtime
