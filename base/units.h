// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace voicectl {

/// A TCP port, 1 to 65535 by construction.
class Port {
 public:
  /// ERRORS: kInvalidArgument outside 1..65535.
  static Result<Port> make(std::int64_t number);

  std::uint16_t value() const { return value_; }
  std::string str() const { return std::to_string(value_); }

  friend auto operator<=>(Port, Port) = default;

 private:
  explicit Port(std::uint16_t value) : value_(value) {}

  std::uint16_t value_;
};

/// A closed range of ports, `first` <= `last`.
class PortRange {
 public:
  static Result<PortRange> make(Port first, Port last);
  /// "21000-21999".
  static Result<PortRange> parse(std::string_view text);

  Port first() const { return first_; }
  Port last() const { return last_; }
  std::uint32_t size() const { return 1U + last_.value() - first_.value(); }
  bool contains(Port port) const { return first_ <= port && port <= last_; }
  std::string str() const { return first_.str() + "-" + last_.str(); }

  friend bool operator==(const PortRange&, const PortRange&) = default;

 private:
  PortRange(Port first, Port last) : first_(first), last_(last) {}

  Port first_;
  Port last_;
};

/// A number of bytes.
struct Bytes {
  std::uint64_t count = 0;

  /// "10MB", "64KiB", "512": decimal (k, M, G) and binary (Ki, Mi, Gi) multiples.
  static Result<Bytes> parse(std::string_view text);
  /// For people: "512 B", "10.0 KiB", "1.4 MiB".
  std::string str() const;

  friend auto operator<=>(Bytes, Bytes) = default;
};

/// Processor time as a rate: 1000 is one core.
struct MilliCpu {
  std::uint32_t count = 0;
  friend auto operator<=>(MilliCpu, MilliCpu) = default;
};

/// Version of a recorded thing: increases with every recorded change.
struct Generation {
  std::uint64_t value = 0;
  friend auto operator<=>(Generation, Generation) = default;
};

/// Number of a daemon run on one state folder: increases with every start.
struct Epoch {
  std::uint64_t value = 0;
  friend auto operator<=>(Epoch, Epoch) = default;
};

/// Grows with every lease; who holds a lower one is refused.
struct FencingToken {
  std::uint64_t value = 0;
  friend auto operator<=>(FencingToken, FencingToken) = default;
};

}  // namespace voicectl
