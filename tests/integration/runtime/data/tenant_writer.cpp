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

namespace voicectl::runtime {
namespace {

/// Turns that are decided before the first of them is acknowledged: they share commits.
constexpr std::uint64_t kUnderWay = 4;

/// One turn: a session, its event, an effect to be delivered, and the turn before it delivered.
StoreBatch batch_of(std::uint64_t turn) {
  const TenantId tenant = *TenantId::parse("acme");
  Session session(make_session_id(tenant, "0123456789ab" + std::to_string(100000 + turn)), tenant);
  session.created_at = WallTime(std::chrono::milliseconds(1'800'000'000'000 + turn));
  session.last_seq = 1;
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
  batch.sessions.push_back(std::move(session));
  return batch;
}

class Writer {
 public:
  Writer(AsioReactor& reactor, SessionStore& store) : reactor_(reactor), store_(store) {}

  void begin() {
    store_.open(WallTime(std::chrono::milliseconds(1'800'000'000'000)),
                [this](const Result<StoreContents>& contents) {
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
