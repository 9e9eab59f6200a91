// SPDX-License-Identifier: Apache-2.0
#include "provisioner/model/text_rules.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/ip_address.h"

namespace voicectl {
namespace {

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool consists_of(std::string_view text, std::string_view punctuation) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alnum(c) || punctuation.find(c) != std::string_view::npos;
  });
}

struct Decoded {
  std::uint32_t point = 0;
  std::size_t size = 0;  // 0: not UTF-8
};

/// RFC 3629: shortest form only, no surrogates, nothing above U+10FFFF.
Decoded decode(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) {
    return {first, 1};
  }
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) {
    return {};
  }
  std::uint32_t point = first & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) {
      return {};
    }
    point = (point << 6U) | (next & 0x3fU);
  }
  constexpr std::array<std::uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  return point < kLeast[size] || surrogate || point > 0x10ffff ? Decoded{} : Decoded{point, size};
}

bool is_printable(std::uint32_t point, Lines lines) {
  if (point == '\n' || point == '\r' || point == '\t') {
    return lines == Lines::kMany;
  }
  const bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);
  const bool separator = point == 0x2028 || point == 0x2029;
  const bool turns = (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
  return !control && !separator && !turns;
}

bool is_email(std::string_view text) {
  constexpr std::size_t kLongest = 254;
  const std::size_t at = text.find('@');
  if (at == 0 || at == std::string_view::npos || text.size() > kLongest) {
    return false;
  }
  const std::string_view domain = text.substr(at + 1);
  return consists_of(text.substr(0, at), ".!#$%&'*+/=?^_`{|}~-") && consists_of(domain, ".-") &&
         domain.find('.') != std::string_view::npos && is_alnum(domain.front()) &&
         is_alnum(domain.back());
}

bool is_phone(std::string_view text) {
  constexpr std::size_t kLongest = 32;
  return text.size() <= kLongest && consists_of(text, "+-() .#") &&
         std::any_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_time_zone(std::string_view text) {
  constexpr std::size_t kLongest = 64;
  return text.size() <= kLongest && consists_of(text, "_+-/") && text.front() != '/' &&
         text.back() != '/' && text.find("//") == std::string_view::npos &&
         (text == "UTC" || text.find('/') != std::string_view::npos);
}

bool is_language(std::string_view text) {
  constexpr std::size_t kLongest = 35;
  const std::size_t dash = text.find('-');
  const std::string_view primary = text.substr(0, dash);
  return text.size() <= kLongest && (primary.size() == 2 || primary.size() == 3) &&
         consists_of(text, "-") && text.back() != '-' &&
         std::none_of(primary.begin(), primary.end(),
                      [](char c) { return c >= '0' && c <= '9'; }) &&
         text.find("--") == std::string_view::npos;
}

bool is_below(std::string_view text) {
  return !text.empty() && !text.starts_with('/') && !text.ends_with('/') && text != ".." &&
         !text.starts_with("../") && text.find("/../") == std::string_view::npos &&
         !text.ends_with("/..");
}

/// Scheme, host, optional port and path. Credentials before an '@' are refused: documents are
/// shown, compared and kept.
bool is_url(std::string_view text, std::string_view scheme) {
  if (!text.starts_with(scheme)) {
    return false;
  }
  const std::string_view rest = text.substr(scheme.size());
  const std::string_view authority = rest.substr(0, rest.find('/'));
  return !authority.empty() && consists_of(authority, ".-:[]{}_") && authority.front() != ':' &&
         consists_of(rest, "-._~:/?#[]!&'()*+,;=%{}");
}

/// No "rediss": the runtime speaks to Redis without TLS only. A user may stand in front of the
/// host, a password may not.
bool is_redis_url(std::string_view text) {
  constexpr std::string_view kTcp = "redis://";
  constexpr std::string_view kUnix = "unix://";
  if (text.starts_with(kUnix)) {
    return text.size() > kUnix.size() + 1 && text[kUnix.size()] == '/' &&
           consists_of(text.substr(kUnix.size()), "-._/?=") &&
           text.find("..") == std::string_view::npos;
  }
  const std::size_t at = text.find('@');
  if (!text.starts_with(kTcp) || at == std::string_view::npos) {
    return is_url(text, kTcp);
  }
  const std::string_view user = text.substr(kTcp.size(), at - kTcp.size());
  return !user.empty() && consists_of(user, "-._") &&
         is_url(std::string(kTcp) + std::string(text.substr(at + 1)), kTcp);
}

/// As browsers write it: in lower case, with no path, and a port only where it is not the scheme's.
bool is_origin(std::string_view text) {
  const bool is_secure = text.starts_with("https://");
  if (!is_secure && !text.starts_with("http://")) {
    return false;
  }
  const std::string_view rest = text.substr(is_secure ? 8 : 7);
  const std::size_t colon = rest.find(':');
  const std::string_view host = rest.substr(0, colon);
  const bool is_host =
      !host.empty() && consists_of(host, ".-") && is_alnum(host.front()) && is_alnum(host.back()) &&
      std::none_of(host.begin(), host.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (colon == std::string_view::npos) {
    return is_host;
  }
  const std::string_view port = rest.substr(colon + 1);
  constexpr std::size_t kLongestPort = 5;
  return is_host && !port.empty() && port.size() <= kLongestPort && port.front() != '0' &&
         port.find_first_not_of("0123456789") == std::string_view::npos &&
         port != (is_secure ? "443" : "80");
}

}  // namespace

std::optional<std::size_t> find_unprintable(std::string_view text, Lines lines) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Decoded next = decode(text.substr(at));
    if (next.size == 0 || !is_printable(next.point, lines)) {
      return at;
    }
    at += next.size;
  }
  return std::nullopt;
}

