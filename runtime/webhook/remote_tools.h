// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/os/reactor.h"
#include "base/result.h"
#include "runtime/backend/backend.h"
#include "runtime/outbox/deliverer.h"
#include "runtime/outbox/outbox.h"
#include "runtime/session/session_book.h"
#include "runtime/webhook/tool_dispatch.h"
#include "runtime/webhook/tool_job.h"

namespace voicectl::runtime {

/// How long an agent is kept waiting for a system behind a backend. Ultravox waits 2.5 s by default
/// and the conversation stands still meanwhile; the rest is for the way back.
inline constexpr Duration kAnswerWithin = std::chrono::milliseconds(2200);

/// Runs tools whose effect lies in another system.
///
/// The call becomes durable as an effect of the outbox before anything is sent, and is then carried
/// out at once. If the other side has answered in time, so does the agent; else the agent gets a
/// promise, and the result goes to staff and customer as events when it comes. A repeated request,
/// and the same call made again while the first one is under way, wait for the one effect.
/// THREADS: loop thread only.
class RemoteTools final : public Deliverer {
 public:
  struct Deps {
    Reactor& reactor;
    const WallClock& clock;
    SessionBook& book;
    Outbox& outbox;
    Backend& backend;
    /// Learns the name that the other system gave to a record, once the record is durable.
    std::function<void(const std::string&)> on_record = {};
  };

  /// REQUIRES: what `deps` refers to outlives it.
  explicit RemoteTools(Deps deps, Duration answer_within = kAnswerWithin);
  ~RemoteTools() override;
  RemoteTools(const RemoteTools&) = delete;
  RemoteTools& operator=(const RemoteTools&) = delete;

  /// Calls that were answered with a promise, since the tenant was opened here.
  std::uint64_t promises() const { return promises_; }

  void reconfigure(Duration answer_within) { answer_within_ = answer_within; }

  using Job = ToolJob;

  /// `job.call.body` is JSON that makes sense for the tool, and its session is live. `done` as
  /// ToolDispatch::run.
  void run(Job job, Completion<std::string> done);

  /// Keys of calls whose agents have a promise: what another process needs to know of those that
  /// wait in the outbox.
  std::vector<std::string> promised() const;
  /// The same, there. REQUIRES: the outbox has taken what the store holds.
  void go_on_with(const std::vector<std::string>& promised, std::uint64_t promises);

  std::string_view target() const override { return "erpnext"; }
  void deliver(const OutboxEntry& entry,
               Attempt attempt,
               std::function<void(DeliveryOutcome)> done) override;
  void put_off(const OutboxEntry& entry) override;
  void give_up(const OutboxEntry& entry, std::function<void(DeliveryOutcome)> done) override;

  /// Kinds of the effects: "erpnext.tool.placeOrder".
  static constexpr std::string_view kPrefix = "erpnext.tool.";

 private:
  using SharedJob = std::shared_ptr<const Job>;

  /// A tool call that is under way, and those who wait for it.
  struct Task {
    SharedJob job;
    std::vector<Completion<std::string>> waiting;
    std::optional<TimerId> timer;
    bool is_promised = false;
    /// Its effect is in the outbox.
    bool is_recorded = false;
  };
  struct Delivery;

  void decide(const ToolCall& call, const std::string& key);
  void promise(const std::string& key);
  void answer(const std::string& key, const Result<std::string>& text);
  void ask(const std::shared_ptr<const Delivery>& delivery, Attempt attempt);
  void conclude(const std::shared_ptr<const Delivery>& delivery, ToolEffect effect);
  DeliveryOutcome outcome_of(const Delivery& delivery, ToolEffect effect, const Session* session);
  std::string same_call(const ToolCall& call) const;
  /// The job of an entry: of its task, or read from what is recorded.
  Result<SharedJob> job_of(const OutboxEntry& entry) const;

  Deps deps_;
  Duration answer_within_;
  std::uint64_t promises_ = 0;
  /// By idempotency key.
  std::unordered_map<std::string, Task> tasks_;
  /// Keys of the tasks of a session.
  std::unordered_multimap<SessionId, std::string> by_session_;
  std::shared_ptr<RemoteTools*> self_;
};

}  // namespace voicectl::runtime
