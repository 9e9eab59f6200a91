// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/os/reactor.h"
#include "base/os/unique_fd.h"
#include "base/result.h"
#include "base/units.h"
#include "runtime/control/protocol.h"
#include "runtime/control/token_book.h"
#include "tests/support/fake_fd_channel.h"
#include "tests/support/fake_listener_factory.h"
#include "tests/support/fake_process_spawner.h"
#include "tests/support/fake_tenant_store.h"

namespace voicectl {

/// How a simulated instance behaves. What is not said goes well.
struct InstanceScript {
  /// From its start to its first answer; nullopt for never.
  std::optional<Duration> ready_after = std::chrono::milliseconds(50);
  /// It ends by itself this long after its start.
  std::optional<Duration> ends_after = std::nullopt;
  ProcessExit ends_with = FakeProcesses::exited(3);
  /// From kStop or SIGTERM to its end; nullopt if it ignores both.
  std::optional<Duration> stops_after = std::chrono::milliseconds(20);
  /// Answers nothing on its channel any more, though it accepts connections.
  bool is_mute = false;
  /// The number that it says it has, instead of its own.
  std::optional<int> claimed_pid = std::nullopt;
};

/// voice-runtime as the simulated machine runs it: every process that is started with
/// `--instance <name>` speaks runtime/control/protocol.h on its control socket. The instances
/// outlive the daemon, with the listeners that were lent to them.
///
/// A second process of a name that one runs under already is known as `<name>+` until that has
/// ended.
class FakeInstances {
 public:
  struct Lent {
    Generation generation;
    FencingToken token;
    std::string config;
    std::string data;
    /// Where the two listeners are bound, as FakeNetwork says.
    std::string unix_address;
    std::string tcp_address;
    /// How often it was told to read the keys again.
    int key_reloads = 0;
  };

  /// Adds to the hooks of `processes` that are there already.
  /// OWNS nothing: all must outlive it. `reactor` is the world's, not a daemon's.
  FakeInstances(Reactor& reactor,
                FakeProcesses& processes,
                FakeChannelHub& hub,
                FakeNetwork& network);
  FakeInstances(const FakeInstances&) = delete;
  FakeInstances& operator=(const FakeInstances&) = delete;

  /// How instances of that name behave from their next start on.
  void script(const std::string& name, InstanceScript script) { scripts_[name] = script; }
  /// How instances of that program file behave, when nothing is said of their name.
  void script_program(const std::string& path, InstanceScript script) { programs_[path] = script; }
  /// How all others do.
  void script_all(InstanceScript script) { default_script_ = script; }
  /// Changes how the running instance behaves.
  InstanceScript& script_of_running(const std::string& name);

  /// Answers instead of the instance: the body of `ok`, or an error; nullopt to leave it to it.
  std::function<std::optional<Result<std::string>>(const std::string& name,
                                                   const control::Message& question)>
      on_request;

  /// What is lost with a connection that breaks as a question comes.
  enum class Loss {
    kNothing,
    kQuestion,  ///< it never arrives
    kAnswer,    ///< it is obeyed, and nobody learns of it
  };
  /// Decides for each question; empty: nothing is lost.
  std::function<Loss(const std::string& name, const control::Message& question)> on_delivery;

  /// Live sessions that whoever holds a tenant tells of it; who is not named has none.
  std::map<TenantId, std::uint64_t> sessions;
  /// Tenants in one page of a sample.
  std::size_t sample_page = 100;
  /// From now on whoever holds the tenant spends that much of a processor for it, and tells so. Of
  /// others no processor time is told.
  void use_processor(const TenantId& tenant, MilliCpu rate);

  /// The steps of a hand-over between two instances, in their order.
  enum class HandOverStep {
    kOffered,
    kAccepted,
    kQuiet,
    kReleased,
    kOpened,
    kSent,
    kTaken,  ///< from here on the other one has the tenant
    kTold,
  };
  static constexpr int kHandOverSteps = static_cast<int>(HandOverStep::kTold) + 1;
  /// Runs when a hand-over has come to a step, before anything follows from it. May crash instances
  /// or the daemon.
  std::function<void(HandOverStep step, const std::string& source, const std::string& target)>
      on_hand_over_step;

  /// Ends the running instance of that name.
  void crash(const std::string& name, ProcessExit how = FakeProcesses::killed_by(11));
  /// Breaks its connections; it goes on and accepts new ones.
  void drop_channel(const std::string& name);
  /// Its control socket is gone for good, as when its loop stands still with a full queue.
  void stop_accepting(const std::string& name);

