// SPDX-License-Identifier: Apache-2.0
#include "cli/top/curses_screen.h"

#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>

// Functions instead of macros with short names.
#define NCURSES_NOMACROS
#include <curses.h>

namespace voicectl {
namespace {

constexpr short kWarningPair = 1;
constexpr short kBadPair = 2;

/// ncurses gives the terminal back itself on SIGINT and SIGTERM only if it set the handlers, and
/// the program's own handler of SIGINT ends at once.
void leave(int signal_number) {
  ::endwin();
  std::_Exit(128 + signal_number);
}

attr_t attributes_of(LineStyle style) {
  switch (style) {
    case LineStyle::kPlain:
      return A_NORMAL;
    case LineStyle::kTitle:
      return A_BOLD;
    case LineStyle::kHeader:
      return A_REVERSE;
    case LineStyle::kFaint:
      return A_DIM;
    case LineStyle::kWarning:
      return static_cast<attr_t>(COLOR_PAIR(kWarningPair));
    case LineStyle::kBad:
      return static_cast<attr_t>(COLOR_PAIR(kBadPair)) | A_BOLD;
  }
  return A_NORMAL;
}

int key_of(int pressed) {
  switch (pressed) {
    case KEY_UP:
      return Key::kUp;
    case KEY_DOWN:
      return Key::kDown;
    case KEY_BACKSPACE:
    case 0x7f:
    case '\b':
      return Key::kBackspace;
    case 0x1b:
      return Key::kEscape;
    case KEY_ENTER:
    case '\r':
    case '\n':
      return Key::kEnter;
    case KEY_RESIZE:
      return Key::kResized;
    default:
      return pressed;
  }
}

}  // namespace

std::unique_ptr<CursesScreen> CursesScreen::open(bool is_coloured) {
  // For characters beyond ASCII; the numbers we print do not change with it.
  std::setlocale(LC_CTYPE, "");
  // initscr() would end the program.
  if (::newterm(nullptr, stdout, stdin) == nullptr) {
    return nullptr;
  }
  std::unique_ptr<CursesScreen> out(new CursesScreen());
  std::signal(SIGINT, leave);
  std::signal(SIGTERM, leave);
  ::cbreak();
  ::noecho();
  ::curs_set(0);
  ::keypad(stdscr, TRUE);
  // How long an escape may be the begin of a longer key.
  ::set_escdelay(50);
  if (::has_colors() && is_coloured) {
    ::start_color();
    ::use_default_colors();
    ::init_pair(kWarningPair, COLOR_YELLOW, -1);
    ::init_pair(kBadPair, COLOR_RED, -1);
  }
  return out;
}

CursesScreen::~CursesScreen() {
  ::endwin();
}

ScreenSize CursesScreen::size() {
  return {static_cast<std::size_t>(LINES), static_cast<std::size_t>(COLS)};
}

void CursesScreen::draw(const std::vector<ScreenLine>& lines) {
  ::erase();
  const ScreenSize room = size();
  for (std::size_t i = 0; i < lines.size() && i < room.lines; ++i) {
    // What does not fit would go on in the next line. The length of curses is in bytes.
    const std::string text = cut_to_columns(lines[i].text, room.columns);
    ::attrset(static_cast<int>(attributes_of(lines[i].style)));
    ::mvaddnstr(static_cast<int>(i), 0, text.data(), static_cast<int>(text.size()));
  }
  ::attrset(A_NORMAL);
  ::refresh();
}

std::optional<Key> CursesScreen::wait_key(std::chrono::milliseconds timeout) {
  ::timeout(static_cast<int>(timeout.count()));
  const int pressed = ::getch();
  return pressed == ERR ? std::nullopt : std::optional(Key{key_of(pressed)});
}

}  // namespace voicectl
