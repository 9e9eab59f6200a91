// SPDX-License-Identifier: Apache-2.0
#include "playbooks/libssh2_transport.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "playbooks/runner.h"
#include "tests/integration/playbooks/local_sshd.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class Libssh2TransportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!sshd_.problem().empty()) {
      GTEST_SKIP() << "SKIPPED: " << sshd_.problem();
    }
    // Accounts of the system, such as nobody, may not log in anywhere.
    if (connect_ssh(sshd_.host(), sshd_.options()).has_error() &&
        read_text(sshd_.path("sshd.log")).find("not allowed because") != std::string::npos) {
      GTEST_SKIP() << "SKIPPED: sshd lets this user in nowhere: "
                   << read_text(sshd_.path("sshd.log"));
    }
  }
  std::unique_ptr<SshTransport> connect() { return connect(sshd_.options()); }
  std::unique_ptr<SshTransport> connect(const SshOptions& options) {
    Result<std::unique_ptr<SshTransport>> host = connect_ssh(sshd_.host(), options);
    EXPECT_THAT(host, IsOk()) << read_text(sshd_.path("sshd.log"));
    return host.has_value() ? *std::move(host) : nullptr;
  }

  LocalSshd sshd_;
};

TEST_F(Libssh2TransportTest, TellsTheOutcomeOfACommand) {
  const auto host = connect();
  ASSERT_NE(host, nullptr);

  const auto outcome = host->run({{"sh", "-c", "echo out; echo err >&2; exit 7"}});

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->exit_code, 7);
  EXPECT_EQ(outcome->out, "out\n");
  // Before it may stand that the user's home is missing.
  EXPECT_THAT(outcome->err, EndsWith("err\n"));
}

TEST_F(Libssh2TransportTest, BringsEveryWordAcrossAsItIs) {
  const auto host = connect();
  ASSERT_NE(host, nullptr);
  const std::vector<std::string> words = {"a b", "$HOME", "`id`", "it's", "x;y", "*",
                                          "~",   "",      "\"",   "\\",   "!",   "a\nb",
                                          "-rf", "ä€😀",   "if",   "A=b",  "#",   "&&"};
  RemoteCommand command{{"printf", "<%s>"}};
  command.words.insert(command.words.end(), words.begin(), words.end());
  std::string expected;
  for (const std::string& word : words) {
    expected += "<" + word + ">";
  }

  EXPECT_EQ(host->run(command)->out, expected);
}

