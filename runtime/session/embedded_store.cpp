// SPDX-License-Identifier: Apache-2.0
#include "runtime/session/embedded_store.h"

#include <atomic>
#include <limits>
#include <utility>

#include "base/os/work_account.h"
#include "runtime/session/tenant_database.h"

namespace voicectl::runtime {

/// What lives on the helper thread.
struct EmbeddedStore::Files {
  Files(std::string at, FencingToken fence) : path(std::move(at)), token(fence) {}

  const std::string path;
  FencingToken token;
  std::optional<TenantDatabase> database;
  /// Why nothing may be written until the file is opened again.
  std::optional<Error> broken =
      Error(ErrorCode::kUnavailable, "cannot use the session store: it is not open");
  /// Of the database, as last counted. THREADS: any.
  std::atomic<std::uint64_t> memory{0};

  Result<StoreContents> open(WallTime now) {
    database.reset();
    memory = 0;
    Result<TenantDatabase> opened = TenantDatabase::open(path, token);
    if (opened.has_error()) {
      return *(broken = opened.error());
    }
    database.emplace(std::move(*opened));
    broken.reset();
    Result<StoreContents> contents = database->load(now);
    memory = database->memory();
    return contents;
  }

  Status release(FencingToken next) {
    if (broken) {
      return *broken;
    }
    const Status released = database->release(next);
    broken = released.has_error() ? released.error()
                                  : Error(ErrorCode::kFenced,
                                          "cannot write to the session store: it was given away");
    return released;
  }