std::string_view allowed_by(TextForm form) {
  switch (form) {
    case TextForm::kFree:
      return "text on one line";
    case TextForm::kEmail:
      return "an address such as 'owner@example.com'";
    case TextForm::kPhone:
      return "a number such as '+1-555-0100'";
    case TextForm::kTimeZone:
      return "an IANA name such as 'Europe/Vienna', or 'UTC'";
    case TextForm::kLanguage:
      return "a language tag such as 'en' or 'de-AT'";
    case TextForm::kAbsolutePath:
      return "an absolute path without '..'";
    case TextForm::kRelativePath:
      return "a path relative to this file, without '..'";
    case TextForm::kFilePath:
      return "the path of a file, absolute or relative to this document";
    case TextForm::kHttpUrl:
      return "an address such as 'https://example.com/path', without credentials";
    case TextForm::kOrigin:
      return "an origin such as 'https://shop.example.com', in lower case, without a path and "
             "without the scheme's own port";
    case TextForm::kRedisUrl:
      return "an address such as 'redis://user@127.0.0.1:6379/0' or 'unix:///run/redis.sock', "
             "without credentials and without TLS";
    case TextForm::kIpAddress:
      return "an IPv4 or IPv6 address such as '0.0.0.0' or '::1'";
    case TextForm::kNetwork:
      return "a network such as '10.0.0.0/8' or 'fd00::/8', or one address";
    case TextForm::kSiteName:
      return "the name of a site such as 'mario.erp.example.com'";
  }
  return "";
}

bool has_form(std::string_view text, TextForm form) {
  switch (form) {
    case TextForm::kFree:
      return true;
    case TextForm::kEmail:
      return is_email(text);
    case TextForm::kPhone:
      return is_phone(text);
    case TextForm::kTimeZone:
      return is_time_zone(text);
    case TextForm::kLanguage:
      return is_language(text);
    case TextForm::kAbsolutePath:
      return text.starts_with('/') && is_below(text.substr(1));
    case TextForm::kRelativePath:
      return is_below(text);
    case TextForm::kFilePath:
      return !text.ends_with('/');
    case TextForm::kHttpUrl:
      return is_url(text, "https://") || is_url(text, "http://");
    case TextForm::kOrigin:
      return is_origin(text);
    case TextForm::kRedisUrl:
      return is_redis_url(text);
    case TextForm::kIpAddress:
      return IpAddress::parse(text).has_value();
    case TextForm::kNetwork:
      return IpNetwork::parse(text).has_value();
    case TextForm::kSiteName:
      return is_alnum(text.front()) && consists_of(text, "-._");
  }
  return false;
}

}  // namespace voicectl
