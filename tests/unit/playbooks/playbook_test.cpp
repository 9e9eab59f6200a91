// SPDX-License-Identifier: Apache-2.0
#include "playbooks/playbook.h"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string problem_of(std::string_view text) {
  const Result<Playbook> playbook = parse_playbook("p.yaml", text);
  return playbook.has_error() ? playbook.error().text() : "no problem";
}

TEST(PlaybookTest, ReadsTasksInTheirOrder) {
  const Result<Playbook> playbook = parse_playbook("p.yaml", R"(
name: Web server
tasks:
  - name: nginx is installed
    module: package
    args: {names: [nginx, curl]}
  - module: directory
    args: {path: /srv/www}
)");

  ASSERT_THAT(playbook, IsOk());
  EXPECT_EQ(playbook->name, "Web server");
  ASSERT_THAT(playbook->tasks, SizeIs(2));
  EXPECT_EQ(playbook->tasks[0].name, "nginx is installed");
  EXPECT_EQ(playbook->tasks[1].name, "folder /srv/www");
}

TEST(PlaybookTest, NamesTheLineOfAMistake) {
  EXPECT_EQ(problem_of("name: x\ntasks:\n  - module: fiel\n"),
            "cannot read playbook 'p.yaml', line 3: cannot find module 'fiel': allowed are "
            "command, directory, expect, file, package");
}

TEST(PlaybookTest, RefusesKeysThatNobodyKnows) {
  EXPECT_THAT(problem_of("name: x\ntask: []\n"),
              HasSubstr("line 2: the playbook has no key 'task'"));
  EXPECT_THAT(problem_of("name: x\ntasks:\n - {module: package, arg: {}}\n"),
              HasSubstr("a task has no key 'arg'"));
  EXPECT_THAT(problem_of("name: x\ntasks:\n - {module: package, args: {names: [ab], state: y}}\n"),
              HasSubstr("'state': the module does not know it (it took: names)"));
}

TEST(PlaybookTest, RefusesAKeyThatStandsTwice) {
  EXPECT_THAT(problem_of("name: x\nname: y\ntasks: []\n"), HasSubstr("key 'name' stands twice"));
}

TEST(PlaybookTest, RefusesArgumentsBeforeAnythingRuns) {
  EXPECT_THAT(problem_of("name: x\ntasks:\n - {module: file, args: {path: etc/x, content: y}}\n"),
              HasSubstr("an absolute path without '..'"));
  EXPECT_THAT(problem_of("name: x\ntasks:\n - {module: directory, args: {path: /a/../b}}\n"),
              HasSubstr("an absolute path without '..'"));
  EXPECT_THAT(problem_of("name: x\ntasks:\n - {module: directory, args: {path: /a, mode: rwx}}\n"),
              HasSubstr("an octal mode"));
  EXPECT_THAT(problem_of("name: x\ntasks:\n - {module: package, args: {names: ['a; id']}}\n"),
              HasSubstr("cannot use 'a; id' as the name of a package"));
  EXPECT_THAT(problem_of("name: x\ntasks:\n - {module: package}\n"),
              HasSubstr("'names': it is missing"));
}

TEST(PlaybookTest, SaysWhatIsNoYaml) {
  EXPECT_THAT(problem_of("name: [\n"), HasSubstr("cannot read playbook 'p.yaml', line"));
  EXPECT_THAT(problem_of(""), HasSubstr("must have keys"));
  EXPECT_THAT(problem_of("[1, 2]"), HasSubstr("must have keys"));
}

TEST(PlaybookTest, RefusesAShortTextThatStandsForMillions) {
  std::string text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c <= 'h'; ++c) {
    const std::string before = "*" + std::string(1, static_cast<char>(c - 1));
    text += std::string(1, c) + ": &" + std::string(1, c) + " [" + before;
    for (int i = 0; i < 9; ++i) {
      text += "," + before;
    }
    text += "]\n";
  }

  EXPECT_THAT(parse_playbook("p.yaml", text), FailsWith(ErrorCode::kResourceExhausted));
}

TEST(PlaybookTest, ReadsTheOneInTheLibrary) {
  std::ifstream file(VOICECTL_PLAYBOOK_LIBRARY "/check_host.yaml");
  std::stringstream text;
  text << file.rdbuf();

  EXPECT_THAT(parse_playbook("check_host.yaml", text.str()), IsOk());
}

}  // namespace
}  // namespace voicectl
