// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/os/reactor.h"
#include "tests/support/fake_fd_channel.h"
#include "tests/support/fake_listener_factory.h"
#include "tests/support/fake_process_spawner.h"

namespace voicectl {

/// voicectl-holder as the simulated machine runs it: every process of that program keeps what it is
/// given (provisioner/holder/protocol.h) until it ends.
class FakeHolder {
 public:
  /// Adds to the hooks of `processes` that are there already.
  /// OWNS nothing: all must outlive it. `reactor` is the world's, not a daemon's.
  FakeHolder(Reactor& reactor, FakeProcesses& processes, FakeChannelHub& hub, FakeNetwork& network);
  FakeHolder(const FakeHolder&) = delete;
  FakeHolder& operator=(const FakeHolder&) = delete;

  /// Ends the running one, if any.
  void crash();
  /// It stands still from now on: it takes connections and answers nothing.
  void freeze() { is_frozen_ = true; }
  /// It goes on with what was said meanwhile.
  void thaw();
  /// It has no room for what is put from now on, or has again.
  void fill(bool is_full) { is_full_ = is_full; }
  /// What it says its version is.
  void set_version(int version) { version_ = version; }

  bool is_running() const { return who_.has_value(); }
  std::optional<ProcessIdentity> identity() const { return who_; }
  std::vector<std::string> names() const;
  int starts() const { return starts_; }

 private:
  void begin(const ProcessIdentity& who);
  void end(const ProcessIdentity& who);
  void take(std::uint64_t visitor, const std::string& text, std::vector<UniqueFd> descriptors);
  /// From entry number `told` on.
  void tell_list(std::uint64_t visitor, std::size_t told);

  Reactor& reactor_;
  FakeProcesses& processes_;
  FakeProcessSpawner observer_;
  FakeChannelHub& hub_;
  FakeNetwork& network_;
  std::optional<ProcessIdentity> who_;
  std::string path_;
  std::map<std::string, std::vector<UniqueFd>, std::less<>> kept_;
  std::map<std::uint64_t, std::unique_ptr<FdChannel>> visitors_;
  std::uint64_t last_visitor_ = 0;
  int starts_ = 0;
  int version_;
  bool is_frozen_ = false;
  bool is_full_ = false;
  struct Unheard {
    std::uint64_t visitor;
    std::string text;
    std::vector<UniqueFd> descriptors;
  };
  std::vector<Unheard> unheard_;
};

}  // namespace voicectl
