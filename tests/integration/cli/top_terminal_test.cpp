// SPDX-License-Identifier: Apache-2.0
// `voicectl top` at a terminal: it draws, follows the size, and gives the terminal back.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "base/os/unique_fd.h"
#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::HasSubstr;
using testing::Not;

/// As a shell leaves it: lines, echo, and ^C.
termios in_lines() {
  termios out{};
  out.c_iflag = ICRNL | IXON;
  out.c_oflag = OPOST | ONLCR;
  out.c_cflag = CS8 | CREAD | B38400;
  out.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | IEXTEN;
  out.c_cc[VINTR] = 3;
  out.c_cc[VMIN] = 1;
  return out;
}

class TopTerminalTest : public CliTest {
 protected:
  TopTerminalTest() {
    daemon_.answer("GET /v1/version", Json{{"version", "0.1.0"}});
    daemon_.answer("GET /v1/load?minutes=23", Json::object());
    daemon_.answer("GET /v1/status", Json{{"platform", {{"domain", "qastco.com"}}}});
    daemon_.answer("GET /v1/tenants",
                   Json{{"tenants", {{{"tenant", "acme"}, {"instance", "shared-0"}}}}});
    daemon_.answer("GET /v1/instances",
                   Json{{"instances", {{{"instance", "shared-0"}, {"state", "ready"}}}}});
  }

  /// Runs it in a process of its own, which has a terminal of that size.
  void start(winsize size) {
    termios terms = in_lines();
    int terminal = -1;
    child_ = ::forkpty(&terminal, nullptr, &terms, &size);
    ASSERT_GE(child_, 0);
    if (child_ == 0) {
      ::setenv("TERM", "xterm", 1);
      ::_exit(static_cast<int>(run_on_terminal()));
    }
    terminal_ = UniqueFd(terminal);
    // Keeps it as it is when the program has gone.
    other_end_ = UniqueFd(::open(::ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(other_end_.is_open());
  }

  ExitCode run_on_terminal() {
    Console console{in_, out_, err_, true, true, true};
    surroundings_.variable = [](const std::string& name) {
      return name == "TERM" ? std::optional<std::string>("xterm") : std::nullopt;
    };
    const ConnectDaemon connect = [this](const std::string&) {
      return std::make_unique<FakeDaemonClient>(daemon_);
    };
    CommandContext context{console, files_, programs_, clock_, surroundings_, connect};
    return run_voicectl({"top"}, context);
  }

  void press(char key) { ASSERT_EQ(::write(terminal_.get(), &key, 1), 1); }

  /// Adds to `drawn_` what comes; false if nothing came for so long.
  bool read_more(int wait_ms) {
    pollfd waiting{terminal_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, wait_ms) != 1) {
      return false;
    }
    char bytes[4096];
    const ssize_t count = ::read(terminal_.get(), bytes, sizeof bytes);
    drawn_.append(bytes, count > 0 ? static_cast<std::size_t>(count) : 0);
    return count > 0;
  }

  void wait_for(std::string_view word) {
    while (drawn_.find(word) == std::string::npos) {
      ASSERT_TRUE(read_more(kPatienceMs)) << "waiting for " << word << " after: " << drawn_;
    }
  }

  /// What it ended with.
  int wait_for_end() {
    int status = 0;
    pid_t ended = 0;
    for (int looks = 0; ended == 0 && looks < kPatienceMs / kLookMs; ++looks) {
      read_more(kLookMs);
      ended = ::waitpid(child_, &status, WNOHANG);
    }
    EXPECT_EQ(ended, child_) << "it did not end";
    while (read_more(0)) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  termios terms() const {
    termios out{};
    EXPECT_EQ(::tcgetattr(other_end_.get(), &out), 0);
    return out;
  }

  void expect_given_back() {
    const std::size_t left = drawn_.rfind(kLeave);
    ASSERT_NE(left, std::string::npos);
    EXPECT_EQ(drawn_.find(kEnter, left), std::string::npos);
    EXPECT_EQ(terms().c_lflag, in_lines().c_lflag);
    EXPECT_EQ(terms().c_iflag, in_lines().c_iflag);
    EXPECT_EQ(terms().c_oflag, in_lines().c_oflag);
  }

  /// The screen beside the shell's of xterm(1).
  static constexpr std::string_view kEnter = "\x1b[?1049h";
  static constexpr std::string_view kLeave = "\x1b[?1049l";
  static constexpr int kPatienceMs = 60'000;
  static constexpr int kLookMs = 20;

  pid_t child_ = -1;
  UniqueFd terminal_;
  UniqueFd other_end_;
  std::string drawn_;
};

TEST_F(TopTerminalTest, DrawsAndGivesTheTerminalBackWhenToldToQuit) {
  start({.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0});
  wait_for("acme");
  wait_for("RSS");

  EXPECT_THAT(drawn_, HasSubstr(std::string(kEnter)));
  EXPECT_THAT(drawn_, HasSubstr("LATELY"));
  EXPECT_THAT(drawn_, Not(HasSubstr("SOCKETS"))) << "a column that 80 have no room for";
  EXPECT_EQ(terms().c_lflag & ICANON, 0U);

  press('q');
  EXPECT_EQ(wait_for_end(), 0);
  expect_given_back();
}

TEST_F(TopTerminalTest, FollowsTheSizeOfItsTerminal) {
  start({.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0});
  wait_for("RSS");

  const winsize wide{.ws_row = 24, .ws_col = 128, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(::ioctl(terminal_.get(), TIOCSWINSZ, &wide), 0);
  wait_for("SOCKETS");

  press('q');
  EXPECT_EQ(wait_for_end(), 0);
}

TEST_F(TopTerminalTest, GivesTheTerminalBackWhenInterrupted) {
  start({.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0});
  wait_for("RSS");

  press(3);
  EXPECT_EQ(wait_for_end(), 128 + SIGINT);
  expect_given_back();
}

}  // namespace
}  // namespace voicectl
