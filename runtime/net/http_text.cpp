// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/http_text.h"

#include <algorithm>
#include <array>
#include <vector>

namespace voicectl {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_token_char(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kMarks.find(c) != std::string_view::npos;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7F;
}

/// The items of a comma-separated list; an empty one is an item too.
std::vector<std::string_view> list_items(std::string_view text) {
  std::vector<std::string_view> items;
  for (std::size_t comma = text.find(','); comma != std::string_view::npos;
       comma = text.find(',')) {
    items.push_back(trim_blanks(text.substr(0, comma)));
    text.remove_prefix(comma + 1);
  }
  items.push_back(trim_blanks(text));
  return items;
}

bool frames_the_message(std::string_view name) {
  return equals_ignoring_case(name, "Content-Length") || equals_ignoring_case(name, "Connection") ||
         equals_ignoring_case(name, "Transfer-Encoding");
}

bool has_line_break(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

bool has_no_body(int status) {
  return status < 200 || status == 204 || status == 304;
}

struct Phrase {
  int status;
  std::string_view text;
};
constexpr std::array kPhrases = {
    Phrase{101, "Switching Protocols"},
    Phrase{200, "OK"},
    Phrase{201, "Created"},
    Phrase{202, "Accepted"},
    Phrase{204, "No Content"},
    Phrase{301, "Moved Permanently"},
    Phrase{302, "Found"},
    Phrase{303, "See Other"},
    Phrase{304, "Not Modified"},
    Phrase{307, "Temporary Redirect"},
    Phrase{308, "Permanent Redirect"},
    Phrase{400, "Bad Request"},
    Phrase{401, "Unauthorized"},
    Phrase{402, "Payment Required"},
    Phrase{403, "Forbidden"},
    Phrase{404, "Not Found"},
    Phrase{405, "Method Not Allowed"},
    Phrase{406, "Not Acceptable"},
    Phrase{408, "Request Timeout"},
    Phrase{409, "Conflict"},
    Phrase{410, "Gone"},
    Phrase{411, "Length Required"},
    Phrase{412, "Precondition Failed"},
    Phrase{413, "Content Too Large"},
    Phrase{415, "Unsupported Media Type"},
    Phrase{417, "Expectation Failed"},
    Phrase{421, "Misdirected Request"},
    Phrase{422, "Unprocessable Content"},
    Phrase{425, "Too Early"},
    Phrase{426, "Upgrade Required"},
    Phrase{429, "Too Many Requests"},
    Phrase{431, "Request Header Fields Too Large"},
    Phrase{500, "Internal Server Error"},
    Phrase{501, "Not Implemented"},
    Phrase{502, "Bad Gateway"},
    Phrase{503, "Service Unavailable"},
    Phrase{504, "Gateway Timeout"},
    Phrase{505, "HTTP Version Not Supported"},
};

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

std::string_view trim_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<std::pair<std::string_view, std::string_view>> parse_header_line(
    std::string_view line) {
  const std::size_t colon = line.find(':');
  // A blank before the colon is no token character: readers that trim it and readers that do not
  // would see two different headers.
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return std::nullopt;
  }
  const std::string_view value = trim_blanks(line.substr(colon + 1));
  if (std::any_of(value.begin(), value.end(), is_control)) {
    return std::nullopt;
  }
  return std::pair(line.substr(0, colon), value);
}

bool is_token_list(const HttpHeaders& headers, std::string_view name) {
  return std::all_of(headers.begin(), headers.end(), [&](const auto& header) {
    if (!equals_ignoring_case(header.first, name)) {
      return true;
    }
    const std::vector<std::string_view> items = list_items(header.second);
    return std::all_of(items.begin(), items.end(), is_token);
  });
}

bool lists_token(const HttpHeaders& headers, std::string_view name, std::string_view token) {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& header) {
    if (!equals_ignoring_case(header.first, name)) {
      return false;
    }
    const std::vector<std::string_view> items = list_items(header.second);
    return std::any_of(items.begin(), items.end(),
                       [&](std::string_view item) { return equals_ignoring_case(item, token); });
  });
}

std::string render_head(const HttpResponse& response, BodyFraming framing, AfterAnswer after) {
  std::string head;
  head.reserve(192 + response.body.size());
  head += "HTTP/1.1 " + std::to_string(response.status) + " ";
  head += reason_phrase(response.status);
  head += "\r\n";
  for (const auto& [name, value] : response.headers) {
    if (frames_the_message(name) || !is_token(name) || has_line_break(value)) {
      continue;
    }
    head.append(name).append(": ").append(value).append("\r\n");
  }
  if (framing == BodyFraming::kLength && !has_no_body(response.status)) {
    head += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  } else if (framing == BodyFraming::kChunked) {
    head += "Transfer-Encoding: chunked\r\n";
  }
  head += after == AfterAnswer::kKeepAlive ? "Connection: keep-alive\r\n\r\n"
                                           : "Connection: close\r\n\r\n";
  return head;
}

std::string_view reason_phrase(int status) {
  for (const Phrase& phrase : kPhrases) {
    if (phrase.status == status) {
      return phrase.text;
    }
  }
  return {};
}

}  // namespace voicectl
