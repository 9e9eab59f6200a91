// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "base/os/asio_reactor.h"
#include "base/random.h"
#include "runtime/redis/redis_store.h"
#include "runtime/session/embedded_store.h"
#include "tests/integration/runtime/data/tenant_turns.h"

namespace voicectl::runtime {
namespace {

/// Turns that are decided before the first of them is acknowledged: they share commits.
constexpr std::uint64_t kUnderWay = 4;

/// The session of a turn, as it is after a later one.
Session session_of(std::uint64_t of, std::uint64_t turn) {
  const TenantId tenant = *TenantId::parse("acme");
  Session session(make_session_id(tenant, "0123456789ab" + std::to_string(100000 + of)), tenant);
  session.created_at = turns::kBegin + std::chrono::milliseconds(of);
  session.last_seq = 1;
  if (of < turn) {
    session.status = SessionStatus::kCompleted;
    session.end_time = turns::kBegin + std::chrono::milliseconds(of + 1);
    session.duration = turns::duration_of(of);
    session.tool_calls = turns::tool_calls_of(of);
  }
  if (of + 1 < turn) {
    session.billed_duration = turns::billed_of(of);
  }
  return session;
}

/// One turn: a session, its event, an effect to be delivered, the turn before it delivered, and the
/// usage of the two sessions before it.
StoreBatch batch_of(std::uint64_t turn) {
  const Session session = session_of(turn, turn);
  StoreBatch batch;
  batch.at = session.created_at;
  batch.events = {{session.session, 1, turn, "session.created", batch.at, "{}"}};
  OutboxEntry entry;
  entry.id = turn;
  entry.session = session.session.str();
  entry.kind = "erpnext.place_order";
  entry.idempotency_key = "key-" + std::to_string(turn);
  entry.created_at = entry.next_attempt = batch.at;
  batch.outbox = {entry};
  if (turn > 1) {
    batch.outbox_done = {turn - 1};
  }
  for (std::uint64_t of = turn > 2 ? turn - 2 : 1; of <= turn; ++of) {
    batch.sessions.push_back(session_of(of, turn));
  }
  return batch;
}

class Writer {
 public:
  Writer(AsioReactor& reactor, SessionStore& store) : reactor_(reactor), store_(store) {}

  void begin() {
    store_.open(turns::kBegin, [this](const Result<StoreContents>& contents) {
      if (contents.has_error()) {
        give_up(contents.error());
        return;
      }
      for (std::uint64_t i = 0; i < kUnderWay; ++i) {
        decide();
      }
    });
  }
  int exit_code() const { return exit_code_; }

 private:
  void decide() {
    const std::uint64_t turn = ++turn_;
    store_.commit(batch_of(turn), [this, turn](const Status& outcome) {
      if (outcome.has_error()) {
        give_up(outcome.error());
        return;
      }
      // Only a single write() is sure to be whole in the pipe when the process is killed.
      const std::string line = std::to_string(turn) + "\n";
      if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) {
        reactor_.stop();
        return;
      }
      decide();
    });
  }
  void give_up(const Error& error) {
    std::fprintf(stderr, "%s\n", error.text().c_str());
    exit_code_ = 2;
    reactor_.stop();
  }

  AsioReactor& reactor_;
  SessionStore& store_;
  std::uint64_t turn_ = 0;
  int exit_code_ = 0;
};

int run(const std::string& place) {
  AsioReactor reactor;
  SystemRandom random;
  ThreadOffload offload(reactor);
  std::unique_ptr<SessionStore> store;
  if (place.starts_with("unix://")) {
    store = std::make_unique<RedisStore>(
        RedisStore::Deps{reactor, random, RedisOptions{.address = *parse_redis_url(place)},
                         RedisKeys(*TenantId::parse("acme")), FencingToken{1}, nullptr});
  } else {
    store = std::make_unique<EmbeddedStore>(place, FencingToken{1}, offload);
  }
  Writer writer(reactor, *store);
  reactor.post([&writer] { writer.begin(); });
  reactor.run();
  return writer.exit_code();
}

}  // namespace
}  // namespace voicectl::runtime

int main(int argc, char** argv) {
  return argc == 2 ? voicectl::runtime::run(argv[1]) : 64;
}
