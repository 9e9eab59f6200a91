// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/listeners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_file_system.h"
#include "tests/support/fake_listener_factory.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ListenerBankTest : public ::testing::Test {
 protected:
  ListenerBankTest() { (void)files.make_directory("/run/t", kPrivateDirectory); }

  Status bind(const std::string& tenant, int port) {
    return bank.bind(id(tenant), path(tenant), SocketAccess{FileMode{0660}, 33}, *Port::make(port));
  }
  static TenantId id(const std::string& tenant) { return *TenantId::parse(tenant); }
  static std::string path(const std::string& tenant) { return "/run/t/" + tenant + ".sock"; }

  FakeFileSystem files;
  FakeNetwork network{files};
  FakeListenerFactory factory{network};
  ListenerBank bank{factory, files};
};

TEST_F(ListenerBankTest, HoldsBothListenersOfATenant) {
  EXPECT_THAT(bind("acme", 21000), IsOk());

  EXPECT_TRUE(bank.holds(id("acme")));
  EXPECT_THAT(bank.tenants(), ElementsAre(id("acme")));
  EXPECT_EQ(network.address_of(bank.descriptors(id("acme"))->unix_listener),
            "unix:/run/t/acme.sock");
  EXPECT_EQ(network.address_of(bank.descriptors(id("acme"))->tcp_listener), "127.0.0.1:21000");
  EXPECT_EQ(files.find(path("acme"))->mode, FileMode{0660});
}

TEST_F(ListenerBankTest, BindsOnceHoweverOftenItIsAsked) {
  ASSERT_THAT(bind("acme", 21000), IsOk());

  EXPECT_THAT(bind("acme", 21000), IsOk());

  EXPECT_EQ(network.binds().size(), 2U);
}

TEST_F(ListenerBankTest, RefusesAnotherPortForATenantThatItHolds) {
  ASSERT_THAT(bind("acme", 21000), IsOk());

  EXPECT_THAT(bind("acme", 21001), FailsWith(ErrorCode::kConflict));
}

TEST_F(ListenerBankTest, HoldsNeitherWhenThePortIsTaken) {
  network.occupy(*Port::make(21000));

  EXPECT_THAT(bind("acme", 21000), FailsWith(ErrorCode::kAlreadyExists));

  EXPECT_FALSE(bank.holds(id("acme")));
  EXPECT_FALSE(network.is_held(path("acme")));
  EXPECT_EQ(files.find(path("acme")), nullptr);
}

TEST_F(ListenerBankTest, HoldsNeitherWhenThePathIsTaken) {
  network.occupy(path("acme"));

  EXPECT_THAT(bind("acme", 21000), FailsWith(ErrorCode::kAlreadyExists));

  EXPECT_FALSE(network.is_held(*Port::make(21000)));
}

TEST_F(ListenerBankTest, KeepsItsOwnWhenTheSameComeBackFromAnInstance) {
  ASSERT_THAT(bind("acme", 21000), IsOk());
  const int before = bank.descriptors(id("acme"))->tcp_listener;

  bank.take_over(id("acme"), UniqueFd(), UniqueFd());

  EXPECT_EQ(bank.descriptors(id("acme"))->tcp_listener, before);
}

TEST_F(ListenerBankTest, TakesOverWhatItDoesNotHave) {
  UniqueFd unix_listener = *factory.bind_unix(path("acme"), SocketAccess{});
  UniqueFd tcp_listener = *factory.bind_tcp(*Port::make(21000));

  bank.take_over(id("acme"), std::move(unix_listener), std::move(tcp_listener));

  EXPECT_TRUE(bank.holds(id("acme")));
  EXPECT_THAT(bind("acme", 21000), IsOk());
  EXPECT_EQ(network.binds().size(), 2U);
}

TEST_F(ListenerBankTest, FreesPortAndPathOnRelease) {
  ASSERT_THAT(bind("acme", 21000), IsOk());

  EXPECT_THAT(bank.release(id("acme"), path("acme")), IsOk());

  EXPECT_THAT(bank.tenants(), IsEmpty());
  EXPECT_FALSE(bank.descriptors(id("acme")).has_value());
  EXPECT_FALSE(network.is_held(*Port::make(21000)));
  EXPECT_EQ(files.find(path("acme")), nullptr);
}

TEST_F(ListenerBankTest, RemovesTheFileOfATenantThatItNeverHeld) {
  ASSERT_THAT(files.put_socket(path("acme"), FileMode{0600}, UserIds{}), IsOk());

  EXPECT_THAT(bank.release(id("acme"), path("acme")), IsOk());

  EXPECT_EQ(files.find(path("acme")), nullptr);
}

}  // namespace
}  // namespace voicectl
