// SPDX-License-Identifier: Apache-2.0
#include "base/json_text.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace voicectl {
namespace {

constexpr std::size_t kFirstSize = 120;

/// By byte: whether it is ASCII that stands for itself in a JSON string.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t byte = 0x20; byte < 0x80; ++byte) {
    plain[byte] = byte != '"' && byte != '\\';
  }
  return plain;
}();

void append_escape(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  const std::size_t begin = out.size();
  out += '"';
  std::size_t plain = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const auto byte = static_cast<unsigned char>(c);
    if (kPlain[byte]) {
      continue;
    }
    if (byte >= 0x80) {
      // Whether that is UTF-8, and what replaces it if it is not, is the library's to say.
      out.resize(begin);
      out += dump_json(Json(text));
      return;
    }
    out += text.substr(plain, at - plain);
    append_escape(out, c);
    plain = at + 1;
  }
  out += text.substr(plain);
  out += '"';
}

void JsonText::begin(std::string_view key) {
  if (out_.empty()) {
    // Most objects reach that size, in four steps if they begin with nothing.
    out_.reserve(kFirstSize);
  }
  out_ += out_.empty() ? '{' : ',';
  out_ += '"';
  out_ += key;
  out_ += "\":";
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
