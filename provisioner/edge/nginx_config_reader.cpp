// SPDX-License-Identifier: Apache-2.0
#include <cstddef>

#include "provisioner/edge/nginx_config.h"

namespace voicectl {
namespace {

/// Deepest nesting of blocks; http > server > location > if is four.
constexpr std::size_t kMostLevels = 16;
/// Longest value, as nginx's own buffer has it.
constexpr std::size_t kMostValueBytes = 4095;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/// Splits a configuration the way nginx's own reader does, quirks included: a quote counts only
/// at the start of a value, `}` only between directives, `{` right after `$` is part of a name.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<std::vector<PlainDirective>> read_all() { return read_block(0); }

 private:
  enum class End { kSemicolon, kBlock, kClosed, kText };

  Error refused(const std::string& what) const {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot read nginx's configuration: line " + std::to_string(line_) + ": " + what);
  }

  bool at_end() const { return position_ >= text_.size(); }
  char peek() const { return text_[position_]; }

  char take() {
    const char c = text_[position_++];
    line_ += c == '\n' ? 1U : 0U;
    return c;
  }

  void skip_blanks_and_comments() {
    while (!at_end() && (is_blank(peek()) || peek() == '#')) {
      const bool comment = peek() == '#';
      while (comment && !at_end() && peek() != '\n') {
        take();
      }
      if (!at_end()) {
        take();
      }
    }
  }

  Result<std::vector<PlainDirective>> read_block(std::size_t level) {
    if (level > kMostLevels) {
      return refused("blocks are nested too deeply");
    }
    std::vector<PlainDirective> out;
    while (true) {
      std::vector<std::string> values;
      VC_TRY(const End end, read_values(values));
      if (end == End::kText && level > 0) {
        return refused("a block has no end");
      }
      if (end == End::kClosed && level == 0) {
        return refused("unexpected }");
      }
      if (end == End::kText || end == End::kClosed) {
        return out;
      }
      PlainDirective directive{values.front(), {values.begin() + 1, values.end()}, std::nullopt};
      if (end == End::kBlock) {
        VC_TRY(std::vector<PlainDirective> block, read_block(level + 1));
        directive.block = std::move(block);
      }
      out.push_back(std::move(directive));
    }
  }

  /// Fills `values` up to what ends the directive.
  Result<End> read_values(std::vector<std::string>& values) {
    while (true) {
      skip_blanks_and_comments();
      if (at_end()) {
        return values.empty() ? Result<End>(End::kText) : refused("a directive has no end");
      }
      const char c = peek();
      if (c == '}' && !values.empty()) {
        return refused("unexpected }");
      }
      if ((c == ';' || c == '{') && values.empty()) {
        return refused("a directive has no name");
      }
      if (c == '}' || c == ';' || c == '{') {
        take();
        return c == '}' ? End::kClosed : c == ';' ? End::kSemicolon : End::kBlock;
      }
      VC_TRY(std::string value, c == '"' || c == '\'' ? read_quoted(take()) : read_bare());
      values.push_back(std::move(value));
    }
  }

  /// A backslash stays, but before a quote, itself, and the letters t, r and n.
  void take_escaped(std::string& value) {
    take();
    if (at_end()) {
      value += '\\';
      return;
    }
    const char c = take();
    switch (c) {
      case '"':
      case '\'':
      case '\\':
        value += c;
        return;
      case 't':
        value += '\t';
        return;
      case 'r':
        value += '\r';
        return;
      case 'n':
        value += '\n';
        return;
      default:
        value += '\\';
        value += c;
    }
  }

  Result<std::string> read_quoted(char quote) {
    std::string value;
    while (!at_end() && peek() != quote) {
      if (peek() == '\\') {
        take_escaped(value);
      } else {
        value += take();
      }
    }
    if (at_end()) {
      return refused("a quote has no end");
    }
    take();
    const bool separated =
        at_end() || is_blank(peek()) || peek() == ';' || peek() == '{' || peek() == ')';
    if (!separated) {
      return refused("a quote is followed by something else than a blank");
    }
    return checked(std::move(value));
  }

  Result<std::string> read_bare() {
    std::string value;
    bool after_dollar = false;
    while (!at_end()) {
      const char c = peek();
      if (is_blank(c) || c == ';' || (c == '{' && !after_dollar)) {
        break;
      }
      after_dollar = c == '$';
      if (c == '\\') {
        take_escaped(value);
      } else {
        value += take();
      }
    }
    return checked(std::move(value));
  }

  Result<std::string> checked(std::string value) const {
    if (value.size() > kMostValueBytes) {
      return refused("a value is longer than " + std::to_string(kMostValueBytes) + " bytes");
    }
    return value;
  }

  std::string_view text_;
  std::size_t position_ = 0;
  std::size_t line_ = 1;
};

}  // namespace

Result<std::vector<PlainDirective>> parse_nginx_config(std::string_view text) {
  return Reader(text).read_all();
}

}  // namespace voicectl
