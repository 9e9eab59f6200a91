// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/json.h"

namespace voicectl {
namespace {

/// Builds the value, and stops at the first thing over budget.
///
/// The library's own reader takes the second of two equal keys without a word, and asking it about
/// each would cost a set of names for every object; here the map itself tells.
class BudgetedReader {
 public:
  explicit BudgetedReader(const JsonBudget& budget) : budget_(budget) {}

  // What the library calls while it reads.
  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(Json::number_integer_t value) { return put(value); }
  bool number_unsigned(Json::number_unsigned_t value) { return put(value); }
  bool number_float(Json::number_float_t value, const Json::string_t&) { return put(value); }
  bool string(Json::string_t& value) { return put(std::move(value)); }
  bool binary(Json::binary_t& value) { return put(std::move(value)); }
  bool start_object(std::size_t) { return open(Json::value_t::object); }
  bool end_object() { return close(); }
  bool start_array(std::size_t) { return open(Json::value_t::array); }
  bool end_array() { return close(); }
  bool key(Json::string_t& name) {
    const auto [member, is_new] = open_.back()->get_ref<Json::object_t&>().try_emplace(name);
    if (!is_new) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("cannot read JSON: key '{}' stands twice in one object", name.substr(0, 64)));
    }
    member_ = &member->second;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("cannot read JSON: it is not valid at byte {}", position));
  }

  Result<Json> finish() {
    if (problem_) {
      return *problem_;
    }
    return std::move(value_);
  }
  Error budget_error() const { return *problem_; }

 private:
  bool fail(ErrorCode code, std::string text) {
    if (!problem_) {
      problem_ = Error(code, std::move(text));
    }
    return false;
  }

  /// Puts a value where it belongs; `placed_` is that place then.
  template <typename Value>
  bool put(Value&& value) {
    if (++nodes_ > budget_.nodes) {
      return fail(ErrorCode::kResourceExhausted,
                  fmt::format("cannot read JSON: more than {} values", budget_.nodes));
    }
    if (open_.empty()) {
      placed_ = &(value_ = Json(std::forward<Value>(value)));
    } else if (open_.back()->is_array()) {
      placed_ = &open_.back()->get_ref<Json::array_t&>().emplace_back(std::forward<Value>(value));
    } else {
      placed_ = &(*member_ = Json(std::forward<Value>(value)));
    }
    return true;
  }

  bool open(Json::value_t kind) {
    if (!put(kind)) {
      return false;
    }
    open_.push_back(placed_);
    return open_.size() <= budget_.depth ||
           fail(ErrorCode::kResourceExhausted,
                fmt::format("cannot read JSON: nested deeper than {}", budget_.depth));
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  JsonBudget budget_;
  Json value_;
  /// Objects and arrays that have begun; each lies in the one before, which grows only at its end
  /// meanwhile.
  std::vector<Json*> open_;
  Json* member_ = nullptr;
  Json* placed_ = nullptr;
  std::size_t nodes_ = 0;
  std::optional<Error> problem_;
};

/// Reads JSON whose texts are ASCII and whose numbers are whole, and tells a handler of the
/// library's kind what it reads. Of whatever else it meets, errors included, it makes nothing: that
/// is the library's to read, from the beginning. Reading so takes a third of the library's time.
class QuickJson {
 public:
  enum class Verdict {
    kRead,     ///< all of it
    kStopped,  ///< the handler wants no more
    kUnknown,  ///< nothing that was told counts
  };

  QuickJson(std::string_view text, BudgetedReader& handler)
      : at_(text.data()), end_(text.data() + text.size()), handler_(handler) {}

  Verdict read() {
    const Verdict verdict = value(0);
    skip_blanks();
    return verdict == Verdict::kRead && at_ != end_ ? Verdict::kUnknown : verdict;
  }

 private:
  static constexpr int kDeepest = 48;

  static Verdict told(bool goes_on) { return goes_on ? Verdict::kRead : Verdict::kStopped; }

