// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "cli/top/screen.h"

namespace voicectl {

/// The terminal of standard input and output, by ncurses (curses(3)); given back as it was found
/// when this ends, also by SIGINT or SIGTERM. One at a time.
class CursesScreen final : public Screen {
 public:
  /// nullptr if nothing is known of the terminal that TERM names.
  /// REQUIRES: both are a terminal that has a name in TERM.
  static std::unique_ptr<CursesScreen> open(bool is_coloured);
  ~CursesScreen() override;
  CursesScreen(const CursesScreen&) = delete;
  CursesScreen& operator=(const CursesScreen&) = delete;

  ScreenSize size() override;
  void draw(const std::vector<ScreenLine>& lines) override;
  std::optional<Key> wait_key(std::chrono::milliseconds timeout) override;

 private:
  CursesScreen() = default;
};

}  // namespace voicectl
