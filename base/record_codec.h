// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

/// Binary records for two processes of one machine.
///
/// A type becomes a record by one list of its fields, in its own namespace:
///
///   template <typename Visit>
///   void visit_fields(Visit& visit, Point& point) {
///     auto& [x, y] = point;  // a new member does not compile until the list knows it
///     visit("x", x);
///     visit("y", y);
///   }
///
/// Writing, reading and the layout's fingerprint all follow from that list, so that they cannot
/// disagree. Nothing on the wire names a field: compare fingerprints before the first record.
namespace voicectl {

template <typename T>
concept WireNumber = std::integral<T> && !std::same_as<T, bool>;

/// Appends values to a text, in the byte order of the machine.
class RecordWriter {
 public:
  explicit RecordWriter(std::string& out) : out_(out) {}

  template <WireNumber T>
  void put(const T& number) {
    out_.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  void put(bool flag) { put(static_cast<std::uint8_t>(flag)); }
  void put(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size()));
    out_ += text;
  }
  template <typename Clock, typename Length>
  void put(const std::chrono::time_point<Clock, Length>& at) {
    put(static_cast<std::int64_t>(at.time_since_epoch().count()));
  }
  void put(const Duration& length) { put(static_cast<std::int64_t>(length.count())); }
  template <typename T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) {
      put(*value);
    }
  }
  template <typename T>
  void put(const std::vector<T>& list) {
    put(static_cast<std::uint32_t>(list.size()));
    for (const T& one : list) {
      put(one);
    }
  }
  template <typename A, typename B>
  void put(const std::pair<A, B>& both) {
    put(both.first);
    put(both.second);
  }
  template <typename K, typename V, typename Less>
  void put(const std::map<K, V, Less>& entries) {
    put(static_cast<std::uint32_t>(entries.size()));
    for (const auto& [key, value] : entries) {
      put(key);
      put(value);
    }
  }
  template <typename T>
  requires requires(RecordWriter& visit, T& record) { visit_fields(visit, record); }
  void put(const T& record) {
    visit_fields(*this, const_cast<T&>(record));  // a writer only reads
  }

  template <typename T>
  void operator()(std::string_view, T& field) {
    put(std::as_const(field));
  }

 private:
  std::string& out_;
};

/// Takes values from bytes. The first thing that does not fit ends it: everything after that reads
/// as nothing, and `finish` says so.
class RecordReader {
 public:
  explicit RecordReader(std::string_view bytes) : bytes_(bytes) {}

  template <WireNumber T>
  void take(T& number) {
    const std::string_view raw = take_bytes(sizeof number);
    if (raw.size() == sizeof number) {
      raw.copy(reinterpret_cast<char*>(&number), sizeof number);
    }
  }
  void take(bool& flag) {
    std::uint8_t byte = 0;
    take(byte);
    is_broken_ = is_broken_ || byte > 1;
    flag = byte == 1;
  }
  void take(std::string& text) {
    std::uint32_t size = 0;
    take(size);
    text = take_bytes(size);
  }
  template <typename Clock, typename Length>
  void take(std::chrono::time_point<Clock, Length>& at) {
    std::int64_t count = 0;
    take(count);
    at = std::chrono::time_point<Clock, Length>(Length(count));
  }
  void take(Duration& length) {
    std::int64_t count = 0;
    take(count);
    length = Duration(count);
  }
  template <typename T>
  void take(std::optional<T>& value) {
    bool is_there = false;
    take(is_there);
    value.reset();
    if (is_there && !is_broken_) {
      take(value.emplace());
    }
  }
  template <typename T>
  void take(std::vector<T>& list) {
    list.clear();
    for (std::uint32_t left = take_count(); left > 0 && !is_broken_; --left) {
      take(list.emplace_back());
    }
  }
  template <typename A, typename B>
  void take(std::pair<A, B>& both) {
    take(both.first);
    take(both.second);
  }
  template <typename K, typename V, typename Less>
  void take(std::map<K, V, Less>& entries) {
    entries.clear();
    for (std::uint32_t left = take_count(); left > 0 && !is_broken_; --left) {
      std::pair<K, V> entry;
      take(entry);
      // In the order in which they were written: one value has one form.
      is_broken_ = is_broken_ ||
                   (!entries.empty() && !entries.key_comp()(entries.rbegin()->first, entry.first));
      entries.insert(entries.end(), std::move(entry));
    }
  }
  template <typename T>
  requires requires(RecordReader& visit, T& record) { visit_fields(visit, record); }
  void take(T& record) { visit_fields(*this, record); }