  void skip_blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) {
      ++at_;
    }
  }

  bool takes(char c) {
    const bool is_next = at_ != end_ && *at_ == c;
    at_ += is_next ? 1 : 0;
    return is_next;
  }

  bool takes(std::string_view word) {
    const bool is_next =
        std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word);
    at_ += is_next ? word.size() : 0;
    return is_next;
  }

  Verdict value(int depth) {
    skip_blanks();
    if (at_ == end_ || depth > kDeepest) {
      return Verdict::kUnknown;
    }
    switch (*at_) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return text() ? told(handler_.string(text_)) : Verdict::kUnknown;
      case 't':
        return takes("true") ? told(handler_.boolean(true)) : Verdict::kUnknown;
      case 'f':
        return takes("false") ? told(handler_.boolean(false)) : Verdict::kUnknown;
      case 'n':
        return takes("null") ? told(handler_.null()) : Verdict::kUnknown;
      default:
        return number();
    }
  }

  Verdict object(int depth) {
    ++at_;
    if (!handler_.start_object(0)) {
      return Verdict::kStopped;
    }
    skip_blanks();
    if (takes('}')) {
      return told(handler_.end_object());
    }
    do {
      skip_blanks();
      if (at_ == end_ || *at_ != '"' || !text()) {
        return Verdict::kUnknown;
      }
      skip_blanks();
      if (!takes(':')) {
        return Verdict::kUnknown;
      }
      if (!handler_.key(text_)) {
        return Verdict::kStopped;
      }
      if (const Verdict member = value(depth + 1); member != Verdict::kRead) {
        return member;
      }
      skip_blanks();
    } while (takes(','));
    return takes('}') ? told(handler_.end_object()) : Verdict::kUnknown;
  }

  Verdict array(int depth) {
    ++at_;
    if (!handler_.start_array(0)) {
      return Verdict::kStopped;
    }
    skip_blanks();
    if (takes(']')) {
      return told(handler_.end_array());
    }
    do {
      if (const Verdict element = value(depth + 1); element != Verdict::kRead) {
        return element;
      }
      skip_blanks();
    } while (takes(','));
    return takes(']') ? told(handler_.end_array()) : Verdict::kUnknown;
  }

  /// Reads a text into `text_`. REQUIRES: it begins here.
  bool text() {
    text_.clear();
    ++at_;
    while (true) {
      const char* const stop = std::find_if(at_, end_, [](char c) {
        return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20 ||
               static_cast<unsigned char>(c) >= 0x80;
      });
      text_.append(at_, stop);
      at_ = stop;
      if (takes('"')) {
        return true;
      }
      if (!takes('\\') || !takes_escape()) {
        return false;
      }
    }
  }

  bool takes_escape() {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const std::size_t which = at_ == end_ ? std::string_view::npos : kLetters.find(*at_);
    if (which == std::string_view::npos) {
      return false;
    }
    text_ += kMeanings[which];
    ++at_;
    return true;
  }

  /// Digits, at least one; nullptr if there are none.
  const char* takes_digits() {
    const char* const begin = at_;
    at_ = std::find_if(at_, end_, [](char c) { return c < '0' || c > '9'; });
    return at_ == begin ? nullptr : begin;
  }

  Verdict number() {
    const char* const begin = at_;
    const bool is_negative = takes('-');
    const char* const digits = takes_digits();
    if (digits == nullptr || (*digits == '0' && at_ - digits > 1)) {
      return Verdict::kUnknown;
    }
    if (at_ != end_ && (*at_ == '.' || *at_ == 'e' || *at_ == 'E')) {
      return fraction(begin);
    }
    // A negative zero, and what may not fit, are the library's to judge.
    constexpr int kMostDigits = 18;
    if (at_ - digits > kMostDigits || (is_negative && *digits == '0')) {
      return Verdict::kUnknown;
    }
    std::int64_t number = 0;
    std::from_chars(begin, at_, number);
    return told(is_negative ? handler_.number_integer(number)
                            : handler_.number_unsigned(static_cast<std::uint64_t>(number)));
  }

  /// The rest of a number that began at `begin` and is no whole one.
  Verdict fraction(const char* begin) {
    if (takes('.') && takes_digits() == nullptr) {
      return Verdict::kUnknown;
    }
    if (takes('e') || takes('E')) {
      at_ += at_ != end_ && (*at_ == '+' || *at_ == '-') ? 1 : 0;
      if (takes_digits() == nullptr) {
        return Verdict::kUnknown;
      }
    }
    double number = 0;
    const auto [end, problem] = std::from_chars(begin, at_, number);
    return problem == std::errc() && end == at_ ? told(handler_.number_float(number, text_))
                                                : Verdict::kUnknown;
  }

  const char* at_;
  const char* end_;
  BudgetedReader& handler_;
  /// The text that was read last; the handler may take it.
  std::string text_;
};

}  // namespace

Result<Json> parse_json(std::string_view text, const JsonBudget& budget) {
  if (text.size() > budget.bytes) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("cannot read JSON: {} bytes are more than the allowed {}", text.size(),
                             budget.bytes));
  }
  BudgetedReader quick(budget);
  switch (QuickJson(text, quick).read()) {
    case QuickJson::Verdict::kRead:
      return quick.finish();
    case QuickJson::Verdict::kStopped:
      return quick.budget_error();
    case QuickJson::Verdict::kUnknown:
      break;
  }
  BudgetedReader reader(budget);
  try {
    if (Json::sax_parse(text.begin(), text.end(), &reader)) {
      return reader.finish();
    }
  } catch (const nlohmann::json::exception&) {
    return Error(ErrorCode::kInvalidArgument, "cannot read JSON: a number is out of range");
  }
  return reader.budget_error();
}

}  // namespace voicectl
