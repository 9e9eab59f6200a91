// SPDX-License-Identifier: Apache-2.0
// The address of the whole process, which no edge shows: what it answers to, and nothing else.
#include "runtime/service/admin.h"

#include <gmock/gmock.h>

#include "runtime/service/service.h"
#include "runtime/tenant/routes.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"
#include "tests/support/silent_sink.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class AdminTest : public ::testing::Test {
 protected:
  AdminTest() {
    PosixListenerFactory listeners;
    Result<UniqueFd> control = listeners.bind_unix_packets(folder_.path("control.sock"), {});
    EXPECT_THAT(control, IsOk());
    FreePort admin = bind_free_port();
    port_ = admin.number;
    service_.emplace(world_.deps(), log_, std::move(*control), std::move(admin.listener));
  }

  TempDir folder_;
  RuntimeFixture world_;
  SilentSink sink_;
  Log log_{sink_, world_.clock};
  std::uint16_t port_ = 0;
  std::optional<Service> service_;
};

TEST_F(AdminTest, AnswersToEveryRouteOfItsTableAndToNoOtherMethod) {
  EXPECT_EQ(Admin::routes().size(), 2U) << "another route: say in a test who may use it";
  for (const Admin::Route& route : Admin::routes()) {
    const std::string path(route.path);
    const HttpResponse answer = world_.send(port_, std::string(route.method), path);
    EXPECT_EQ(answer.status, 200) << path;
    EXPECT_THAT(answer.body, Not(IsEmpty())) << path;
    for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
      const HttpResponse refused = world_.send(port_, method, path, "{}");
      EXPECT_EQ(refused.status, 405) << method << " " << path;
      EXPECT_EQ(find_header(refused.headers, "Allow"), route.method) << path;
    }
  }
}

TEST_F(AdminTest, ShowsNothingOfATenant) {
  RuntimeFixture::Served acme = *world_.open("acme");
  for (const Route& route : all_routes()) {
    if (route.access == Access::kAnyone) {
      continue;
    }
    std::string path(route.pattern);
    for (std::size_t at = path.find('{'); at != std::string::npos; at = path.find('{')) {
      path.replace(at, path.find('}') + 1 - at, "acme");
    }
    EXPECT_EQ(world_
                  .send(port_, std::string(route.method), path, "{}",
                        {{"X-API-Key", "acme-admin"}, {"Host", "acme.qastco.com"}})
                  .status,
              404)
        << route.method << " " << path;
  }
  world_.close(acme);
}

TEST_F(AdminTest, NoTenantsAddressAnswersForTheProcess) {
  RuntimeFixture::Served acme = *world_.open("acme");
  const HttpHeaders admin = {{"X-API-Key", "acme-admin"}};

  EXPECT_EQ(world_.send(acme, "GET", "/metrics", "", admin).status, 404);
  // Its own health, not the process's.
  EXPECT_THAT(world_.send(acme, "GET", "/health", "", admin).body, HasSubstr(R"("tenant":"acme")"));
  world_.close(acme);
}

}  // namespace
}  // namespace voicectl::runtime
