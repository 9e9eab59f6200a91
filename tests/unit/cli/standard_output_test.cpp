// SPDX-License-Identifier: Apache-2.0
#include "cli/standard_output.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cerrno>
#include <ostream>
#include <sstream>

#include "base/os/unique_fd.h"

namespace voicectl {
namespace {

using Sent = DescriptorBuffer::Sent;

struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    from = UniqueFd(ends[0]);
    to = UniqueFd(ends[1]);
  }
  std::string read() const {
    std::string text(100, '\0');
    const ssize_t count = ::read(from.get(), text.data(), text.size());
    return text.substr(0, count < 0 ? 0 : static_cast<std::size_t>(count));
  }
  UniqueFd from;
  UniqueFd to;
};

TEST(StandardOutputTest, SendsLinesWhereSomebodyLooksOnAndElseWhatWasFlushed) {
  const Pipe pipe;
  DescriptorBuffer watched(pipe.to.get(), Sent::kAtLineEnds);
  DescriptorBuffer unwatched(pipe.to.get(), Sent::kWhenFull);

  std::ostream(&watched) << "a line" << '\n' << "and more";
  EXPECT_EQ(pipe.read(), "a line\n");
  std::ostream to_nobody(&unwatched);
  to_nobody << "a line\n";
  EXPECT_EQ(pipe.read(), "");
  to_nobody.flush();
  EXPECT_EQ(pipe.read(), "a line\n");
  EXPECT_EQ(unwatched.problem(), 0);
}

TEST(StandardOutputTest, AFullDiskIsAFailureWhateverTheCommandSays) {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  DescriptorBuffer buffer(full.get(), Sent::kWhenFull);
  std::ostream out(&buffer);
  std::ostringstream err;

  out << "the result" << std::flush;

  EXPECT_EQ(buffer.problem(), ENOSPC);
  EXPECT_FALSE(out);
  EXPECT_EQ(code_after_output(ExitCode::kOk, buffer.problem(), err), 1);
  EXPECT_EQ(err.str(), "voicectl: cannot write the output: No space left on device\n");
  EXPECT_EQ(code_after_output(ExitCode::kChanges, buffer.problem(), err), 1);
  EXPECT_EQ(code_after_output(ExitCode::kConflict, buffer.problem(), err), 4);
}

TEST(StandardOutputTest, AnOutputThatArrivedChangesNoCodeAndAClosedPipeIsNoNews) {
  std::ostringstream err;

  EXPECT_EQ(code_after_output(ExitCode::kOk, 0, err), 0);
  EXPECT_EQ(code_after_output(ExitCode::kChanges, 0, err), 2);
  EXPECT_EQ(code_after_output(ExitCode::kOk, EPIPE, err), 141);
  EXPECT_EQ(err.str(), "");
}

}  // namespace
}  // namespace voicectl