  template <typename T>
  void operator()(std::string_view, T& field) {
    take(field);
  }

  bool is_at_end() const { return bytes_.empty(); }
  bool is_broken() const { return is_broken_; }
  /// ERRORS: kCorrupt if something was cut short, out of range, or is left over.
  Status finish(std::string_view what) const {
    if (is_broken_ || !bytes_.empty()) {
      return Error(ErrorCode::kCorrupt, "cannot read " + std::string(what) + ": its bytes " +
                                            (is_broken_ ? "are cut short" : "go on behind it"));
    }
    return ok_status();
  }

 private:
  std::string_view take_bytes(std::size_t size) {
    if (is_broken_ || size > bytes_.size()) {
      is_broken_ = true;
      return {};
    }
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  /// Every element takes a byte at least, so a count beyond the bytes is a lie.
  std::uint32_t take_count() {
    std::uint32_t count = 0;
    take(count);
    is_broken_ = is_broken_ || count > bytes_.size();
    return is_broken_ ? 0 : count;
  }

  std::string_view bytes_;
  bool is_broken_ = false;
};

/// Writes down a layout: names and types of fields, in their order.
class RecordLayout {
 public:
  template <typename T>
  void describe() {
    if constexpr (requires(RecordLayout & visit, T & record) { visit_fields(visit, record); }) {
      text_ += '{';
      T record{};
      visit_fields(*this, record);
      text_ += '}';
    } else {
      describe_type(static_cast<T*>(nullptr));
    }
  }
  template <typename T>
  void operator()(std::string_view name, T&) {
    text_ += name;
    text_ += ':';
    describe<T>();
    text_ += ';';
  }
  const std::string& text() const { return text_; }

 private:
  template <WireNumber T>
  void describe_type(T*) {
    text_ += std::is_signed_v<T> ? 'i' : 'u';
    text_ += std::to_string(sizeof(T));
  }
  void describe_type(bool*) { text_ += "flag"; }
  void describe_type(std::string*) { text_ += "text"; }
  template <typename Clock, typename Length>
  void describe_type(std::chrono::time_point<Clock, Length>*) {
    text_ += std::same_as<Clock, std::chrono::steady_clock> ? "mono" : "wall";
  }
  void describe_type(Duration*) { text_ += "length"; }
  template <typename T>
  void describe_type(std::optional<T>*) {
    text_ += "maybe ";
    describe<T>();
  }
  template <typename T>
  void describe_type(std::vector<T>*) {
    text_ += "list ";
    describe<T>();
  }
  template <typename A, typename B>
  void describe_type(std::pair<A, B>*) {
    describe<A>();
    text_ += ',';
    describe<B>();
  }
  template <typename K, typename V, typename Less>
  void describe_type(std::map<K, V, Less>*) {
    text_ += "map ";
    describe<K>();
    text_ += '>';
    describe<V>();
  }

  std::string text_;
};

template <typename T>
std::string encode_record(const T& record) {
  std::string out;
  RecordWriter(out).put(record);
  return out;
}

/// ERRORS: kCorrupt for bytes that are no such record, naming `what`.
template <typename T>
Result<T> decode_record(std::string_view bytes, std::string_view what) {
  T record{};
  RecordReader reader(bytes);
  reader.take(record);
  VC_TRY(reader.finish(what));
  return record;
}

}  // namespace voicectl
