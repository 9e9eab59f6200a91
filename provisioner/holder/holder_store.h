// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/backoff.h"
#include "base/os/descriptor_store.h"
#include "base/os/fd_channel.h"
#include "base/os/file_system.h"
#include "base/os/listener_factory.h"
#include "base/os/process_spawner.h"
#include "base/os/reactor.h"
#include "provisioner/instances/connection_keeper.h"

namespace voicectl {

/// Keeps descriptors, and the connections of instances, in voicectl-holder, a process of ours that
/// outlives the daemon: started when there is none, taken over from an earlier run, started anew
/// when it dies.
///
/// On disk: `<run>/holder.sock` where it listens, `<run>/holder.json` who it is, written before it
/// runs.
class HolderStore final : public DescriptorStore, public ConnectionKeeper {
 public:
  struct Deps {
    Reactor& reactor;
    ProcessSpawner& processes;
    ListenerFactory& listeners;
    FdChannelFactory& channels;
    FileSystem& files;
  };
  struct Options {
    std::string program;
    /// The daemon's run folder; it must be there when `open` is called.
    std::string run;
    std::uint32_t own_uid = 0;
    /// For an earlier run's holder to say the next word of what it has. It may be the only one that
    /// has it, and a machine short of memory is slow: it is told, and waited for.
    Duration list_limit = std::chrono::seconds(5);
    /// Then it is replaced: one that says nothing for so long keeps nothing that can be had.
    Duration list_patience = std::chrono::seconds(60);
    /// For one that was told to stop.
    Duration stop_limit = std::chrono::seconds(2);
    /// Waits before it is started anew.
    BackoffPolicy wait{.first = std::chrono::milliseconds(100), .cap = std::chrono::seconds(60)};
    /// Waits before what was not kept is put again.
    BackoffPolicy put_wait{.first = std::chrono::seconds(1), .cap = std::chrono::seconds(60)};
  };

  HolderStore(const Deps& deps, Options options);
  /// Touches no process: the holder goes on.
  ~HolderStore() override;
  HolderStore(const HolderStore&) = delete;
  HolderStore& operator=(const HolderStore&) = delete;

  /// Where a holder of that run folder is noted.
  static std::string identity_file(const std::string& run) { return run + "/holder.json"; }

  void open(Handlers handlers, std::function<void(std::vector<KeptDescriptors>)> done) override;
  void put(const std::string& name, const std::vector<int>& descriptors) override;
  void drop(const std::string& name) override;
  void clear(std::function<void()> done) override;

  Result<UniqueFd> open_lane(const InstanceId& instance) override;
  void allow(const InstanceId& instance, const TenantId& tenant) override;
  void forbid(const InstanceId& instance, const TenantId& tenant) override;
  Result<UniqueFd> give(const TenantId& tenant) override;
  void when_lanes_are_lost(std::function<void()> task) override {
    on_lanes_lost_ = std::move(task);
  }

 private:
  struct Waiting {
    std::string text;
    /// To send along, open until then.
    std::vector<int> descriptors;
    /// Those of them that nobody else keeps open.
    std::vector<UniqueFd> owned{};
    /// What is put; empty for anything else.
    std::string name{};
  };

  std::string socket_path() const { return options_.run + "/holder.sock"; }
  std::string identity_path() const { return identity_file(options_.run); }

  void adopt_process();
  /// Asks an earlier run's holder what it has, or finds that there is none.
  void look_for_it();
  Status connect();
  Status spawn();
  void take(const std::string& text, std::vector<UniqueFd> descriptors);
  void take_end(std::string_view words);
  /// Something is not kept, and will be put again with everything else.
  void tell_not_kept(const Error& why);
  /// Gives what was found to whoever waits for it.
  void answer_open();
  /// The channel to it has ended.
  void lose();
  /// It is gone or useless: ends what is left of it, and starts another.
  void replace(const std::string& why);
  void start();
  /// Asks whoever has the socket to go: who it is was lost, so that it cannot be ended.
  void dismiss();
  void start_later();
  /// Sends one end of a new pair of sockets there; the other one is for somebody else.
  Result<UniqueFd> send_end(const std::string& text);
  /// ERRORS: kResourceExhausted, told already: it has to wait, with duplicates of `descriptors`,
  /// for which there is no room.
  Status send(const std::string& text, const std::vector<int>& descriptors);
  static Result<std::vector<UniqueFd>> own(const std::vector<int>& descriptors);
  /// False if it has to wait.
  bool is_sent(const std::string& text, const std::vector<int>& descriptors);
  void wait_to_send(Waiting waiting);
  /// What waits of that name, and may be closed from now on, is sent no more.
  void forget_waiting(const std::string& name);
  void send_waiting();
  void end_process();
  void on_exit(const ProcessIdentity& who);
  void finish_clear();
  void set_timer(Duration wait, void (HolderStore::*then)());
  void cancel_timer();
  void on_list_overdue();
  void on_stop_overdue();

  /// `task` as one that does nothing once this is gone.
  template <typename Task>
  auto guarded(Task task) const {
    return [task = std::move(task), alive = std::weak_ptr<int>(alive_)](auto&&... arguments) {
      if (!alive.expired()) {
        task(std::forward<decltype(arguments)>(arguments)...);
      }
    };
  }

  Deps deps_;
  Options options_;
  Handlers handlers_;
  std::unique_ptr<FdChannel> channel_;
  std::optional<ProcessIdentity> process_;
  std::function<void(std::vector<KeptDescriptors>)> on_open_;
  std::vector<KeptDescriptors> found_;
  std::function<void()> on_clear_;
  std::function<void()> on_lanes_lost_;
  /// More than the kernel takes at once.
  std::deque<Waiting> waiting_;
  bool is_sending_later_ = false;
  /// It was told that more was asked of a slow holder than may wait.
  bool is_short_ = false;
  bool is_putting_again_ = false;
  int refusals_ = 0;
  std::optional<TimerId> timer_;
  /// How long the holder has said nothing while it was asked what it has.
  Duration silence_{};
  int attempt_ = 0;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace voicectl
