// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/os/descriptor_store.h"
#include "base/os/file_system.h"
#include "base/os/listener_factory.h"
#include "base/os/process_spawner.h"
#include "base/result.h"

namespace voicectl {

/// Thrown through the daemon's code when a plan of faults kills it. Only tests throw and catch.
struct DaemonKilled {
  std::string operation;
};

/// Where the daemon dies, seen from the call that is chosen.
enum class KillPoint { kBeforeEffect, kAfterEffect };

/// Decides the fate of calls through seams. One plan is shared by all seams of one daemon, so that
/// "the n-th call" counts all of them; that is what crash point tests walk through.
///
/// Once the daemon was killed, no call has an effect any more: destructors that run while the
/// test unwinds cannot undo what a killed process would have left.
class FaultPlan {
 public:
  /// Call number `n` (the first is 1) fails with `error` and has no effect.
  void fail_at(std::size_t n, Error error) { failures_.insert_or_assign(n, std::move(error)); }
  /// The daemon dies at call number `n`.
  void kill_at(std::size_t n, KillPoint point) { kill_ = {n, point}; }

  /// Calls so far: run once without faults to learn how many points there are.
  std::size_t calls() const { return names_.size(); }
  /// What each call was, in order.
  const std::vector<std::string>& names() const { return names_; }
  bool is_killed() const { return is_killed_; }
  /// The daemon dies from outside, between two calls.
  void kill() { is_killed_ = true; }

  /// Runs `call` (which returns a Result or Status) as the plan says.
  template <typename Call>
  auto run(std::string_view name, Call call) -> decltype(call()) {
    if (is_killed_) {
      return Error(ErrorCode::kCancelled, "cannot act: this daemon was killed");
    }
    names_.emplace_back(name);
    if (const auto planned = failures_.find(names_.size()); planned != failures_.end()) {
      return planned->second;
    }
    const bool dies_here = kill_ && kill_->first == names_.size();
    if (dies_here && kill_->second == KillPoint::kBeforeEffect) {
      die(name);
    }
    auto outcome = call();
    if (dies_here) {
      die(name);
    }
    return outcome;
  }

 private:
  [[noreturn]] void die(std::string_view name) {
    is_killed_ = true;
    throw DaemonKilled{std::string(name)};
  }

  std::map<std::size_t, Error> failures_;
  std::optional<std::pair<std::size_t, KillPoint>> kill_;
  std::vector<std::string> names_;
  bool is_killed_ = false;
};

class FaultyFileSystem final : public FileSystem {
 public:
  FaultyFileSystem(FileSystem& inner, FaultPlan& plan) : inner_(inner), plan_(plan) {}

  Result<std::optional<std::string>> read(const std::string& path, std::size_t max_bytes) override {
    return plan_.run("read " + path, [&] { return inner_.read(path, max_bytes); });
  }
  Status replace_atomically(const std::string& path,
                            std::string_view content,
                            FileMode mode) override {
    return plan_.run("replace " + path,
                     [&] { return inner_.replace_atomically(path, content, mode); });
  }
  Status replace_owned(const std::string& path,
                       std::string_view content,
                       FileMode mode,
                       UserIds owner) override {
    return plan_.run("replace " + path,
                     [&] { return inner_.replace_owned(path, content, mode, owner); });
  }
  Status replace_link(const std::string& path, const std::string& target) override {
    return plan_.run("link " + path, [&] { return inner_.replace_link(path, target); });
  }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    return plan_.run("list " + directory, [&] { return inner_.list(directory); });
  }
  Status make_directory(const std::string& path, FileMode mode) override {
    return plan_.run("mkdir " + path, [&] { return inner_.make_directory(path, mode); });
  }
  Status remove(const std::string& path) override {
    return plan_.run("remove " + path, [&] { return inner_.remove(path); });
  }
  Status set_owner(const std::string& path, UserIds owner) override {
    return plan_.run("chown " + path, [&] { return inner_.set_owner(path, owner); });
  }
  Status move(const std::string& from, const std::string& to) override {
    return plan_.run("move " + from, [&] { return inner_.move(from, to); });
  }

 private:
  FileSystem& inner_;
  FaultPlan& plan_;
};

class FaultyProcessSpawner final : public ProcessSpawner {
 public:
  FaultyProcessSpawner(ProcessSpawner& inner, FaultPlan& plan) : inner_(inner), plan_(plan) {}

  Result<ProcessIdentity> spawn(const LaunchSpec& spec, OnExit on_exit) override {
    return plan_.run("spawn " + spec.argv.front(),
                     [&] { return inner_.spawn(spec, std::move(on_exit)); });
  }
  Status adopt(const ProcessIdentity& who, OnExit on_exit) override {
    return plan_.run("adopt", [&] { return inner_.adopt(who, std::move(on_exit)); });
  }
  Status signal_group(const ProcessIdentity& who, int signal_number) override {
    return plan_.run("signal " + std::to_string(signal_number),
                     [&] { return inner_.signal_group(who, signal_number); });
  }
  std::optional<ProcessIdentity> identify(int pid) override { return inner_.identify(pid); }
  Duration age_of(const ProcessIdentity& who) override { return inner_.age_of(who); }

 private:
  ProcessSpawner& inner_;
  FaultPlan& plan_;
};

class FaultyListenerFactory final : public ListenerFactory {
 public:
  FaultyListenerFactory(ListenerFactory& inner, FaultPlan& plan) : inner_(inner), plan_(plan) {}

  Result<UniqueFd> bind_tcp(Port port) override {
    return plan_.run("bind " + port.str(), [&] { return inner_.bind_tcp(port); });
  }
  Result<UniqueFd> bind_unix(const std::string& path, const SocketAccess& access) override {
    return plan_.run("bind " + path, [&] { return inner_.bind_unix(path, access); });
  }
  Result<UniqueFd> bind_unix_packets(const std::string& path, const SocketAccess& access) override {
    return plan_.run("bind " + path, [&] { return inner_.bind_unix_packets(path, access); });
  }
  void stop_listening(const UniqueFd& listener) override { inner_.stop_listening(listener); }
  std::string describe(const UniqueFd& listener) const override {
    return inner_.describe(listener);
  }

 private:
  ListenerFactory& inner_;
  FaultPlan& plan_;
};

class FaultyDescriptorStore final : public DescriptorStore {
 public:
  FaultyDescriptorStore(DescriptorStore& inner, FaultPlan& plan) : inner_(inner), plan_(plan) {}

  void open(Handlers handlers, std::function<void(std::vector<KeptDescriptors>)> done) override {
    run("open kept", [&] { inner_.open(std::move(handlers), std::move(done)); });
  }
  void put(const std::string& name, const std::vector<int>& descriptors) override {
    run("keep " + name, [&] { inner_.put(name, descriptors); });
  }
  void drop(const std::string& name) override {
    run("drop " + name, [&] { inner_.drop(name); });
  }
  void clear(std::function<void()> done) override {
    run("clear kept", [&] { inner_.clear(std::move(done)); });
  }

 private:
  template <typename Call>
  void run(const std::string& name, Call call) {
    (void)plan_.run(name, [&]() -> Status {
      call();
      return ok_status();
    });
  }

  DescriptorStore& inner_;
  FaultPlan& plan_;
};

}  // namespace voicectl
