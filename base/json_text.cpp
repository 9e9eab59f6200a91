// SPDX-License-Identifier: Apache-2.0
#include "base/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/usual_json.h"

namespace voicectl {
namespace {

constexpr std::size_t kFirstSize = 120;

/// How a byte stands in a JSON string.
enum class Form : std::uint8_t {
  kPlain,    ///< as itself
  kEscaped,  ///< behind a backslash, itself or another letter
  kOther,    ///< a control character without a letter, or no ASCII
};

constexpr std::array<Form, 256> kForms = [] {
  std::array<Form, 256> forms{};
  for (std::size_t byte = 0; byte < forms.size(); ++byte) {
    forms[byte] = byte >= 0x20 && byte < 0x80 ? Form::kPlain : Form::kOther;
  }
  for (const char c : {'"', '\\', '\b', '\f', '\n', '\r', '\t'}) {
    forms[static_cast<unsigned char>(c)] = Form::kEscaped;
  }
  return forms;
}();

char letter_of(char c) {
  switch (c) {
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return c;
  }
}

/// Bytes that a word of text is looked at in at once.
constexpr std::size_t kStride = sizeof(std::uint64_t);

/// Whether all of the eight bytes stand for themselves.
bool is_plain(std::uint64_t word) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  constexpr std::uint64_t kHigh = kEach * 0x80;
  // The highest bit of a byte stands in the difference if the byte was zero before.
  const auto has_zero = [](std::uint64_t bytes) { return (bytes - kEach) & ~bytes; };
  const std::uint64_t below_blank = (word - kEach * 0x20) & ~word;
  const std::uint64_t quote = has_zero(word ^ (kEach * '"'));
  const std::uint64_t backslash = has_zero(word ^ (kEach * '\\'));
  return ((word | below_blank | quote | backslash) & kHigh) == 0;
}

/// Writes `text` as it stands within a JSON string, in at most twice its length; nullptr if it has
/// what is not known here.
char* write_escaped(char* to, std::string_view text) {
  const char* from = text.data();
  const char* const end = from + text.size();
  while (from != end) {
    std::uint64_t word = 0;
    if (static_cast<std::size_t>(end - from) >= kStride) {
      std::memcpy(&word, from, kStride);
      if (is_plain(word)) {
        std::memcpy(to, &word, kStride);
        from += kStride;
        to += kStride;
        continue;
      }
    }
    const char* const stop = std::min(end, from + kStride);
    for (; from != stop; ++from) {
      switch (kForms[static_cast<unsigned char>(*from)]) {
        case Form::kPlain:
          *to++ = *from;
          break;
        case Form::kEscaped:
          *to++ = '\\';
          *to++ = letter_of(*from);
          break;
        case Form::kOther:
          return nullptr;
      }
    }
  }
  return to;
}

/// Room for a text of that size with its quotes, however much of it is escaped.
constexpr std::size_t room_for(std::size_t text) {
  return 2 * text + 2;
}

}  // namespace

bool append_usual_json_string(std::string& out, std::string_view text) {
  const std::size_t begin = out.size();
  out.resize(begin + room_for(text.size()));
  char* const first = out.data() + begin;
  *first = '"';
  char* const last = write_escaped(first + 1, text);
  if (last != nullptr) {
    *last = '"';
  }
  out.resize(last == nullptr ? begin : static_cast<std::size_t>(last + 1 - out.data()));
  return last != nullptr;
}

void append_json_string(std::string& out, std::string_view text) {
  if (!append_usual_json_string(out, text)) {
    // Whether that is UTF-8, and what replaces it if it is not, is the library's to say.
    out += dump_json(Json(text));
  }
}

void JsonText::begin(std::string_view key) {
  const std::size_t before = out_.size();
  const std::size_t after = before + key.size() + 4;
  if (after > out_.capacity()) {
    // Most objects reach that size; larger ones are moved once or twice.
    out_.reserve(std::max({kFirstSize, after, 4 * out_.capacity()}));
  }
  out_.resize(after);
  char* to = out_.data() + before;
  *to++ = before == 0 ? '{' : ',';
  *to++ = '"';
  std::memcpy(to, key.data(), key.size());
  to += key.size();
  *to++ = '"';
  *to = ':';
}

JsonText& JsonText::text(std::string_view key, std::string_view value) {
  begin(key);
  append_json_string(out_, value);
  return *this;
}

JsonText& JsonText::number(std::string_view key, std::int64_t value) {
  const fmt::format_int digits(value);
  return json(key, std::string_view(digits.data(), digits.size()));
}

JsonText& JsonText::flag(std::string_view key, bool value) {
  return json(key, value ? "true" : "false");
}

JsonText& JsonText::json(std::string_view key, std::string_view json) {
  begin(key);
  out_ += json;
  return *this;
}

std::string JsonText::take() {
  out_ += out_.empty() ? "{}" : "}";
  return std::exchange(out_, {});
}

}  // namespace voicectl