TEST_F(Libssh2TransportTest, GivesACommandItsInput) {
  const auto host = connect();
  ASSERT_NE(host, nullptr);
  const std::string input(200'000, 'x');

  EXPECT_EQ(host->run({{"cat"}, input})->out, input);
}

TEST_F(Libssh2TransportTest, TakesMuchOutputOfBothKinds) {
  const auto host = connect();
  ASSERT_NE(host, nullptr);

  const auto outcome =
      host->run({{"sh", "-c", "head -c 900000 /dev/zero >&2; head -c 900000 /dev/zero; echo >&2"}});

  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->out.size(), 900'000U);
  EXPECT_GE(outcome->err.size(), 900'001U);
}

TEST_F(Libssh2TransportTest, RefusesOutputWithoutEnd) {
  const auto host = connect();
  ASSERT_NE(host, nullptr);

  EXPECT_THAT(host->run({{"head", "-c", "5000000", "/dev/zero"}}),
              FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_THAT(host->run({{"true"}}), IsOk()) << "the connection stays usable";
}

TEST_F(Libssh2TransportTest, SaysThatASignalEndedACommand) {
  const auto host = connect();
  ASSERT_NE(host, nullptr);

  const auto outcome = host->run({{"sh", "-c", "kill -TERM $$"}});

  ASSERT_THAT(outcome, FailsWith(ErrorCode::kInternal));
  EXPECT_THAT(outcome.error().text(), HasSubstr("signal TERM"));
}

TEST_F(Libssh2TransportTest, WaitsForASilentCommandOnlySoLong) {
  SshOptions options = sshd_.options();
  options.silence_timeout = 300ms;
  const auto host = connect(options);
  ASSERT_NE(host, nullptr);

  EXPECT_THAT(host->run({{"tail", "-f", "/dev/null"}}), FailsWith(ErrorCode::kTimeout));
}

TEST_F(Libssh2TransportTest, ReplacesAFileInOneStep) {
  const auto host = connect();
  ASSERT_NE(host, nullptr);
  const std::string path = sshd_.path("uploaded file");
  write_text(path, "old and longer than the new one");
  const std::string content = std::string(300'000, 'n') + std::string(1, '\0');

  ASSERT_THAT(host->upload(content, path, FileMode{0640}), IsOk());

  EXPECT_EQ(read_text(path), content);
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0640U);
}

TEST_F(Libssh2TransportTest, SaysThatTheFolderOfAnUploadIsMissing) {
  const auto host = connect();
  ASSERT_NE(host, nullptr);

  EXPECT_THAT(host->upload("x", sshd_.path("none/file"), kPrivateFile),
              FailsWith(ErrorCode::kNotFound));
}

TEST_F(Libssh2TransportTest, RefusesAHostThatIsNotKnown) {
  SshOptions options = sshd_.options();
  write_text(sshd_.path("empty"), "");
  options.known_hosts_file = sshd_.path("empty");

  const auto host = connect_ssh(sshd_.host(), options);

  ASSERT_THAT(host, FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_THAT(host.error().text(), HasSubstr("it is not in"));
}

TEST_F(Libssh2TransportTest, RefusesAHostWhoseKeyHasChanged) {
  sshd_.make_key("other", "ed25519");
  SshOptions options = sshd_.options();
  options.known_hosts_file = sshd_.write_known_hosts("changed", read_text(sshd_.path("other.pub")));

  const auto host = connect_ssh(sshd_.host(), options);

  ASSERT_THAT(host, FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_THAT(host.error().text(), HasSubstr("is not the one in"));
}

TEST_F(Libssh2TransportTest, RefusesAKnownHostWithAKeyOfAnotherKind) {
  sshd_.make_key("other", "ecdsa");
  SshOptions options = sshd_.options();
  options.known_hosts_file = sshd_.write_known_hosts("kind", read_text(sshd_.path("other.pub")));

  EXPECT_THAT(connect_ssh(sshd_.host(), options), FailsWith(ErrorCode::kPermissionDenied));
}

TEST_F(Libssh2TransportTest, FindsAHostWhoseNameIsHashed) {
  ASSERT_TRUE(run_program({"ssh-keygen", "-q", "-H", "-f", sshd_.path("known_hosts")}));

  EXPECT_NE(connect(), nullptr);
}

TEST_F(Libssh2TransportTest, SaysThatThereAreNoKnownHosts) {
  SshOptions options = sshd_.options();
  options.known_hosts_file = sshd_.path("nowhere");

  EXPECT_THAT(connect_ssh(sshd_.host(), options), FailsWith(ErrorCode::kNotFound));
}

TEST_F(Libssh2TransportTest, RefusesAnRsaKeyAndNamesTheRemedy) {
  sshd_.make_key("rsa", "rsa");
  SshOptions options = sshd_.options();
  options.key_file = sshd_.path("rsa");

  const auto host = connect_ssh(sshd_.host(), options);

  ASSERT_THAT(host, FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(host.error().text(), HasSubstr("ssh-keygen -t ed25519"));
}

TEST_F(Libssh2TransportTest, IsNotLetInWithAStrangersKey) {
  sshd_.make_key("stranger", "ed25519");
  SshOptions options = sshd_.options();
  options.key_file = sshd_.path("stranger");

  EXPECT_THAT(connect_ssh(sshd_.host(), options), FailsWith(ErrorCode::kPermissionDenied));
}

TEST_F(Libssh2TransportTest, SaysThatNobodyAnswers) {
  SshHost host = sshd_.host();
  {
    const LocalSshd gone(LocalSshd::Answer::kSilence);
    host.port = gone.host().port;
  }

  EXPECT_THAT(connect_ssh(host, sshd_.options()), FailsWith(ErrorCode::kUnavailable));
}

TEST_F(Libssh2TransportTest, WaitsForASilentHostOnlySoLong) {
  const LocalSshd silent(LocalSshd::Answer::kSilence);
  SshOptions options = sshd_.options();
  options.silence_timeout = 300ms;

  EXPECT_THAT(connect_ssh(silent.host(), options), FailsWith(ErrorCode::kTimeout));
}

TEST_F(Libssh2TransportTest, CarriesAPlaybookThatChangesNothingTheSecondTime) {
  const auto host = connect();
  ASSERT_NE(host, nullptr);
  const std::string folder = sshd_.path("www folder");
  const Result<Playbook> playbook =
      parse_playbook("p.yaml",
                     "name: x\ntasks:\n"
                     "  - {module: directory, args: {path: '" +
                         folder +
                         "', mode: '0750'}}\n"
                         "  - {module: file, args: {path: '" +
                         folder +
                         "/a', content: hi, mode: '0600'}}\n"
                         "  - {module: command, args: {run: [touch, '" +
                         folder + "/b'], unless: [test, -e, '" + folder + "/b']}}\n");
  ASSERT_THAT(playbook, IsOk());

  const PlaybookReport check = run_playbook(*playbook, *host, PlaybookMode::kCheck);
  const PlaybookReport first = run_playbook(*playbook, *host, PlaybookMode::kApply);
  const PlaybookReport second = run_playbook(*playbook, *host, PlaybookMode::kApply);

  // The file's folder is not there yet when a check looks: it would be made, and then the file.
  EXPECT_EQ(check.count(TaskState::kWouldChange), 3U);
  EXPECT_EQ(first.count(TaskState::kChanged), 3U) << first.tasks.back().error;
  EXPECT_EQ(second.count(TaskState::kUnchanged), 3U);
  EXPECT_EQ(read_text(folder + "/a"), "hi");
}

}  // namespace
}  // namespace voicectl
