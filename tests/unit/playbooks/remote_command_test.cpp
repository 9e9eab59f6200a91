// SPDX-License-Identifier: Apache-2.0
#include "playbooks/remote_command.h"

#include <gmock/gmock.h>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::Eq;

TEST(RemoteCommandTest, LeavesPlainWordsAsTheyAre) {
  EXPECT_THAT(render_for_shell({{"stat", "-c", "%a:%U", "--", "/etc/nginx/nginx.conf"}}),
              IsOkAnd(Eq("stat -c %a:%U -- /etc/nginx/nginx.conf")));
}

TEST(RemoteCommandTest, QuotesWhatAShellWouldRead) {
  EXPECT_THAT(render_for_shell({{"echo", "a b", "$HOME", "`id`", "x;y", "*", "~", ""}}),
              IsOkAnd(Eq("echo 'a b' '$HOME' '`id`' 'x;y' '*' '~' ''")));
}

TEST(RemoteCommandTest, QuotesASingleQuote) {
  EXPECT_THAT(render_for_shell({{"echo", "it's"}}), IsOkAnd(Eq("echo 'it'\\''s'")));
}

TEST(RemoteCommandTest, QuotesALineEnd) {
  EXPECT_THAT(render_for_shell({{"echo", "a\nrm -rf /"}}), IsOkAnd(Eq("echo 'a\nrm -rf /'")));
}

TEST(RemoteCommandTest, RunsAProgramThatIsNamedLikeAWordOfTheShell) {
  EXPECT_THAT(render_for_shell({{"if", "x"}}), IsOkAnd(Eq("'if' x")));
  EXPECT_THAT(render_for_shell({{"A=b", "x"}}), IsOkAnd(Eq("'A=b' x")));
}

TEST(RemoteCommandTest, RefusesWhatNoArgumentCanHold) {
  EXPECT_THAT(render_for_shell({{}}), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(render_for_shell({{"echo", std::string("a\0b", 3)}}),
              FailsWith(ErrorCode::kInvalidArgument));
}

}  // namespace
}  // namespace voicectl
