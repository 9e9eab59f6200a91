// SPDX-License-Identifier: Apache-2.0
// Batches per second of a session store. `./run bench store` starts Redis and calls it in turns.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <string>

#include "base/os/system_clock.h"
#include "runtime/redis/redis_store.h"
#include "runtime/session/embedded_store.h"
#include "tests/bench/store/store_load.h"

namespace voicectl::bench {
namespace {

struct Options {
  std::string redis;
  std::string folder;
  std::string label;
  std::size_t in_flight = 64;
  std::size_t sessions = 500;
  double seconds = 3;
};

std::unique_ptr<runtime::SessionStore> make_store(const Options& options,
                                                  AsioReactor& reactor,
                                                  Random& random,
                                                  Offload& offload) {
  if (options.redis.empty()) {
    return std::make_unique<runtime::EmbeddedStore>(options.folder + "/tenant.db", FencingToken{1},
                                                    offload);
  }
  RedisOptions redis;
  redis.address = *parse_redis_url(options.redis);
  return std::make_unique<runtime::RedisStore>(runtime::RedisStore::Deps{
      reactor, random, redis, runtime::RedisKeys(*TenantId::parse("acme")), FencingToken{1},
      nullptr});
}

/// Calls of every command that the server has had, by INFO.
class CommandCount {
 public:
  CommandCount(AsioReactor& reactor, Random& random, const std::string& url)
      : reactor_(reactor), client_(reactor, random, {.address = *parse_redis_url(url)}) {}

  std::map<std::string, std::uint64_t> read() {
    std::string text;
    client_.send(RedisCommands().add({"INFO", "commandstats"}), [&](const RedisAnswer& answer) {
      text = answer.replies.empty() ? "" : answer.replies.front().text;
      reactor_.stop();
    });
    reactor_.run();
    std::map<std::string, std::uint64_t> calls;
    for (std::size_t at = text.find("cmdstat_"); at != std::string::npos;
         at = text.find("cmdstat_", at + 1)) {
      const std::size_t name = at + 8;
      const std::size_t colon = text.find(":calls=", name);
      calls[text.substr(name, colon - name)] = std::stoull(text.substr(colon + 7));
    }
    return calls;
  }

 private:
  AsioReactor& reactor_;
  RedisClient client_;
};

void print_commands(const std::map<std::string, std::uint64_t>& before,
                    const std::map<std::string, std::uint64_t>& after,
                    std::uint64_t batches) {
  std::uint64_t commands = 0;
  std::uint64_t transactions = 0;
  for (const auto& [name, calls] : after) {
    const auto found = before.find(name);
    const std::uint64_t own = calls - (found == before.end() ? 0 : found->second);
    commands += name == "info" ? 0 : own;
    transactions += name == "exec" ? own : 0;
  }
  const auto per_batch = [batches](std::uint64_t count) {
    return static_cast<double>(count) / static_cast<double>(std::max<std::uint64_t>(1, batches));
  };
  fmt::print(R"(,"round_trips_per_batch":{:.3f},"commands_per_batch":{:.1f})",
             per_batch(transactions), per_batch(commands));
}

int measure(const Options& options) {
  AsioReactor reactor;
  SystemRandom random;
  SystemWallClock clock;
  ThreadOffload offload(reactor);
  const auto store = make_store(options, reactor, random, offload);
  bool is_open = false;
  store->open(clock.now(), [&](const Result<runtime::StoreContents>& contents) {
    is_open = contents.has_value();
    if (!is_open) {
      fmt::print(stderr, "voicectl-store-bench: {}\n", contents.error().text());
    }
    reactor.stop();
  });
  reactor.run();
  if (!is_open) {
    return 1;
  }
  std::map<std::string, std::uint64_t> before;
  std::unique_ptr<CommandCount> count;
  if (!options.redis.empty()) {
    count = std::make_unique<CommandCount>(reactor, random, options.redis);
    before = count->read();
  }
  StoreLoad load(reactor, *store, clock.now(), options.in_flight, options.sessions);
  load.run(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(options.seconds)),
           [&] { reactor.stop(); });
  reactor.run();
  const StoreFigures& figures = load.figures();
  const double seconds = std::chrono::duration<double>(figures.length).count();
  fmt::print(
      R"({{"store":"{}","in_flight":{},"batches_per_second":{:.0f},"failures":{},"p50_us":{},)"
      R"("p99_us":{})",
      options.label, options.in_flight, static_cast<double>(figures.batches) / seconds,
      figures.failures, figures.latency.quantile_us(0.5), figures.latency.quantile_us(0.99));
  if (count) {
    print_commands(before, count->read(), figures.batches);
  }
  fmt::print("}}\n");
  return figures.failures == 0 ? 0 : 1;
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app("Batches per second of a session store");
  app.add_option("--redis", options.redis, "Address of a Redis server; else the embedded store");
  app.add_option("--folder", options.folder, "Where the embedded store keeps its file");
  app.add_option("--label", options.label, "What it is called in the result")->required();
  app.add_option("--in-flight", options.in_flight, "Batches that wait at once");
  app.add_option("--sessions", options.sessions, "Sessions that they are of");
  app.add_option("--seconds", options.seconds, "Length of the measurement");
  CLI11_PARSE(app, argc, argv);
  return measure(options);
}

}  // namespace
}  // namespace voicectl::bench

int main(int argc, char** argv) {
  try {
    return voicectl::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fputs(error.what(), stderr);
    return 1;
  }
}
