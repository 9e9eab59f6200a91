// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/os/unique_fd.h"
#include "base/units.h"
#include "playbooks/libssh2_transport.h"
#include "tests/support/temp_dir.h"

namespace voicectl {

/// OpenSSH's server on loopback, for one user with one key: the user of the test. Each connection
/// gets an sshd of its own from our listening socket, so that the port is never a guess.
class LocalSshd {
 public:
  enum class Answer {
    kSshd,
    kSilence,  ///< connections are taken and nothing is ever said
  };
  explicit LocalSshd(Answer answer = Answer::kSshd);
  ~LocalSshd();

  /// Empty if it runs; else what is missing on this machine.
  const std::string& problem() const { return problem_; }

  SshHost host() const;
  /// Knows the host and has the key.
  SshOptions options() const;
  std::string path(const std::string& name) const { return folder_.path(name); }

  /// Makes a key pair `name` and `name`.pub.
  void make_key(const std::string& name, const std::string& kind) const;
  /// Writes a known-hosts file with the key `public_key` for our host.
  std::string write_known_hosts(const std::string& name, const std::string& public_key) const;

 private:
  void serve();
  void start_sshd(int connection);

  TempDir folder_;
  std::string problem_;
  Answer answer_;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  UniqueFd stop_reader_;
  UniqueFd stop_writer_;
  std::vector<pid_t> children_;
  std::vector<UniqueFd> silent_;
  std::thread thread_;
};

std::string read_text(const std::string& path);
void write_text(const std::string& path, const std::string& text);
bool run_program(std::vector<std::string> argv);

}  // namespace voicectl
