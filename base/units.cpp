// SPDX-License-Identifier: Apache-2.0
#include "base/units.h"

#include <fmt/core.h>

#include <array>
#include <charconv>

namespace voicectl {
namespace {

struct Multiple {
  std::string_view suffix;
  std::uint64_t factor;
};

constexpr std::array kMultiples = {
    Multiple{"KiB", 1ULL << 10}, Multiple{"MiB", 1ULL << 20}, Multiple{"GiB", 1ULL << 30},
    Multiple{"kB", 1000},        Multiple{"KB", 1000},        Multiple{"MB", 1000 * 1000},
    Multiple{"GB", 1000ULL * 1000 * 1000},                    Multiple{"B", 1},
    Multiple{"", 1},
};

template <typename Number>
bool parse_number(std::string_view text, Number& out) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  return problem == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

Result<Port> Port::make(std::int64_t number) {
  if (number < 1 || number > 65535) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot use {} as a port: allowed are 1 to 65535", number));
  }
  return Port(static_cast<std::uint16_t>(number));
}

Result<PortRange> PortRange::make(Port first, Port last) {
  if (last < first) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot use port range {}-{}: the first is above the last",
                             first.value(), last.value()));
  }
  return PortRange(first, last);
}

Result<PortRange> PortRange::parse(std::string_view text) {
  const std::size_t dash = text.find('-');
  std::int64_t first = 0;
  std::int64_t last = 0;
  if (dash == std::string_view::npos || !parse_number(text.substr(0, dash), first) ||
      !parse_number(text.substr(dash + 1), last)) {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot read '{}' as a port range: write '21000-21999'", text));
  }
  VC_TRY(const Port low, Port::make(first));
  VC_TRY(const Port high, Port::make(last));
  return make(low, high);
}

Result<Bytes> Bytes::parse(std::string_view text) {
  for (const Multiple& multiple : kMultiples) {
    if (!text.ends_with(multiple.suffix)) {
      continue;
    }
    std::uint64_t number = 0;
    if (parse_number(text.substr(0, text.size() - multiple.suffix.size()), number) &&
        number <= UINT64_MAX / multiple.factor) {
      return Bytes{number * multiple.factor};
    }
    break;
  }
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot read '{}' as a size: write '64KiB', '10MB' or '512'", text));
}

std::string Bytes::str() const {
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB"};
  if (count < 1024) {
    return fmt::format("{} B", count);
  }
  double number = static_cast<double>(count);
  std::size_t unit = 0;
  for (number /= 1024; number >= 1024 && unit + 1 < kUnits.size(); number /= 1024) {
    ++unit;
  }
  return fmt::format("{:.1f} {}", number, kUnits.at(unit));
}

}  // namespace voicectl
