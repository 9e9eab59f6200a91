// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/remote_tools.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/crypto.h"
#include "base/json.h"

namespace voicectl::runtime {
namespace {

constexpr std::string_view kPromise =
    "I'm passing that on right now. It takes a moment longer than usual; you'll have the "
    "confirmation shortly. Is there anything else I can do for you meanwhile?";

/// Characters of a hash that tell two requests of one tenant apart.
constexpr std::size_t kKeyLength = 40;

std::string key_of(const ToolCall& call, const Session& session) {
  const std::string told_by =
      call.request_key ? "r/" + *call.request_key
                       : fmt::format("n/{}/{}/{}", session.tool_calls, call.tool->name, call.body);
  return "vt-" + sha256_hex(session.session.str() + "/" + told_by).substr(0, kKeyLength);
}

NewEvent pending_event(const ToolCall& call) {
  return {EventType::kToolPending,
          fmt::format(R"({{"tool":"{}","parameters":{}}})", call.tool->name, call.body)};
}

}  // namespace

RemoteTools::RemoteTools(Deps deps, Duration answer_within)
    : deps_(std::move(deps)),
      answer_within_(answer_within),
      self_(std::make_shared<RemoteTools*>(this)) {}

RemoteTools::~RemoteTools() {
  for (const auto& [key, task] : tasks_) {
    if (task.timer) {
      deps_.reactor.cancel(*task.timer);
    }
  }
}

/// The key under which the same call waits already; empty if there is none.
std::string RemoteTools::same_call(const ToolCall& call) const {
  const auto [begin, end] = by_session_.equal_range(call.session);
  for (auto at = begin; at != end; ++at) {
    const ToolCall& other = tasks_.at(at->second).job->call;
    if (other.tool == call.tool && other.body == call.body) {
      return at->second;
    }
  }
  return {};
}

void RemoteTools::run(Job job, Completion<std::string> done) {
  const SessionId id = job.call.session;
  const Session* session = deps_.book.find(id);
  if (session == nullptr) {
    done(Error(ErrorCode::kNotFound,
               fmt::format("cannot run a tool: there is no session '{}'", id.str())));
    return;
  }
  std::string key = same_call(job.call);
  if (key.empty()) {
    key = key_of(job.call, *session);
  }
  const auto before = tasks_.find(key);
  if (before != tasks_.end() && before->second.is_recorded &&
      deps_.outbox.find_pending(key) == nullptr) {
    // An operator dropped it.
    answer(key, Error(ErrorCode::kCancelled, "cannot say what came of the tool call"));
  }
  const auto [found, is_new] = tasks_.try_emplace(key);
  Task& task = found->second;
  if (is_new) {
    task.job = std::make_shared<const Job>(std::move(job));
    by_session_.emplace(id, key);
  }
  task.waiting.push_back(std::move(done));
  if (!task.timer) {
    task.timer = deps_.reactor.call_after(answer_within_, [this, key] { promise(key); });
  }
  // One that another process recorded waits in the outbox already.
  if (is_new) {
    const OutboxEntry* const recorded = deps_.outbox.find_pending(key);
    task.is_recorded = recorded != nullptr;
    if (recorded == nullptr) {
      const SharedJob held = task.job;
      decide(held->call, key);
    } else if (Result<Job> known = recorded_job(*recorded); known.has_value()) {
      task.job = std::make_shared<const Job>(std::move(*known));
    }
  }
}

void RemoteTools::decide(const ToolCall& call, const std::string& key) {
  // The session learns of it with the outcome, or with the promise: until then it would say nothing
  // that anybody waits for, at the price of the largest write of a call.
  std::vector<NewEffect> effects;
  effects.push_back({std::string(kPrefix).append(call.tool->name), call.session.str(), key,
                     render_tool_job(call)});
  deps_.outbox.commit(Change{}, std::move(effects),
                      [this, key, alive = std::weak_ptr(self_)](const Status& outcome) {
                        if (alive.expired()) {
                          return;
                        }
                        const auto task = tasks_.find(key);
                        if (outcome.has_error()) {
                          answer(key, outcome.error());
                        } else if (task != tasks_.end()) {
                          task->second.is_recorded = true;
                        }
                      });
}

/// Answers everybody who waits with a promise, once that is durable.
void RemoteTools::promise(const std::string& key) {
  const auto found = tasks_.find(key);
  if (found == tasks_.end() || found->second.waiting.empty()) {
    return;
  }
  Task& task = found->second;
  if (task.timer) {
    deps_.reactor.cancel(*task.timer);
    task.timer.reset();
  }
  const std::string text = dump_json(
      Json{{"success", true}, {"status", "pending"}, {"reference", key}, {"message", kPromise}});
  Change change;
  const Session* session = deps_.book.find(task.job->call.session);
  if (session != nullptr && !task.is_promised) {
    change.session = *session;
    change.session->step = "collecting";
    change.session->extracted_data = task.job->call.body;
    change.events.push_back(pending_event(task.job->call));
  }
  if (task.job->call.request_key) {
    change.response = StoredResponse{*task.job->call.request_key, 200, text, deps_.clock.now()};
  }
  promises_ += task.waiting.size();
  task.is_promised = true;
  deps_.book.commit(std::move(change), [waiting = std::exchange(task.waiting, {}),
                                        text](const Status& outcome) {
    for (const Completion<std::string>& done : waiting) {
      done(outcome.has_error() ? Result<std::string>(outcome.error()) : Result<std::string>(text));
    }
  });
}

void RemoteTools::answer(const std::string& key, const Result<std::string>& text) {
  auto task = tasks_.extract(key);
  if (!task) {
    return;
  }
  const auto [begin, end] = by_session_.equal_range(task.mapped().job->call.session);
  const auto at =
      std::find_if(begin, end, [&key](const auto& entry) { return entry.second == key; });
  if (at != end) {
    by_session_.erase(at);
  }
  if (task.mapped().timer) {
    deps_.reactor.cancel(*task.mapped().timer);
  }
  for (const Completion<std::string>& done : task.mapped().waiting) {
    done(text);
  }
}

std::vector<std::string> RemoteTools::promised() const {
  std::vector<std::string> keys;
  for (const auto& [key, task] : tasks_) {
    if (task.is_promised) {
      keys.push_back(key);
    }
  }
  return keys;
}

void RemoteTools::go_on_with(const std::vector<std::string>& promised, std::uint64_t promises) {
  promises_ += promises;
  for (const std::string& key : promised) {
    const OutboxEntry* const entry = deps_.outbox.find_pending(key);
    if (entry == nullptr) {
      continue;
    }
    const Result<SharedJob> job = job_of(*entry);
    if (job.has_value() &&
        tasks_.try_emplace(key, Task{*job, {}, std::nullopt, true, true}).second) {
      by_session_.emplace((*job)->call.session, key);
    }
  }
}

}  // namespace voicectl::runtime
