// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/erpnext/erpnext_text.h"

#include <fmt/core.h>

#include <array>
#include <cctype>
#include <utility>

#include "runtime/backend/builtin/appointment.h"

namespace voicectl::runtime {
namespace {

/// Longest sentence that an agent is given to speak.
constexpr std::size_t kMaxWords = 300;

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kEntities = {{
    {"&amp;", "&"},
    {"&lt;", "<"},
    {"&gt;", ">"},
    {"&quot;", "\""},
    {"&#39;", "'"},
    {"&#x27;", "'"},
    {"&nbsp;", " "},
}};

bool begins_element(std::string_view html, std::string_view name) {
  if (html.size() < name.size() + 2 || html[0] != '<') {
    return false;
  }
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (std::tolower(static_cast<unsigned char>(html[i + 1])) != name[i]) {
      return false;
    }
  }
  return std::isalpha(static_cast<unsigned char>(html[name.size() + 1])) == 0;
}

/// Where `</name` stands; npos if nowhere.
std::size_t end_of_element(std::string_view html, std::string_view name) {
  for (std::size_t at = html.find("</"); at != std::string_view::npos;
       at = html.find("</", at + 1)) {
    if (begins_element("<" + std::string(html.substr(at + 2, name.size() + 1)), name)) {
      return at;
    }
  }
  return std::string_view::npos;
}

/// Length of the tag at the beginning of `html`, with the whole element if its content is no text.
std::size_t tag_length(std::string_view html) {
  std::size_t from = 0;
  for (const std::string_view silent : {"script", "style"}) {
    if (begins_element(html, silent)) {
      from = end_of_element(html, silent);
    }
  }
  const std::size_t end = from == std::string_view::npos ? from : html.find('>', from);
  return end == std::string_view::npos ? std::string_view::npos : end + 1;
}

/// "<" opens a tag only before a letter, a slash or "!": "less than <5" is text.
bool is_tag(std::string_view html) {
  return html.size() > 1 && html[0] == '<' &&
         (std::isalpha(static_cast<unsigned char>(html[1])) != 0 || html[1] == '/' ||
          html[1] == '!');
}

/// Tags within a sentence; others part words.
bool is_inline(std::string_view html) {
  for (const std::string_view name :
       {"b", "i", "a", "u", "em", "strong", "span", "code", "small"}) {
    if (begins_element(html, name) ||
        (html.size() > 1 && html[1] == '/' &&
         begins_element("<" + std::string(html.substr(2, 10)), name))) {
      return true;
    }
  }
  return false;
}

std::string without_tags(std::string_view html) {
  std::string text;
  while (!html.empty()) {
    if (is_tag(html)) {
      const std::size_t length = tag_length(html);
      text += is_inline(html) ? "" : " ";
      html.remove_prefix(std::min(length, html.size()));
      continue;
    }
    text += html.front();
    html.remove_prefix(1);
  }
  return text;
}

std::string without_entities(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    bool found = false;
    for (const auto& [entity, meaning] : kEntities) {
      if (text.starts_with(entity)) {
        out += meaning;
        text.remove_prefix(entity.size());
        found = true;
        break;
      }
    }
    if (!found) {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace

std::string plain_words(std::string_view html) {
  // A page is not a sentence: what is far behind its beginning is not looked at.
  const std::string text = without_entities(without_tags(html.substr(0, kMaxWords * 20)));
  std::string words;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool blank = byte <= 0x20 || byte == 0x7F;
    if (!blank) {
      words += c;
    } else if (!words.empty() && words.back() != ' ') {
      words += ' ';
    }
  }
  if (words.size() > kMaxWords) {
    const std::size_t end = words.rfind(' ', kMaxWords);
    words.resize(end == std::string::npos ? kMaxWords : end);
  }
  while (!words.empty() && words.back() == ' ') {
    words.pop_back();
  }
  return words;
}

std::string url_escaped(std::string_view text) {
  constexpr std::string_view kPlain = "-._~";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte < 0x80 && (std::isalnum(byte) != 0 || kPlain.find(c) != kPlain.npos);
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return out;
}

std::optional<LocalTime> site_time_of(std::string_view text) {
  const std::size_t gap = text.find_first_of(" T");
  if (gap == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view time = text.substr(gap + 1);
  time = time.substr(0, time.find_first_of(".+Z"));
  return parse_local_time(text.substr(0, gap), time);
}

std::string render_site_time(LocalTime at) {
  return render_local_time(at) + ":00";
}

std::string render_site_time(const TimeZone& site, WallTime at) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
  const auto within_minute = ((seconds % 60) + 60) % 60;
  return fmt::format("{}:{:02}", render_local_time(site.to_local(at)), within_minute);
}

}  // namespace voicectl::runtime
