// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace voicectl {

enum class LineStyle { kPlain, kTitle, kHeader, kFaint, kWarning, kBad };

/// One line of a screen, without line end.
struct ScreenLine {
  std::string text;
  LineStyle style = LineStyle::kPlain;
};

struct ScreenSize {
  std::size_t lines = 24;
  std::size_t columns = 80;
};

/// The first so many characters of UTF-8, each of which takes one column.
std::string cut_to_columns(std::string_view text, std::size_t columns);

/// What was pressed.
struct Key {
  /// A character of ASCII, or one of the names below.
  int code = 0;
  static constexpr int kUp = 0x100;
  static constexpr int kDown = 0x101;
  static constexpr int kBackspace = 0x102;
  static constexpr int kEscape = 0x103;
  static constexpr int kEnter = 0x104;
  /// The terminal has another size.
  static constexpr int kResized = 0x105;
};

/// A whole terminal that is drawn again and again.
class Screen {
 public:
  virtual ~Screen() = default;

  virtual ScreenSize size() = 0;
  /// Shows these lines from the top; what does not fit is cut off.
  virtual void draw(const std::vector<ScreenLine>& lines) = 0;
  /// Waits at most `timeout`; nullopt when nothing was pressed.
  virtual std::optional<Key> wait_key(std::chrono::milliseconds timeout) = 0;
};

}  // namespace voicectl
