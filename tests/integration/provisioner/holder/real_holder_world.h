// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/os/posix_file_system.h"
#include "base/os/posix_listener_factory.h"
#include "base/os/posix_process_spawner.h"
#include "base/os/process_identity.h"
#include "provisioner/holder/holder_store.h"
#include "tests/support/contract_descriptor_store.h"
#include "tests/support/real_loop.h"
#include "tests/support/temp_dir.h"

namespace voicectl {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time

/// A run folder, and owners of its holder one after the other.
class RealHolderWorld final : public DescriptorStoreWorld {
 public:
  ~RealHolderWorld() override {
    const auto who = identity();
    store_.reset();
    if (who) {
      (void)::kill(who->pid, SIGKILL);
      loop_.run_until([&] { return !spawner_->identify(who->pid); });
    }
  }
  DescriptorStore& restart() override { return restart_holder_store(); }
  HolderStore& restart_holder_store() {
    store_.reset();
    spawner_ = std::make_unique<PosixProcessSpawner>(loop_.reactor(), loop_.reactor());
    store_ = std::make_unique<HolderStore>(
        HolderStore::Deps{loop_.reactor(), *spawner_, listeners_, channels_, files_},
        HolderStore::Options{
            .program = VOICECTL_HOLDER, .run = folder_.path(), .own_uid = ::geteuid()});
    return *store_;
  }
  void run_until(const std::function<bool()>& condition) override { loop_.run_until(condition); }
  /// Until the holder has read all that was sent, also what had to wait for room.
  void settle() override {
    int before = -1;
    for (int now = count(); now != before; now = count()) {
      before = now;
      loop_.run_for(10ms);
    }
  }
  bool lose_keeper() override { return ::kill(identity()->pid, SIGKILL) == 0; }

  std::optional<ProcessIdentity> identity() const {
    std::ifstream file(folder_.path("holder.json"));
    std::stringstream text;
    text << file.rdbuf();
    return parse_identity(text.str());
  }
  bool is_alive(const ProcessIdentity& who) { return spawner_->identify(who.pid) == who; }
  /// How many names it keeps: what visitors before said, it has heard by the time it answers.
  int count() {
    auto channel = channels_.connect(folder_.path("holder.sock"));
    if (channel.has_error()) {
      return 0;
    }
    std::string answer;
    (*channel)->start({[&answer](const std::string& text, std::vector<UniqueFd>) { answer = text; },
                       [&answer] { answer = "end 0"; }});
    (void)(*channel)->send("list", {});
    loop_.run_until([&] { return answer.starts_with("end"); });
    return std::stoi(answer.substr(4));
  }
  TempDir& folder() { return folder_; }
  RealLoop& loop() { return loop_; }
  PosixFdChannelFactory& channels() { return channels_; }

 private:
  TempDir folder_;
  RealLoop loop_;
  PosixFileSystem files_;
  PosixListenerFactory listeners_;
  PosixFdChannelFactory channels_{loop_.reactor(), loop_.reactor()};
  std::unique_ptr<PosixProcessSpawner> spawner_;
  std::unique_ptr<HolderStore> store_;
};

}  // namespace voicectl
