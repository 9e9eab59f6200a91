// SPDX-License-Identifier: Apache-2.0
#include "tests/support/session/fake_session_store.h"

#include <gmock/gmock.h>

#include "tests/support/session/contract_session_store.h"
#include "tests/support/sim_reactor.h"

namespace voicectl::runtime {
namespace {

class FakeStoreWorld final : public SessionStoreWorld {
 public:
  std::unique_ptr<SessionStore> make(FencingToken token) override {
    return std::make_unique<FakeSessionStore>(loop_, disk_, token);
  }
  void run_until(const std::function<bool()>& done) override {
    loop_.settle();
    ASSERT_TRUE(done());
  }

 private:
  SimReactor loop_;
  FakeStoreDisk disk_;
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(FakeSessionStore,
                         SessionStoreContract,
                         ::testing::Values(+[]() -> std::unique_ptr<SessionStoreWorld> {
                           return std::make_unique<FakeStoreWorld>();
                         }));

}  // namespace voicectl::runtime
