// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/stored_values.h"

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
