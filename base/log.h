// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/units.h"

namespace voicectl {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

/// Parses "debug", "info", "warn", "error".
Result<LogLevel> parse_log_level(std::string_view text);

/// One named value of a log line. Everything that a line may carry converts to it.
struct LogField {
  std::string_view name;
  std::string value;

  LogField(std::string_view key, std::string_view text) : name(key), value(text) {}
  LogField(std::string_view key, const char* text) : name(key), value(text) {}
  LogField(std::string_view key, const std::string& text) : name(key), value(text) {}
  template <typename Number, std::enable_if_t<std::is_arithmetic_v<Number>, int> = 0>
  LogField(std::string_view key, Number number) : name(key), value(std::to_string(number)) {}
  LogField(std::string_view key, Duration length) : name(key), value(format_duration(length)) {}
  LogField(std::string_view key, Bytes bytes) : name(key), value(bytes.str()) {}
  LogField(std::string_view key, Port port) : name(key), value(port.str()) {}
  LogField(std::string_view key, const Error& error) : name(key), value(error.text()) {}
  LogField(std::string_view key, const Secret&) : name(key), value("***") {}
  template <typename Tag>
  LogField(std::string_view key, const StrongId<Tag>& id) : name(key), value(id.str()) {}
};

/// Where finished lines go. The real sides write to standard error or to a file.
class LogSink {
 public:
  virtual ~LogSink() = default;
  /// `line` has no line end. THREADS: any.
  virtual void write(LogLevel level, std::string_view line) = 0;
};

/// Standard error through spdlog, one line per event: time, level, event, then name=value.
std::unique_ptr<LogSink> make_stderr_sink();

/// Writes events: a stable name, then fields. One event is one line whatever the values hold:
/// control characters, quotes and line ends are escaped.
///
/// THREADS: any.
class Log {
 public:
  /// OWNS nothing: `sink` and `clock` must outlive the log.
  Log(LogSink& sink, const WallClock& clock, LogLevel threshold = LogLevel::kInfo)
      : sink_(&sink), clock_(&clock), threshold_(threshold) {}

  using Fields = std::initializer_list<LogField>;
  void debug(std::string_view event, Fields fields = {}) const;
  void info(std::string_view event, Fields fields = {}) const;
  void warn(std::string_view event, Fields fields = {}) const;
  void error(std::string_view event, Fields fields = {}) const;

 private:
  void write(LogLevel level, std::string_view event, Fields fields) const;

  LogSink* sink_;
  const WallClock* clock_;
  LogLevel threshold_;
};

/// The text of one line, without its time: "instance.ready instance=shared-0 took=12ms".
std::string render_log_line(std::string_view event, Log::Fields fields);

}  // namespace voicectl