  bool is_running(const std::string& name) const { return running_.contains(name); }
  /// Whether it runs and a daemon has reached it.
  bool is_connected(const std::string& name) const;
  std::optional<ProcessIdentity> identity(const std::string& name) const;
  /// Starts of that name so far.
  int starts(const std::string& name) const;
  /// Names of running instances that hold the tenant.
  std::vector<std::string> holders(const TenantId& tenant) const;
  /// The name that it was started with: a second process of it, which is listed as `name+` as long
  /// as the first runs, is the same instance.
  static std::string given_name(const std::string& name);
  /// nullptr if it does not hold the tenant.
  const Lent* find(const std::string& name, const TenantId& tenant) const;
  /// Whether it holds the tenant and accepts for it at the socket that lies at `path` now, and at
  /// `port`.
  bool accepts_at(const std::string& name,
                  const TenantId& tenant,
                  const std::string& path,
                  Port port) const;
  /// A caller comes to the tenant's socket at `path` and adds event `number` to a session.
  /// Returns how many it has then.
  /// ERRORS: kUnavailable: nobody answers now; as FakeTenantStore::add().
  Result<std::uint64_t> call(const TenantId& tenant,
                             const std::string& path,
                             const std::string& session,
                             std::uint64_t number);
  /// What the running instance of that name was started with; empty if none runs.
  std::string program_of(const std::string& name) const;

 private:
  struct Tenant {
    Lent lent;
    UniqueFd unix_listener;
    UniqueFd tcp_listener;
    std::optional<FakeTenantStore> store = std::nullopt;
    /// Callers wait: it is being handed over.
    bool is_quiet = false;
  };
  /// One side of a hand-over, and where its answer goes.
  struct Side {
    std::string name;
    ProcessIdentity who;
    std::uint64_t connection = 0;
    std::uint64_t question = 0;
  };
  struct HandOver {
    FencingToken token;
    FencingToken back;
    std::optional<Side> source;
    std::optional<Side> target;
    /// What the target was given.
    std::optional<Tenant> received;
    bool tells_progress = false;
    /// Why the source does not even begin.
    std::optional<Error> unfit;
    int step = -1;
  };
  struct Instance {
    ProcessIdentity who;
    InstanceScript script;
    std::string control_path;
    /// Another socket was bound at its path: nobody reaches its own any more.
    bool is_hidden = false;
    std::unique_ptr<FdChannel> channel;
    /// Grows with each daemon that connects: an answer goes to the one who asked, or to nobody.
    std::uint64_t connection = 0;
    std::uint64_t highest_epoch = 0;
    std::map<TenantId, Tenant> tenants;
    /// As forgetful as one can be: the daemon must not need what it forgets.
    TokenBook tokens{1};
  };

  void begin(const LaunchSpec& spec, const ProcessIdentity& who);
  void forget(const ProcessIdentity& who);
  void hide_others_at(const std::string& path);
  void end_later(const std::string& name, Duration wait, ProcessExit how);
  void listen(const ProcessIdentity& who);
  void take(const std::string& name, const std::string& text, std::vector<UniqueFd> descriptors);
  /// Whether the question goes with the connection that it came over.
  bool is_lost(const control::Message& question, const std::string& name);
  Result<std::string> answer(const std::string& name,
                             Instance& instance,
                             const control::Message& question,
                             std::vector<UniqueFd> descriptors);
  Result<std::string> greet(Instance& instance, const control::Message& question);
  Result<std::string> lend(Instance& instance,
                           const control::Message& question,
                           std::vector<UniqueFd> descriptors);
  Result<std::string> reclaim(Instance& instance, const control::Message& question);
  Result<std::string> regain(Instance& instance, const control::Message& question);
  Result<std::string> reconfigure(Instance& instance, const control::Message& question);
  Result<std::string> reload_keys(Instance& instance, const control::Message& question);
  std::uint64_t sessions_of(const TenantId& tenant) const;
  /// Processor time up to `since`, and how fast it grows.
  struct Work {
    Duration before{0};
    MonoTime since;
    MilliCpu rate;
  };
  Duration used(const Work& work) const;
  std::map<TenantId, Work> work_;
  Result<std::string> stats(const Instance& instance, const control::Message& question) const;
  // fake_instance_handover.cpp
  void take_hand_over(const std::string& name,
                      const control::Message& question,
                      std::vector<UniqueFd> descriptors);
  /// The source serves callers again, under the token that the store knows by now.
  void take_up_again(Tenant& tenant);
  Status join_hand_over(const std::string& name,
                        Instance& instance,
                        const control::Message& question,
                        std::vector<UniqueFd> descriptors);
  void advance_hand_over(const TenantId& tenant);
  void end_hand_over(const TenantId& tenant);
  void cancel_hand_overs(const std::string& name);
  void reply(const Side& side, const Result<std::string>& body);
  void tell_progress(const HandOver& hand_over);
  Instance* find_side(const std::optional<Side>& side);

  bool take_signal(const ProcessIdentity& who, int number);
  std::optional<std::string> name_of_process(const ProcessIdentity& who) const;

  Reactor& reactor_;
  FakeProcesses& processes_;
  FakeProcessSpawner observer_;
  FakeChannelHub& hub_;
  FakeNetwork& network_;
  InstanceScript default_script_;
  std::map<std::string, InstanceScript> scripts_;
  std::map<std::string, InstanceScript> programs_;
  std::map<std::string, Instance> running_;
  std::map<std::string, int> starts_;
  std::size_t calls_ = 0;
  std::map<TenantId, HandOver> hand_overs_;
};

}  // namespace voicectl
