// SPDX-License-Identifier: Apache-2.0
#include "base/json_text.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/usual_json.h"

namespace voicectl {
namespace {

/// What stands behind the backslash for a byte; or that it stands for itself, or that it is a
/// control character without a letter, or no ASCII.
constexpr char kPlain = 0;
constexpr char kRare = 1;

constexpr std::array<char, 256> kEscapes = [] {
  std::array<char, 256> escapes{};
  for (std::size_t byte = 0; byte < escapes.size(); ++byte) {
    escapes[byte] = byte >= 0x20 && byte < 0x80 ? kPlain : kRare;
  }
  constexpr std::string_view kEscaped = "\"\\\b\f\n\r\t";
  constexpr std::string_view kLetters = "\"\\bfnrt";
  for (std::size_t i = 0; i < kEscaped.size(); ++i) {
    escapes[static_cast<unsigned char>(kEscaped[i])] = kLetters[i];
  }
  return escapes;
}();

/// Bytes that a word of text is looked at in at once.
constexpr std::size_t kStride = sizeof(std::uint64_t);
static_assert(std::endian::native == std::endian::little, "the first byte of a word is its lowest");

/// How many bytes of the eight stand for themselves before the first that does not.
std::size_t count_plain(std::uint64_t word) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  constexpr std::uint64_t kHigh = kEach * 0x80;
  // The highest bit of a byte stands in the difference if the byte was zero before; behind the
  // first such byte it may also stand for others.
  const auto has_zero = [](std::uint64_t bytes) { return (bytes - kEach) & ~bytes; };
  const std::uint64_t below_blank = (word - kEach * 0x20) & ~word;
  const std::uint64_t quote = has_zero(word ^ (kEach * '"'));
  const std::uint64_t backslash = has_zero(word ^ (kEach * '\\'));
  const std::uint64_t marks = (word | below_blank | quote | backslash) & kHigh;
  return static_cast<std::size_t>(std::countr_zero(marks)) / 8;
}

/// Writes `text` as it stands within a JSON string, in at most twice its length; nullptr if it has
/// what is not known here.
char* write_escaped(char* to, std::string_view text) {
  const char* from = text.data();
  const char* const end = from + text.size();
  while (from != end) {
    if (static_cast<std::size_t>(end - from) >= kStride) {
      std::uint64_t word = 0;
      std::memcpy(&word, from, kStride);
      std::memcpy(to, &word, kStride);
      const std::size_t plain = count_plain(word);
      from += plain;
      to += plain;
      if (plain == kStride) {
        continue;
      }
    }
    const char escape = kEscapes[static_cast<unsigned char>(*from)];
    if (escape == kPlain) {
      *to++ = *from++;
      continue;
    }
    if (escape == kRare) {
      return nullptr;
    }
    *to++ = '\\';
    *to++ = escape;
    ++from;
  }
  return to;
}

/// Writes `text` with its quotes; nullptr as `write_escaped`.
char* write_quoted(char* to, std::string_view text) {
  *to = '"';
  char* const last = write_escaped(to + 1, text);
  if (last == nullptr) {
    return nullptr;
  }
  *last = '"';
  return last + 1;
}

/// Room for a text of that size with its quotes, however much of it is escaped.
constexpr std::size_t room_for(std::size_t text) {
  return 2 * text + 2;
}

}  // namespace

bool append_usual_json_string(std::string& out, std::string_view text) {
  const std::size_t begin = out.size();
  out.resize(begin + room_for(text.size()));
  const char* const end = write_quoted(out.data() + begin, text);
  out.resize(end == nullptr ? begin : static_cast<std::size_t>(end - out.data()));
  return end != nullptr;
}

void append_json_string(std::string& out, std::string_view text) {
  if (!append_usual_json_string(out, text)) {
    // Whether that is UTF-8, and what replaces it if it is not, is the library's to say.
    out += dump_json(Json(text));
  }
}

char* JsonText::room(std::size_t bytes) {
  const std::size_t needed = used_ + bytes + 1;  // and the end of the object
  if (out_.size() < needed) {
    out_.resize(std::max({first_size_, needed, 2 * out_.size()}));
  }
  return out_.data() + used_;
}

JsonText& JsonText::end_at(const char* end) {
  used_ = static_cast<std::size_t>(end - out_.data());
  return *this;
}

char* JsonText::begin_member(std::string_view key, std::size_t value) {
  char* to = room(key.size() + 4 + value);
  if (used_ == 0) {
    *to++ = '{';
  } else if (to[-1] != '{') {
    *to++ = ',';
  }
  *to++ = '"';
  to = std::copy(key.begin(), key.end(), to);
  *to++ = '"';
  *to++ = ':';
  return to;
}

JsonText& JsonText::text(std::string_view key, std::string_view value) {
  if (const char* const end = write_quoted(begin_member(key, room_for(value.size())), value)) {
    return end_at(end);
  }
  std::string rare;
  append_json_string(rare, value);
  return json(key, rare);
}

JsonText& JsonText::number(std::string_view key, std::int64_t value) {
  constexpr std::size_t kMostDigits = 20;
  char* const to = begin_member(key, kMostDigits);
  return end_at(std::to_chars(to, to + kMostDigits, value).ptr);
}

JsonText& JsonText::flag(std::string_view key, bool value) {
  return json(key, value ? "true" : "false");
}

JsonText& JsonText::json(std::string_view key, std::string_view json) {
  return end_at(std::copy(json.begin(), json.end(), begin_member(key, json.size())));
}

JsonText& JsonText::begin_object(std::string_view key) {
  return json(key, "{");
}

JsonText& JsonText::begin_array(std::string_view key) {
  return json(key, "[");
}

JsonText& JsonText::begin_item() {
  char* to = room(2);
  if (to[-1] != '[') {
    *to++ = ',';
  }
  *to++ = '{';
  return end_at(to);
}

JsonText& JsonText::end(char bracket) {
  *room(1) = bracket;
  ++used_;
  return *this;
}

std::string JsonText::take() {
  if (used_ == 0) {
    return "{}";
  }
  end('}');
  out_.resize(std::exchange(used_, 0));
  return std::exchange(out_, {});
}

}  // namespace voicectl
