// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/listeners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/fake_descriptor_store.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_listener_factory.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_reactor.h"

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
  SimReactor sim;
  FakeKept kept;
  FakeDescriptorStore store{sim, kept};
  ListenerBank bank{factory, files, store};
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

  const auto same = [](int descriptor) { return UniqueFd(::dup(descriptor)); };

  const ListenerDescriptors held = *bank.descriptors(id("acme"));
  EXPECT_EQ(bank.take_over(id("acme"), same(held.unix_listener), same(held.tcp_listener)),
            held.binding);

  EXPECT_EQ(bank.descriptors(id("acme"))->tcp_listener, before);
}

TEST_F(ListenerBankTest, TellsSocketsOfBeforeFromThoseThatWereBoundAnew) {
  ASSERT_THAT(bind("acme", 21000), IsOk());
  const ListenerDescriptors before = *bank.descriptors(id("acme"));
  UniqueFd old_one(::dup(before.unix_listener));
  UniqueFd tcp(::dup(before.tcp_listener));

  ASSERT_THAT(bank.rebind(id("acme"), path("acme"), SocketAccess{}), IsOk());

  EXPECT_NE(bank.descriptors(id("acme"))->binding, before.binding);
  EXPECT_EQ(bank.take_over(id("acme"), std::move(old_one), std::move(tcp)), 0U);
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

TEST_F(ListenerBankTest, KeepsWhatItBindsOutsideToo) {
  ASSERT_THAT(bind("acme", 21000), IsOk());

  ASSERT_TRUE(kept.contains("tenant/acme"));
  EXPECT_EQ(network.address_of(kept["tenant/acme"].at(0).get()), "unix:/run/t/acme.sock");
  EXPECT_EQ(network.address_of(kept["tenant/acme"].at(1).get()), "127.0.0.1:21000");

  EXPECT_THAT(bank.release(id("acme"), path("acme")), IsOk());

  EXPECT_THAT(kept, IsEmpty());
}

TEST_F(ListenerBankTest, KeepsNothingOfWhatItCouldNotBind) {
  network.occupy(*Port::make(21000));
  ASSERT_THAT(bind("acme", 21000), FailsWith(ErrorCode::kAlreadyExists));

  EXPECT_THAT(kept, IsEmpty());
}

TEST_F(ListenerBankTest, TakesBackWhatIsWantedAndLetsGoOfTheRest) {
  ASSERT_THAT(bind("acme", 21000), IsOk());
  ASSERT_THAT(bind("beta", 21001), IsOk());
  kept["tenant/Not A Name"].push_back(kept["tenant/acme"].at(0).duplicate());
  kept["tenant/half"].push_back(kept["tenant/acme"].at(0).duplicate());
  kept["other"].push_back(kept["tenant/acme"].at(0).duplicate());
  std::vector<KeptDescriptors> found;
  store.open({}, [&](std::vector<KeptDescriptors> all) { found = std::move(all); });
  sim.settle();
  ListenerBank next(factory, files, store);

  const std::size_t taken =
      next.take_back(std::move(found), [&](const TenantId& tenant, const ListenerPlaces& places) {
        return tenant == id("acme") && places.tcp_listener == "127.0.0.1:21000" &&
               places.unix_listener == "unix:/run/t/acme.sock";
      });

  EXPECT_EQ(taken, 1U);
  EXPECT_THAT(next.tenants(), ElementsAre(id("acme")));
  EXPECT_EQ(kept.size(), 1U);
  EXPECT_TRUE(kept.contains("tenant/acme"));
}

TEST_F(ListenerBankTest, WhatIsNotWantedCanBeBoundAnewBeforeTheStoreHasLetGoOfIt) {
  ASSERT_THAT(bind("acme", 21000), IsOk());
  std::vector<KeptDescriptors> found;
  store.open({}, [&](std::vector<KeptDescriptors> all) { found = std::move(all); });
  sim.settle();
  const UniqueFd in_the_store = found.at(0).descriptors.at(0).duplicate();
  const UniqueFd in_the_store_too = found.at(0).descriptors.at(1).duplicate();
  ListenerBank next(factory, files, store);

  next.take_back(std::move(found), [](const TenantId&, const ListenerPlaces&) { return false; });

  EXPECT_THAT(next.bind(id("acme"), path("acme"), SocketAccess{}, *Port::make(21000)), IsOk());
}

TEST_F(ListenerBankTest, PutsEverythingAgainIntoAStoreThatLostIt) {
  ASSERT_THAT(bind("acme", 21000), IsOk());
  bank.take_over(id("beta"), *factory.bind_unix(path("beta"), SocketAccess{}),
                 *factory.bind_tcp(*Port::make(21001)));
  kept.clear();

  bank.keep_all();

  EXPECT_EQ(kept.size(), 2U);
}

}  // namespace
}  // namespace voicectl
