// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/os/descriptor_store.h"
#include "base/os/file_system.h"
#include "base/os/host_scan.h"
#include "base/os/listener_factory.h"
#include "base/os/process_spawner.h"
#include "base/result.h"

namespace voicectl {

/// Thrown through the daemon's code when a plan of faults kills it. Only tests throw and catch.
struct DaemonKilled {
  std::string operation;
};

/// Where the daemon dies, seen from the call that is chosen.
enum class KillPoint {
  kBeforeEffect,
  kAfterEffect,
  kInTheMiddle,  ///< the machine loses power: FaultPlan::on_torn makes of the call what is left of
                 ///< it
};

/// Decides the fate of calls through seams. One plan is shared by all seams of one daemon, so that
/// "the n-th call" counts all of them; that is what crash point tests walk through.
///
/// Once the daemon was killed, no call has an effect any more: destructors that run while the
/// test unwinds cannot undo what a killed process would have left.
class FaultPlan {
 public:
  /// Call number `n` (the first is 1) fails with `error` and has no effect.
  void fail_at(std::size_t n, Error error) { failures_.insert_or_assign(n, std::move(error)); }
  /// Call number `n` has its effect and says all the same that it failed, with `error`.
  void fail_late_at(std::size_t n, Error error) {
    late_failures_.insert_or_assign(n, std::move(error));
  }
  /// Call number `n`, or the next one that changes a file, says that it is done and does nothing.
  void lie_at(std::size_t n) { lie_from_ = n; }
  /// Told the name of the call that lies.
  std::function<void(std::string_view name)> on_lie;
  /// The daemon dies at call number `n`.
  void kill_at(std::size_t n, KillPoint point) { kill_ = {n, point}; }

  /// Told the name of the call in which power is lost.
  std::function<void(std::string_view name)> on_torn;

  /// Calls so far: run once without faults to learn how many points there are.
  std::size_t calls() const { return names_.size(); }
  /// What each call was, in order.
  const std::vector<std::string>& names() const { return names_; }
  bool is_killed() const { return is_killed_; }
  /// The daemon dies from outside, between two calls.
  void kill() { is_killed_ = true; }

  /// Runs what cannot fail as the plan says: it counts, the daemon may die there, and a failure
  /// that was planned for it comes to nothing.
  template <typename Call>
  void pass(std::string_view name, Call call) {
    failures_.erase(names_.size() + 1);
    (void)run(name, [&]() -> Status {
      call();
      return ok_status();
    });
  }

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
    if (dies_here && kill_->second == KillPoint::kInTheMiddle && on_torn) {
      on_torn(name);
    }
    if (dies_here && kill_->second != KillPoint::kAfterEffect) {
      die(name);
    }
    if constexpr (std::is_same_v<decltype(call()), Status>) {
      if (lies_here(name)) {
        return ok_status();
      }
    }
    auto outcome = call();
    if (dies_here) {
      die(name);
    }
    if (const auto late = late_failures_.find(names_.size()); late != late_failures_.end()) {
      return late->second;
    }
    return outcome;
  }

 private:
  bool lies_here(std::string_view name) {
    static constexpr std::string_view kChanges[] = {"replace ", "remove ", "move ",
                                                    "link ",    "mkdir ",  "chown "};
    const bool changes_a_file = std::any_of(
        std::begin(kChanges), std::end(kChanges),
        [name](std::string_view begin) { return name.substr(0, begin.size()) == begin; });
    if (!lie_from_ || names_.size() < *lie_from_ || !changes_a_file) {
      return false;
    }
    lie_from_.reset();
    if (on_lie) {
      on_lie(name);
    }
    return true;
  }
  [[noreturn]] void die(std::string_view name) {
    is_killed_ = true;
    throw DaemonKilled{std::string(name)};
  }

  std::map<std::size_t, Error> failures_;
  std::map<std::size_t, Error> late_failures_;
  std::optional<std::size_t> lie_from_;
  std::optional<std::pair<std::size_t, KillPoint>> kill_;
  std::vector<std::string> names_;
  bool is_killed_ = false;
};

/// Looks are no calls of their own: what they see decides about the calls that follow.
class FaultyHostScan final : public HostScan {
 public:
  FaultyHostScan(HostScan& inner, FaultPlan& plan) : inner_(inner), plan_(plan) {}

  Result<std::optional<FileFacts>> look(const std::string& path) override {
    return inner_.look(path);
  }
  std::unique_ptr<Glance> glance(std::vector<Seen> seen) override {
    return inner_.glance(std::move(seen));
  }
  std::vector<ProcessFacts> processes() override { return inner_.processes(); }
  std::vector<ListenerFacts> listeners() override { return inner_.listeners(); }
  std::optional<std::uint64_t> socket_inode(int descriptor) override {
    return inner_.socket_inode(descriptor);
  }
  std::vector<std::optional<FileIdentity>> bound_files(
      const std::vector<int>& descriptors) override {
    return inner_.bound_files(descriptors);
  }
  std::optional<std::set<std::uint64_t>> sockets(int pid) override { return inner_.sockets(pid); }
  Status set_access(const std::string& path,
                    const FileFacts& seen,
                    FileMode mode,
                    std::optional<UserIds> owner) override {
    return plan_.run("set access " + path,
                     [&] { return inner_.set_access(path, seen, mode, owner); });
  }
  Status signal_process(int pid, std::uint64_t start_ticks, int signal_number) override {
    return plan_.run("signal process",
                     [&] { return inner_.signal_process(pid, start_ticks, signal_number); });
  }

 private:
  HostScan& inner_;
  FaultPlan& plan_;
};

class FaultyFileSystem final : public FileSystem {
 public:
  FaultyFileSystem(FileSystem& inner, FaultPlan& plan) : inner_(inner), plan_(plan) {}

  Result<std::optional<std::string>> read(const std::string& path, std::size_t max_bytes) override {
    return plan_.run("read " + path, [&] { return inner_.read(path, max_bytes); });
  }
  Result<std::optional<std::string>> read_without_links(const std::string& path,
                                                        std::size_t max_bytes) override {
    return plan_.run("read " + path, [&] { return inner_.read_without_links(path, max_bytes); });
  }
  Result<std::string> real_path(const std::string& path) override {
    return plan_.run("resolve " + path, [&] { return inner_.real_path(path); });
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
  void close(UniqueFd listener) override { inner_.close(std::move(listener)); }
  std::string describe(const UniqueFd& listener) const override {
    return inner_.describe(listener);
  }
  bool is_same(const UniqueFd& one, const UniqueFd& other) const override {
    return inner_.is_same(one, other);
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
    plan_.pass(name, std::move(call));  // a store that loses something begins anew, and says so
  }

  DescriptorStore& inner_;
  FaultPlan& plan_;
};

}  // namespace voicectl
