// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fmt/core.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <array>

namespace voicectl {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warn", "error"};

bool is_plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '=' && c != '\\';
  });
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte >= 0x7f) {
      // Bytes above ASCII are escaped too: bidirectional overrides and look-alikes cannot then
      // rewrite what a reader of the log believes to see.
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

/// Lines go through spdlog's thread-safe standard error sink; the pattern is ours already.
class StderrSink final : public LogSink {
 public:
  StderrSink() { sink_.set_pattern("%v"); }

  void write(LogLevel, std::string_view line) override {
    const spdlog::details::log_msg message("", spdlog::level::info,
                                           spdlog::string_view_t(line.data(), line.size()));
    sink_.log(message);
    sink_.flush();
  }

 private:
  spdlog::sinks::stderr_sink_mt sink_;
};

}  // namespace

Result<LogLevel> parse_log_level(std::string_view text) {
  const auto* const found = std::find(kLevelNames.begin(), kLevelNames.end(), text);
  if (found == kLevelNames.end()) {
    return Error(
        ErrorCode::kInvalidArgument,
        fmt::format("cannot use '{}' as a log level: allowed are debug, info, warn, error", text));
  }
  return static_cast<LogLevel>(found - kLevelNames.begin());
}

std::unique_ptr<LogSink> make_stderr_sink() {
  return std::make_unique<StderrSink>();
}

std::string render_log_line(std::string_view event, Log::Fields fields) {
  std::string line(event);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.name;
    line += '=';
    if (is_plain(field.value)) {
      line += field.value;
    } else {
      append_quoted(line, field.value);
    }
  }
  return line;
}

void Log::write(LogLevel level, std::string_view event, Fields fields) const {
  if (level < threshold_) {
    return;
  }
  sink_->write(level, fmt::format("{} {:5} {}", format_wall_time(clock_->now()),
                                  kLevelNames.at(static_cast<std::size_t>(level)),
                                  render_log_line(event, fields)));
}

void Log::debug(std::string_view event, Fields fields) const {
  write(LogLevel::kDebug, event, fields);
}
void Log::info(std::string_view event, Fields fields) const {
  write(LogLevel::kInfo, event, fields);
}
void Log::warn(std::string_view event, Fields fields) const {
  write(LogLevel::kWarn, event, fields);
}
void Log::error(std::string_view event, Fields fields) const {
  write(LogLevel::kError, event, fields);
}

}  // namespace voicectl
