// SPDX-License-Identifier: Apache-2.0
#include "base/ids.h"

#include <fmt/core.h>

#include <algorithm>

namespace voicectl {
namespace {

constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxHostName = 253;

bool is_lower_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/// Text for a message: cut, and with everything unprintable replaced.
std::string shown(std::string_view text) {
  std::string out(text.substr(0, 80));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return text.size() > 80 ? out + "..." : out;
}

Error refuse(std::string_view text, std::string_view what, std::string_view why) {
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot use '{}' as a {}: {}", shown(text), what, why));
}

}  // namespace

Status check_label(std::string_view text, std::string_view what) {
  if (text.empty() || text.size() > kMaxLabel) {
    return refuse(text, what, "it must have 1 to 63 characters");
  }
  if (!std::all_of(text.begin(), text.end(),
                   [](char c) { return is_lower_alnum(c) || c == '-'; })) {
    return refuse(text, what, "only lower-case letters, digits and '-' are allowed");
  }
  if (text.front() == '-' || text.back() == '-') {
    return refuse(text, what, "it must start and end with a letter or a digit");
  }
  if (text.size() >= 4 && text.substr(2, 2) == "--") {
    return refuse(text, what, "'--' in the third and fourth place is reserved for IDNA");
  }
  return ok_status();
}

Status check_host_name(std::string_view text, std::string_view what) {
  if (text.size() > kMaxHostName) {
    return refuse(text, what, "it must have at most 253 characters");
  }
  if (text.find('.') == std::string_view::npos) {
    return refuse(text, what, "it needs at least two labels, such as 'orders.example.com'");
  }
  std::string_view rest = text;
  while (true) {
    const std::size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    // A registered international name is legal in a host name, so only slugs refuse "xn--".
    if (!label.starts_with("xn--") || label.size() > kMaxLabel) {
      if (check_label(label, what).has_error()) {
        return refuse(text, what, "each label takes 1 to 63 of a-z, 0-9 and inner '-'");
      }
    } else if (!std::all_of(label.begin(), label.end(),
                            [](char c) { return is_lower_alnum(c) || c == '-'; }) ||
               label.back() == '-') {
      return refuse(text, what, "each label takes 1 to 63 of a-z, 0-9 and inner '-'");
    }
    if (dot == std::string_view::npos) {
      return ok_status();
    }
    rest.remove_prefix(dot + 1);
  }
}

Status SessionTag::check(std::string_view text) {
  constexpr std::size_t kMinRandom = 16;
  constexpr std::size_t kMaxRandom = 64;
  const std::size_t bar = text.find('_');
  const std::string_view random = bar == std::string_view::npos ? "" : text.substr(bar + 1);
  if (bar == std::string_view::npos || check_label(text.substr(0, bar), "").has_error() ||
      random.size() < kMinRandom || random.size() > kMaxRandom ||
      !std::all_of(random.begin(), random.end(), is_lower_alnum)) {
    return refuse(text, "session name", "it has the form <tenant>_<16 to 64 of a-z and 0-9>");
  }
  return ok_status();
}

}  // namespace voicectl
