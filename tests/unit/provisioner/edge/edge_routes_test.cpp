// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/edge_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/fake_file_system.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

const EdgeFolders kFolders{"/run/v", "/log"};
const TenantId kAcme = *TenantId::parse("acme");
const TenantId kMario = *TenantId::parse("mario");

HostName host(const std::string& name) {
  return *HostName::parse(name);
}

using ::testing::Each;
using ::testing::StartsWith;

class EdgeRoutesTest : public ::testing::Test {
 protected:
  EdgeRoutesTest() {
    EXPECT_THAT(routes_.prepare(), IsOk());
    EXPECT_THAT(routes_.set_domain(host("voice.test")), IsOk());
  }

  Status publish(const TenantId& tenant, const std::vector<HostName>& hosts) {
    return routes_.publish(tenant, hosts, tenant_socket(kFolders, tenant));
  }
  bool is_routed(const std::string& stem) const {
    return files_.find("/run/v/domains/" + stem + ".route") != nullptr &&
           files_.find("/run/v/domains/" + stem + ".sock") != nullptr;
  }

  FakeFileSystem files_;
  EdgeRoutes routes_{files_, kFolders};
};

TEST_F(EdgeRoutesTest, LinksTheSubdomainToTheTenantsSocket) {
  EXPECT_THAT(publish(kAcme, {host("acme.voice.test")}), IsOk());

  EXPECT_TRUE(is_routed("acme"));
  EXPECT_EQ(files_.find("/run/v/domains/acme.sock")->content, "../tenants/acme.sock");
}

TEST_F(EdgeRoutesTest, ARouteThatIsThereIsNotWrittenAgain) {
  ASSERT_THAT(publish(kAcme, {host("acme.voice.test"), host("a.example")}), IsOk());
  const std::size_t before = files_.operations().size();

  EdgeRoutes of_the_next_daemon(files_, kFolders);
  ASSERT_THAT(of_the_next_daemon.set_domain(host("voice.test")), IsOk());
  ASSERT_THAT(of_the_next_daemon.publish(kAcme, {host("acme.voice.test"), host("a.example")},
                                         tenant_socket(kFolders, kAcme)),
              IsOk());

  const std::vector<std::string> done(files_.operations().begin() + before,
                                      files_.operations().end());
  EXPECT_THAT(done, Each(StartsWith("link ")));
}

TEST_F(EdgeRoutesTest, PublishesExactlyTheGivenHosts) {
  ASSERT_THAT(publish(kAcme, {host("acme.voice.test"), host("a.example"), host("b.example")}),
              IsOk());

  EXPECT_THAT(publish(kAcme, {host("acme.voice.test"), host("b.example")}), IsOk());

  EXPECT_FALSE(is_routed("a.example"));
  EXPECT_TRUE(is_routed("b.example"));
  EXPECT_TRUE(is_routed("acme"));
}

TEST_F(EdgeRoutesTest, WithdrawsEverythingAlsoWhatAnEarlierRunPublished) {
  ASSERT_THAT(publish(kAcme, {host("acme.voice.test"), host("a.example")}), IsOk());
  EdgeRoutes later(files_, kFolders);

  EXPECT_THAT(later.withdraw(kAcme), IsOk());
  EXPECT_THAT(later.withdraw(kAcme), IsOk());

  EXPECT_FALSE(is_routed("acme"));
  EXPECT_FALSE(is_routed("a.example"));
  EXPECT_THAT(files_.list("/run/v/domains"), IsOkAnd(testing::IsEmpty()));
}

TEST_F(EdgeRoutesTest, RefusesAnotherTenantsNameBelowThePlatformsDomain) {
  EXPECT_THAT(publish(kAcme, {host("mario.voice.test")}), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(publish(kAcme, {host("x.acme.voice.test")}), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(files_.list("/run/v/domains"), IsOkAnd(testing::IsEmpty()));
}

TEST_F(EdgeRoutesTest, RefusesADomainThatAnotherTenantHas) {
  ASSERT_THAT(publish(kAcme, {host("a.example")}), IsOk());
  EdgeRoutes later(files_, kFolders);
  ASSERT_THAT(later.set_domain(host("voice.test")), IsOk());

  EXPECT_THAT(later.publish(kMario, {host("a.example")}, "/x.sock"),
              FailsWith(ErrorCode::kAlreadyExists));
}

TEST_F(EdgeRoutesTest, RefusesADomainWhoseSocketPathWouldBeTooLong) {
  const std::string label(60, 'a');

  EXPECT_THAT(publish(kAcme, {host(label + "." + label + ".example")}),
              FailsWith(ErrorCode::kInvalidArgument));
}

TEST_F(EdgeRoutesTest, KeepsRoutesInMindUntilTheDomainIsKnown) {
  EdgeRoutes early(files_, kFolders);
  ASSERT_THAT(early.publish(kAcme, {host("acme.voice.test")}, tenant_socket(kFolders, kAcme)),
              IsOk());
  ASSERT_THAT(early.publish(kMario, {host("mario.voice.test")}, "/x.sock"), IsOk());
  ASSERT_THAT(early.withdraw(kMario), IsOk());
  ASSERT_FALSE(is_routed("acme"));

  EXPECT_THAT(early.set_domain(host("voice.test")), IsOk());

  EXPECT_TRUE(is_routed("acme"));
  EXPECT_FALSE(is_routed("mario"));
}

TEST_F(EdgeRoutesTest, MendsWhateverAFailureAtAnyCallLeaves) {
  for (std::size_t n = 1; n < 20; ++n) {
    FakeFileSystem files;
    EdgeRoutes routes(files, kFolders);
    ASSERT_THAT(routes.prepare(), IsOk());
    ASSERT_THAT(routes.set_domain(host("voice.test")), IsOk());
    ASSERT_THAT(routes.publish(kAcme, {host("acme.voice.test"), host("a.example")}, "/s"), IsOk());
    files.fail_at(n, Error(ErrorCode::kInternal, "cannot do it: told so"));
    (void)routes.publish(kAcme, {host("acme.voice.test"), host("b.example")}, "/s");

    EdgeRoutes later(files, kFolders);
    for (int attempt = 0; attempt < 2; ++attempt) {
      (void)later.withdraw(kAcme);  // the failure may come only now
    }

    EXPECT_THAT(files.list("/run/v/domains"), IsOkAnd(testing::IsEmpty())) << n;
  }
}

}  // namespace
}  // namespace voicectl
