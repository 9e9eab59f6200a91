// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <poll.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/os/posix_file_system.h"
#include "base/os/system_clock.h"
#include "cli/cli_app.h"
#include "cli/interrupt.h"
#include "cli/platform_lock.h"
#include "cli/posix_program_host.h"
#include "cli/standard_output.h"

namespace voicectl {
namespace {

std::optional<std::string> find_variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

bool is_set(const std::string& name) {
  const std::optional<std::string> value = find_variable(name);
  return value && !value->empty();
}

/// See no-color.org; a terminal that is dumb, or none, gets no colours unless they are forced.
Palette palette_for(int descriptor) {
  if (is_set("FORCE_COLOR")) {
    return Palette(Palette::Mode::kOn);
  }
  const bool is_plain = is_set("NO_COLOR") || is_set("VOICECTL_NO_COLOR") ||
                        find_variable("TERM") == "dumb" || ::isatty(descriptor) == 0;
  return Palette(is_plain ? Palette::Mode::kOff : Palette::Mode::kOn);
}

/// What was typed ahead is in the stream already, where the descriptor does not show it.
bool wait_for_input(Duration length) {
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(length);
  pollfd input{STDIN_FILENO, POLLIN, 0};
  return std::cin.rdbuf()->in_avail() > 0 || ::poll(&input, 1, static_cast<int>(wait.count())) != 0;
}

std::string name_of_machine() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

Console make_console(std::ostream& out) {
  return Console{std::cin,
                 out,
                 std::cerr,
                 ::isatty(STDIN_FILENO) != 0,
                 ::isatty(STDOUT_FILENO) != 0,
                 ::isatty(STDERR_FILENO) != 0,
                 palette_for(STDOUT_FILENO),
                 palette_for(STDERR_FILENO),
                 false,
                 wait_for_input};
}

/// Version, length and time of this program's file.
std::string identity_of_program() {
  struct stat found {};
  // Without it the program has another identity, which is harmless.
  (void)::stat("/proc/self/exe", &found);
  return fmt::format("{} {} {}.{}", VOICECTL_VERSION, found.st_size, found.st_mtim.tv_sec,
                     found.st_mtim.tv_nsec);
}

/// XDG Base Directory Specification. Root has its own: its HOME may be that of the person behind
/// sudo, who must not be able to tell root what a document says.
std::string find_cache_directory(std::uint32_t user_id) {
  if (user_id == 0) {
    return "/var/cache/voicectl";
  }
  if (const auto folder = find_variable("XDG_CACHE_HOME"); folder && folder->starts_with('/')) {
    return *folder + "/voicectl";
  }
  const auto home = find_variable("HOME");
  return home && home->starts_with('/') ? *home + "/.cache/voicectl" : "";
}

Surroundings make_surroundings() {
  Surroundings out;
  out.variable = find_variable;
  out.working_directory = std::filesystem::current_path().string();
  out.program_directory = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
  out.user_id = ::geteuid();
  out.host = name_of_machine();
  out.program = identity_of_program();
  out.cache_directory = find_cache_directory(out.user_id);
  const passwd* const user = ::getpwuid(::geteuid());
  out.user = user == nullptr ? std::to_string(::geteuid()) : user->pw_name;
  if (const auto behind = find_variable("SUDO_USER"); out.user_id == 0 && behind) {
    out.user = *behind + " as " + out.user;
  }
  return out;
}

void leave_on_interrupt(int) {
  // Only what is safe in a signal handler; whether it could be written changes nothing.
  for (const std::string_view part :
       {std::string_view("\nvoicectl: "), words_of_interrupt(), std::string_view("\n")}) {
    (void)!::write(STDERR_FILENO, part.data(), part.size());
  }
  ::_exit(static_cast<int>(ExitCode::kInterrupted));
}

/// What is asked or said comes behind what was printed before it. The standard streams outlive it.
class Ties {
 public:
  explicit Ties(std::ostream& out) {
    std::cin.tie(&out);
    std::cerr.tie(&out);
  }
  ~Ties() {
    std::cin.tie(nullptr);
    std::cerr.tie(nullptr);
  }
  Ties(const Ties&) = delete;
  Ties& operator=(const Ties&) = delete;
};

int run(int argc, char** argv) {
  std::signal(SIGINT, leave_on_interrupt);
  DescriptorBuffer written(STDOUT_FILENO, ::isatty(STDOUT_FILENO) != 0
                                              ? DescriptorBuffer::Sent::kAtLineEnds
                                              : DescriptorBuffer::Sent::kWhenFull);
  std::ostream out(&written);
  const Ties ties(out);
  Console console = make_console(out);
  PosixFileSystem files;
  PosixProgramHost programs;
  const SystemWallClock clock;
  const Surroundings surroundings = make_surroundings();
  CommandContext context{console, files, programs, clock, surroundings, {}};
  // A name with a line end would be a header of its own.
  const std::string from =
      safe_for_terminal(name_of_holder(context) + " voicectl/" VOICECTL_VERSION);
  context.connect = [from](const std::string& socket) { return make_daemon_client(socket, from); };
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const ExitCode code = run_voicectl(arguments, context);
  out.flush();
  return code_after_output(code, written.problem(), std::cerr);
}

}  // namespace
}  // namespace voicectl

int main(int argc, char** argv) {
  try {
    return voicectl::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "voicectl: cannot go on: %s\n", error.what());
    return 1;
  }
}
