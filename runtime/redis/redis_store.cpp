// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_store.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "runtime/redis/redis_fence.h"
#include "runtime/redis/redis_opening.h"
#include "runtime/redis/redis_reads.h"
#include "runtime/redis/redis_writer.h"

namespace voicectl::runtime {
namespace {

/// Batches in one transaction. The server serves nobody else meanwhile: some milliseconds.
constexpr std::size_t kMostBatches = 256;

/// Room that is kept for the next transaction, while one follows the other.
constexpr std::size_t kMostSpare = std::size_t{1} << 20;

/// How often one transaction is begun, before somebody else must be at work on our keys.
constexpr int kMostTries = 3;

Error not_open() {
  return {ErrorCode::kUnavailable, "cannot use the session store: it is not open; try again"};
}

}  // namespace

RedisStore::RedisStore(Deps deps)
    : deps_(std::move(deps)),
      fixed_(deps_.keys.fixed()),
      client_(deps_.reactor, deps_.random, deps_.redis),
      broken_(not_open()),
      self_(std::make_shared<RedisStore*>(this)) {}

RedisStore::~RedisStore() {
  if (refresh_timer_) {
    deps_.reactor.cancel(*refresh_timer_);
  }
}

void RedisStore::open(WallTime now, Completion<StoreContents> done) {
  break_down(not_open());
  opening_ = std::make_shared<RedisOpening>(
      RedisOpening::Deps{client_, deps_.keys, fixed_, deps_.token, deps_.owner, index_}, now);
  opening_->start([this, done = std::move(done), era = era_](Result<OpenedStore> opened) {
    if (era == era_) {
      finish_open(std::move(opened), done);
    }
  });
}

void RedisStore::finish_open(Result<OpenedStore> opened, const Completion<StoreContents>& done) {
  const auto opening = std::exchange(opening_, nullptr);  // this very call is its
  if (opened.has_error()) {
    broken_ = opened.error();
    done(opened.error());
    return;
  }
  connection_ = opened->connection;
  writes_ = opened->writes;
  broken_.reset();
  is_closed_ = false;
  if (!reads_) {
    reads_ = std::make_unique<RedisReads>(client_, deps_.keys);
  }
  const auto warn = std::exchange(deps_.on_warning, nullptr);
  if (warn && opened->settings) {
    if (const auto risk = redis_risk(deps_.redis.address.text(), *opened->settings)) {
      warn(*risk);
    }
  }
  refresh_timer_ =
      deps_.reactor.call_after(deps_.refresh_interval, [this] { refresh_published(); });
  done(std::move(opened->contents));
}

void RedisStore::commit(StoreBatch batch, std::function<void(Status)> done) {
  if (broken_) {
    deps_.reactor.post([done = std::move(done), error = *broken_, alive = std::weak_ptr(self_)] {
      if (!alive.expired()) {
        done(error);
      }
    });
    return;
  }
  pending_.push_back({std::move(batch), std::move(done)});
  if (!group_) {
    send_next();
  }
}

void RedisStore::send_next() {
  if (pending_.empty()) {
    if (const auto idle = std::exchange(on_idle_, nullptr)) {
      idle();
    }
    return;
  }
  group_ = std::make_shared<Group>();
  if (pending_.size() <= kMostBatches) {
    group_->batches = std::exchange(pending_, {});
  } else {
    const auto end = pending_.begin() + static_cast<std::ptrdiff_t>(kMostBatches);
    group_->batches.assign(std::make_move_iterator(pending_.begin()), std::make_move_iterator(end));
    pending_.erase(pending_.begin(), end);
  }
  ask_unknown();
}

void RedisStore::ask_unknown() {
  std::vector<SessionId> unknown;
  for (const Pending& one : group_->batches) {
    for (const Session& session : one.batch.sessions) {
      if (index_.must_ask(session)) {
        unknown.push_back(session.session);
      }
    }
  }
  if (unknown.empty()) {
    build();
    return;
  }
  RedisCommands question;
  question.begin(2 + unknown.size()).word("HMGET").word(deps_.keys.sessions());
  for (const SessionId& id : unknown) {
    question.word(id.str());
  }
  client_.send(std::move(question), [this, unknown, era = era_](const RedisAnswer& answer) {
    if (era != era_) {
      return;
    }
    const Status learnt =
        answer.failure ? Status(answer.failure->error) : learn_asked(unknown, answer.replies);
    learnt.has_error() ? break_down(learnt.error()) : build();
  });
}

Status RedisStore::learn_asked(const std::vector<SessionId>& asked, const Replies& replies) {
  if (const RedisReply* refusal = first_error(replies)) {
    return error_of_reply(*refusal, "read a session");
  }
  const std::vector<RedisReply>& found = replies.front().elements;
  for (std::size_t i = 0; i < asked.size() && i < found.size(); ++i) {
    if (found[i].is_nil()) {
      index_.learn_absent(asked[i]);
      continue;
    }
    VC_TRY(const Session stored, session_of_stored_text(found[i].text));
    index_.learn(stored);
  }
  return ok_status();
}

void RedisStore::build() {
  RedisWriter writer(deps_.keys, index_, std::exchange(spare_, {}));
  for (const Pending& one : group_->batches) {
    const Status added = writer.add(one.batch);
    if (added.has_error()) {
      break_down(added.error());
      return;
    }
  }
  RedisCommands& commands = group_->commands;
  commands = writer.finish();
  commands.add({"SET", fixed_.front().name, RedisFence{deps_.token, writes_ + 1}.text()});
  commands.add({"EXEC"});
  // Already for the next one, which therefore needs no round trip of its own to be guarded.
  add_watch(fixed_, commands);
  commands.add({"GET", fixed_.front().name});
  transmit();
}

void RedisStore::transmit() {
  client_.send(
      std::exchange(group_->commands, {}),
      [this, era = era_](RedisAnswer answer) {
        if (era == era_) {
          group_->commands = std::exchange(answer.commands, {});
          take_answer(answer);
        }
      },
      connection_);
}

void RedisStore::take_answer(const RedisAnswer& answer) {
  if (answer.failure) {
    examine(answer.failure->error);
    return;
  }
  const std::size_t exec = answer.replies.size() - 3;
  if (answer.replies[exec].is_nil()) {
    examine(Error(ErrorCode::kUnavailable,
                  "cannot write to the session store: somebody else writes to this tenant's keys"));
    return;
  }
  if (const RedisReply* refusal = first_error(answer.replies)) {
    break_down(error_of_reply(*refusal, "write to the session store"));
    return;
  }
  ++writes_;
  if (answer.replies[exec + 2].text != RedisFence{deps_.token, writes_}.text()) {
    connection_ = 0;  // whose it is now, the next transaction finds out
  }
  succeed();
}

void RedisStore::examine(const Error& why) {
  if (++group_->tries > kMostTries) {
    break_down(why);
    return;
  }
  client_.send(watch_and_look(fixed_), [this, era = era_](const RedisAnswer& answer) {
    if (era != era_) {
      return;
    }
    if (answer.failure) {
      break_down(answer.failure->error);
      return;
    }
    connection_ = answer.connection;
    go_on_with(found_fence(fixed_, answer.replies));
  });
}

void RedisStore::go_on_with(const Result<std::optional<RedisFence>>& found) {
  if (found.has_error()) {
    break_down(found.error());
    return;
  }
  const RedisFence now = found->value_or(RedisFence{});
  if (now.token > deps_.token) {
    break_down(
        Error(ErrorCode::kFenced,
              fmt::format("cannot write to the store with token {}: it belongs to token {} now",
                          deps_.token.value, now.token.value)));
  } else if (now.token < deps_.token || now.writes < writes_ || now.writes > writes_ + 1) {
    break_down(Error(ErrorCode::kUnavailable,
                     fmt::format("cannot go on with the session store: the Redis server has lost "
                                 "data of '{}' (its fence says '{}' instead of '{}')",
                                 fixed_.front().name, *found ? now.text() : "nothing",
                                 RedisFence{deps_.token, writes_}.text())));
  } else if (now.writes == writes_ + 1) {
    ++writes_;
    succeed();
  } else {
    transmit();
  }
}

void RedisStore::succeed() {
  const auto group = std::exchange(group_, nullptr);
  if (!pending_.empty() && group->commands.room() <= kMostSpare) {
    spare_ = std::move(group->commands);
    spare_.clear();
  }
  index_.trim();
  const auto alive = std::weak_ptr(self_);
  // The next group starts first: its way to the server overlaps with the answers of this one.
  if (!pending_.empty()) {
    send_next();
  }
  for (const Pending& one : group->batches) {
    one.done(ok_status());
    if (alive.expired()) {
      return;
    }
  }
  if (!group_) {
    send_next();
  }
}

void RedisStore::break_down(const Error& error) {
  ++era_;
  broken_ = error;
  opening_.reset();
  if (refresh_timer_) {
    deps_.reactor.cancel(*std::exchange(refresh_timer_, std::nullopt));
  }
  std::vector<Pending> lost;
  if (group_) {
    lost = std::move(std::exchange(group_, nullptr)->batches);
  }
  std::move(pending_.begin(), pending_.end(), std::back_inserter(lost));
  pending_.clear();
  deps_.reactor.post([lost = std::make_shared<std::vector<Pending>>(std::move(lost)), error,
                      idle = std::exchange(on_idle_, nullptr), alive = std::weak_ptr(self_)] {
    for (const Pending& one : *lost) {
      if (alive.expired()) {
        return;
      }
      one.done(error);
    }
    if (idle && !alive.expired()) {
      idle();
    }
  });
}

void RedisStore::refresh_published() {
  refresh_timer_ =
      deps_.reactor.call_after(deps_.refresh_interval, [this] { refresh_published(); });
  RedisCommands commands;
  const std::string length = std::to_string(kPublishedFor.count());
  for (const SessionId& id : index_.live()) {
    commands.add({"EXPIRE", deps_.keys.session(id), length});
    commands.add({"EXPIRE", deps_.keys.context(id), length});
  }
  if (commands.count() > 0) {
    client_.send(std::move(commands), [](const RedisAnswer&) {});
  }
}

void RedisStore::release(FencingToken, std::function<void(Status)> done) {
  on_idle_ = [this, done = std::move(done)] {
    const Status was = broken_ ? Status(*broken_) : ok_status();
    break_down(Error(ErrorCode::kFenced, "cannot write to the session store: it was given away"));
    deps_.reactor.post([done, was, alive = std::weak_ptr(self_)] {
      if (!alive.expired()) {
        done(was);
      }
    });
  };
  if (!group_) {
    send_next();
  }
}

void RedisStore::close(std::function<void()> done) {
  on_idle_ = [this, done = std::move(done)] {
    is_closed_ = true;
    break_down(not_open());
    deps_.reactor.post([done, alive = std::weak_ptr(self_)] {
      if (!alive.expired()) {
        done();
      }
    });
  };
  if (!group_) {
    send_next();
  }
}

}  // namespace voicectl::runtime
