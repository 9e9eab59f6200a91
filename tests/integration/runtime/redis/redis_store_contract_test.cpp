// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_store.h"
#include "tests/support/redis/redis_server.h"
#include "tests/support/session/contract_session_store.h"

namespace voicectl::runtime {
namespace {

class RedisWorld final : public SessionStoreWorld {
 public:
  std::unique_ptr<SessionStore> make(FencingToken token) override {
    return std::make_unique<RedisStore>(
        RedisStore::Deps{loop_.reactor(), random_, server_.client_options(),
                         RedisKeys(*TenantId::parse("acme")), token, nullptr});
  }

  void run_until(const std::function<bool()>& done) override {
    ASSERT_TRUE(loop_.run_until(done, std::chrono::seconds(30)));
  }

 private:
  RedisServer server_;
  RealLoop loop_;
  SeededRandom random_{3};
};

std::unique_ptr<SessionStoreWorld> make_world() {
  return std::make_unique<RedisWorld>();
}

INSTANTIATE_TEST_SUITE_P(Redis, SessionStoreContract, ::testing::Values(make_world));

}  // namespace
}  // namespace voicectl::runtime
