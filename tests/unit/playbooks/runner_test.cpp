// SPDX-License-Identifier: Apache-2.0
#include "playbooks/runner.h"

#include <gmock/gmock.h>

#include "tests/support/matchers.h"
#include "tests/support/playbooks/fake_host.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Playbook web_server() {
  const Result<Playbook> playbook = parse_playbook("p.yaml", R"(
name: Web server
tasks:
  - module: package
    args: {names: [nginx]}
  - module: directory
    args: {path: /srv/www, mode: "0750", owner: www-data}
  - module: file
    args: {path: /srv/www/index.html, content: "hello\n", mode: "0640"}
  - name: the site is enabled
    module: command
    args: {run: [enable-site, www], unless: [site-enabled, www]}
)");
  EXPECT_THAT(playbook, IsOk());
  return *playbook;
}

std::vector<TaskState> states(const PlaybookReport& report) {
  std::vector<TaskState> out;
  for (const TaskReport& task : report.tasks) {
    out.push_back(task.state);
  }
  return out;
}

/// Its site is enabled only by having been scripted so.
FakeHost a_host() {
  FakeHost host;
  host.scripted["site-enabled www"] = {0, "", ""};
  return host;
}

TEST(RunnerTest, ChangesWhatDiffersAndNothingTheSecondTime) {
  FakeHost host = a_host();

  const PlaybookReport first = run_playbook(web_server(), host, PlaybookMode::kApply);
  const std::size_t after_first = host.changes;
  const PlaybookReport second = run_playbook(web_server(), host, PlaybookMode::kApply);

  using enum TaskState;
  EXPECT_THAT(states(first), ElementsAre(kChanged, kChanged, kChanged, kUnchanged));
  EXPECT_THAT(states(second), ElementsAre(kUnchanged, kUnchanged, kUnchanged, kUnchanged));
  EXPECT_EQ(host.changes, after_first);
  EXPECT_EQ(host.entries.at("/srv/www").owner, "www-data");
  EXPECT_EQ(host.entries.at("/srv/www/index.html").content, "hello\n");
}

TEST(RunnerTest, ChecksWithoutChangingAnything) {
  FakeHost host = a_host();

  const PlaybookReport report = run_playbook(web_server(), host, PlaybookMode::kCheck);

  using enum TaskState;
  EXPECT_THAT(states(report), ElementsAre(kWouldChange, kWouldChange, kWouldChange, kUnchanged));
  EXPECT_THAT(report.tasks[1].changes,
              ElementsAre("new folder, mode 0750", "owner (none) -> www-data"));
  EXPECT_EQ(host.changes, 0U);
}

TEST(RunnerTest, SaysInACheckWhatARunThenDoes) {
  FakeHost host = a_host();

  const PlaybookReport check = run_playbook(web_server(), host, PlaybookMode::kCheck);
  const PlaybookReport apply = run_playbook(web_server(), host, PlaybookMode::kApply);

  for (std::size_t i = 0; i < check.tasks.size(); ++i) {
    EXPECT_EQ(check.tasks[i].changes, apply.tasks[i].changes);
  }
}

TEST(RunnerTest, StopsAtTheFirstTaskThatFails) {
  FakeHost host = a_host();
  host.entries["/srv/www"] = FakeHost::Entry{};  // a file is in the way

  const PlaybookReport report = run_playbook(web_server(), host, PlaybookMode::kApply);

  using enum TaskState;
  EXPECT_THAT(states(report), ElementsAre(kChanged, kFailed, kSkipped, kSkipped));
  EXPECT_FALSE(report.succeeded());
  EXPECT_THAT(report.tasks[1].error, HasSubstr("cannot make folder '/srv/www'"));
}

TEST(RunnerTest, FailsATaskThatDoesNotHoldAfterItsChange) {
  FakeHost host = a_host();
  host.scripted["site-enabled www"] = {1, "", ""};
  host.scripted["enable-site www"] = {0, "", ""};

  const PlaybookReport report = run_playbook(web_server(), host, PlaybookMode::kApply);

  EXPECT_EQ(report.tasks[3].state, TaskState::kFailed);
  EXPECT_THAT(report.tasks[3].error, HasSubstr("after the change it still lacks"));
}

TEST(RunnerTest, ShowsWhatACommandWroteWhenItFailed) {
  FakeHost host = a_host();
  host.scripted["site-enabled www"] = {1, "", ""};
  host.scripted["enable-site www"] = {3, "", "no such site"};

  const PlaybookReport report = run_playbook(web_server(), host, PlaybookMode::kApply);

  EXPECT_EQ(report.tasks[3].error,
            "cannot finish 'enable-site www': it exits with 3 (no such site)");
}

TEST(RunnerTest, FinishesInTheNextRunWhateverTheConnectionBroke) {
  // Once per call of a full run: the connection breaks there, and the next run is a whole one.
  FakeHost whole = a_host();
  (void)run_playbook(web_server(), whole, PlaybookMode::kApply);
  for (std::size_t call = 0; call < whole.log.size(); ++call) {
    FakeHost host = a_host();
    host.breaks_at = call;
    const PlaybookReport broken = run_playbook(web_server(), host, PlaybookMode::kApply);
    host.breaks_at.reset();

    const PlaybookReport next = run_playbook(web_server(), host, PlaybookMode::kApply);

    EXPECT_FALSE(broken.succeeded()) << "call " << call;
    EXPECT_TRUE(next.succeeded()) << "call " << call;
    EXPECT_EQ(host.entries.at("/srv/www/index.html").content, "hello\n");
  }
}

TEST(RunnerTest, TellsAPersonWhatOnlyAPersonCanMend) {
  FakeHost host;
  host.scripted["cat /etc/os-release"] = {0, "VERSION_CODENAME=trixie\n", ""};
  const Result<Playbook> playbook = parse_playbook("p.yaml", R"(
name: x
tasks:
  - module: expect
    args: {run: [cat, /etc/os-release], output: bookworm, remedy: use Debian 12}
)");

  const PlaybookReport report = run_playbook(*playbook, host, PlaybookMode::kCheck);

  EXPECT_EQ(report.tasks[0].error,
            "cannot accept this host: 'cat /etc/os-release': it does not say 'bookworm'; use "
            "Debian 12");
}

TEST(RunnerTest, ReportsEachTaskWhenItIsDone) {
  FakeHost host = a_host();
  std::vector<std::string> names;

  (void)run_playbook(web_server(), host, PlaybookMode::kCheck,
                     [&](const TaskReport& task) { names.push_back(task.name); });

  EXPECT_THAT(names, ElementsAre("packages nginx", "folder /srv/www", "file /srv/www/index.html",
                                 "the site is enabled"));
}

}  // namespace
}  // namespace voicectl