  Status write(const std::vector<Pending>& group) {
    if (broken) {
      return *broken;
    }
    std::vector<const StoreBatch*> batches;
    for (const Pending& one : group) {
      batches.push_back(&one.batch);
    }
    Status outcome = database->write(batches);
    memory = database->memory();
    if (outcome.has_error()) {
      // What follows was decided on top of what was lost, so it may not be written either.
      broken = outcome.error();
    }
    return outcome;
  }
};

EmbeddedStore::EmbeddedStore(std::string path, FencingToken token, Offload& offload)
    : offload_(offload),
      files_(std::make_shared<Files>(std::move(path), token)),
      self_(std::make_shared<EmbeddedStore*>(this)) {}

EmbeddedStore::~EmbeddedStore() = default;

template <typename T, typename Work>
void EmbeddedStore::run(Work work, Completion<T> done) {
  auto outcome = std::make_shared<std::optional<Result<T>>>();
  offload_.run(
      [files = files_, work = std::move(work), outcome] { outcome->emplace(work(*files)); },
      [outcome, done = std::move(done), alive = std::weak_ptr(self_)] {
        if (!alive.expired()) {
          done(std::move(**outcome));
        }
      });
}

Bytes EmbeddedStore::memory() const {
  return Bytes{files_->memory.load()};
}

void EmbeddedStore::open(WallTime now, Completion<StoreContents> done) {
  run<StoreContents>([now](Files& files) { return files.open(now); }, std::move(done));
}

void EmbeddedStore::commit(StoreBatch batch, std::function<void(Status)> done) {
  pending_.push_back({std::move(batch), std::move(done)});
  if (!committing_) {
    commit_pending();
  }
}

void EmbeddedStore::commit_pending() {
  committing_ = true;
  auto group = std::make_shared<std::vector<Pending>>(std::exchange(pending_, {}));
  auto outcome = std::make_shared<Status>();
  offload_.run([files = files_, group, outcome] { *outcome = files->write(*group); },
               [alive = std::weak_ptr(self_), group, outcome] {
                 if (const auto self = alive.lock()) {
                   (*self)->finish_commit(*group, *outcome);
                 }
               });
}

void EmbeddedStore::finish_commit(const std::vector<Pending>& group, const Status& outcome) {
  committing_ = false;
  // The next group starts first: its time on the disk overlaps with the answers of this one.
  if (!pending_.empty()) {
    commit_pending();
  }
  const std::weak_ptr<EmbeddedStore*> alive(self_);
  for (const Pending& one : group) {
    one.done(outcome);
    if (alive.expired()) {
      return;
    }
  }
  release_if_idle();
}

void EmbeddedStore::release(FencingToken next, std::function<void(Status)> done) {
  release_ = [this, next, done = std::move(done)] {
    run<void>([next](Files& files) { return files.release(next); }, done);
  };
  release_if_idle();
}

void EmbeddedStore::release_if_idle() {
  if (release_ && !committing_ && pending_.empty()) {
    std::exchange(release_, nullptr)();
  }
}

void EmbeddedStore::renew(FencingToken token) {
  offload_.run([files = files_, token] { files->token = token; }, [] {});
}

namespace {

/// Reads of one tenant that are on the helper thread at a time: while the loop has the answer of
/// one, the thread has the next.
constexpr std::size_t kReadsAtOnce = 2;
constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

Error not_open() {
  return {ErrorCode::kUnavailable, "cannot read the session store: it is not open; try again"};
}

}  // namespace

/// Runs `work` on the open database.
template <typename T, typename Work>
void EmbeddedStore::read(Work work, Completion<T> done) {
  if (reading_ < kReadsAtOnce) {
    begin_read<T>(std::move(work), std::move(done));
    return;
  }
  waiting_reads_.emplace_back([this, work = std::move(work), done = std::move(done),
                               account = WorkAccountPtr(present_account())] {
    const WorkScope scope(account.get());
    begin_read<T>(work, done);
  });
}

template <typename T, typename Work>
void EmbeddedStore::begin_read(Work work, Completion<T> done) {
  ++reading_;
  run<T>(
      [work = std::move(work)](Files& files) -> Result<T> {
        return files.database ? work(*files.database) : not_open();
      },
      [this, done = std::move(done)](Result<T> outcome) {
        --reading_;
        // The next one begins first: its time on the thread overlaps with this answer.
        begin_waiting_reads(kReadsAtOnce);
        done(std::move(outcome));
      });
}

void EmbeddedStore::begin_waiting_reads(std::size_t most) {
  while (reading_ < most && !waiting_reads_.empty()) {
    const std::function<void()> begin = std::move(waiting_reads_.front());
    waiting_reads_.pop_front();
    begin();
  }
}

void EmbeddedStore::list_sessions(SessionQuery query, Completion<SessionPage> done) {
  read<SessionPage>(
      [query = std::move(query)](TenantDatabase& from) { return from.list_sessions(query); },
      std::move(done));
}

void EmbeddedStore::find_session(const SessionId& id, Completion<std::optional<Session>> done) {
  read<std::optional<Session>>(
      [name = id.str()](TenantDatabase& from) { return from.find_session(name); }, std::move(done));
}

void EmbeddedStore::find_session_by_call(const std::string& call_id,
                                         Completion<std::optional<Session>> done) {
  read<std::optional<Session>>(
      [call_id](TenantDatabase& from) { return from.find_session_by_call(call_id); },
      std::move(done));
}

void EmbeddedStore::read_session_events(const SessionId& id,
                                        std::uint64_t after,
                                        std::uint32_t limit,
                                        Completion<std::vector<SessionEvent>> done) {
  read<std::vector<SessionEvent>>(
      [name = id.str(), after, limit](TenantDatabase& from) {
        return from.read_session_events(name, after, limit);
      },
      std::move(done));
}

void EmbeddedStore::read_tenant_events(std::uint64_t after,
                                       std::uint32_t limit,
                                       Completion<std::vector<SessionEvent>> done) {
  read<std::vector<SessionEvent>>(
      [after, limit](TenantDatabase& from) { return from.read_tenant_events(after, limit); },
      std::move(done));
}

void EmbeddedStore::list_outbox(OutboxQuery query, Completion<std::vector<OutboxEntry>> done) {
  read<std::vector<OutboxEntry>>([query](TenantDatabase& from) { return from.list_outbox(query); },
                                 std::move(done));
}

void EmbeddedStore::find_outbox(std::uint64_t id, Completion<std::optional<OutboxEntry>> done) {
  read<std::optional<OutboxEntry>>([id](TenantDatabase& from) { return from.find_outbox(id); },
                                   std::move(done));
}

void EmbeddedStore::list_records(RecordQuery query, Completion<std::vector<KeptRecord>> done) {
  read<std::vector<KeptRecord>>([query](TenantDatabase& from) { return from.list_records(query); },
                                std::move(done));
}

void EmbeddedStore::find_record(const std::string& id, Completion<std::optional<KeptRecord>> done) {
  read<std::optional<KeptRecord>>([id](TenantDatabase& from) { return from.find_record(id); },
                                  std::move(done));
}

void EmbeddedStore::find_customer(const std::string& phone,
                                  Completion<std::optional<Customer>> done) {
  read<std::optional<Customer>>([phone](TenantDatabase& from) { return from.find_customer(phone); },
                                std::move(done));
}

void EmbeddedStore::read_usage(WallTime within, Completion<UsageTotal> done) {
  read<UsageTotal>([within](TenantDatabase& from) { return from.read_usage(within); },
                   std::move(done));
}

void EmbeddedStore::read_analytics(WallTime from, WallTime to, Completion<Analytics> done) {
  read<Analytics>([from, to](TenantDatabase& file) { return file.read_analytics(from, to); },
                  std::move(done));
}

void EmbeddedStore::find_expired(ExpiryQuery query, Completion<Expired> done) {
  read<Expired>([query](TenantDatabase& file) { return file.find_expired(query); },
                std::move(done));
}

void EmbeddedStore::close(std::function<void()> done) {
  // An empty batch is done when everything before it is.
  commit({}, [this, done = std::move(done)](const Status&) {
    begin_waiting_reads(kAll);
    run<bool>(
        [](Files& files) -> Result<bool> {
          files.database.reset();
          files.broken = not_open();
          return true;
        },
        [done](const Result<bool>&) { done(); });
  });
}

}  // namespace voicectl::runtime
