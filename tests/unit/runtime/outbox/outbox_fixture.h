// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/outbox/outbox.h"
#include "tests/support/matchers.h"
#include "tests/support/session/fake_session_store.h"
#include "tests/support/sim_reactor.h"

namespace voicectl::runtime {

/// Another system that counts what it is asked for, and answers as it is told.
class ScriptedSide final : public Deliverer {
 public:
  struct Try {
    MonoTime at;
    std::uint64_t id = 0;
    std::string key;
    std::string session;
    Attempt attempt = Attempt::kFirst;
  };

  explicit ScriptedSide(Reactor& reactor, std::string name = "erpnext")
      : reactor_(reactor), name_(std::move(name)) {}

  std::string_view target() const override { return name_; }
  void deliver(const OutboxEntry& entry,
               Attempt attempt,
               std::function<void(DeliveryOutcome)> done) override;
  void give_up(const OutboxEntry& entry, std::function<void(DeliveryOutcome)> done) override;

  /// How the next attempts go; one that takes no time answers within the call.
  std::function<DeliveryOutcome(const OutboxEntry&)> answer = [](const OutboxEntry&) {
    return DeliveryOutcome{};
  };
  Duration takes{0};

  std::vector<Try> tries;
  std::uint32_t in_flight = 0;
  std::uint32_t most_in_flight = 0;
  /// Keys that had their effect, and how often.
  std::map<std::string, int> effects;
  std::vector<std::uint64_t> given_up;

 private:
  void finish(const OutboxEntry& entry, const std::function<void(DeliveryOutcome)>& done);

  Reactor& reactor_;
  std::string name_;
};

DeliveryOutcome failed(DeliveryOutcome::Verdict verdict,
                       std::string error = "cannot reach it",
                       std::optional<Duration> retry_after = std::nullopt);

/// A tenant's store, book and outbox on simulated time.
class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() { start(); }

  /// As a process that begins; what was before is gone, but for the disk.
  void start();
  void kill();

  /// Records one effect.
  void decide(const std::string& key, const std::string& session = "", std::string kind = "erp.do");
  std::vector<std::string> keys_tried() const;
  const OutboxEntry& on_disk(std::uint64_t id) const { return disk_.outbox.at(id); }

  SimReactor world_;
  SimWallClock clock_{world_};
  SeededRandom random_{7};
  FakeStoreDisk disk_;
  ScriptedSide side_{world_};
  ScriptedSide other_side_{world_, "ultravox"};

  struct Process {
    explicit Process(OutboxTest& test);
    SimReactorView loop;
    FakeSessionStore store;
    EventHub hub;
    std::optional<Outbox> outbox;
    SessionBook book;
  };
  std::optional<Process> process_;
  std::vector<Status> outcomes_;
  /// Of whom somebody was told that they are dead.
  std::vector<std::uint64_t> told_dead_;
};

}  // namespace voicectl::runtime
