// SPDX-License-Identifier: Apache-2.0
// The sides of DescriptorStore that need no real process.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/os/service_descriptor_store.h"
#include "provisioner/holder/holder_store.h"
#include "tests/support/contract_descriptor_store.h"
#include "tests/support/fake_descriptor_store.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_holder.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// What every simulated keeper shares.
class SimStoreWorld : public DescriptorStoreWorld {
 public:
  void run_until(const std::function<bool()>& condition) override {
    for (int i = 0; i < 100 && !condition(); ++i) {
      sim.advance(100ms);
    }
  }
  void settle() override { sim.advance(200ms); }

 protected:
  SimReactor sim;
};

class FakeStoreWorld final : public SimStoreWorld {
 public:
  DescriptorStore& restart() override {
    store_ = std::make_unique<FakeDescriptorStore>(sim, kept_);
    return *store_;
  }
  bool lose_keeper() override {
    store_->lose();
    return true;
  }

 private:
  FakeKept kept_;
  std::unique_ptr<FakeDescriptorStore> store_;
};

/// systemd's side of the FD store, as far as sd_notify(3) tells.
class FakeServiceManager {
 public:
  bool notify(std::string_view message, const std::vector<int>& descriptors) {
    const std::string name = field(message, "FDNAME=");
    messages.emplace_back(message);
    if (is_away) {
      return false;
    }
    if (message.starts_with("FDSTOREREMOVE=1")) {
      std::erase_if(stored, [&](const auto& one) { return one.name == name; });
    } else if (message.starts_with("FDSTORE=1")) {
      for (const int descriptor : descriptors) {
        // In front of the others, as it does.
        stored.insert(stored.begin(), {name, UniqueFd(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0))});
      }
    }
    return true;
  }
  std::vector<ServiceDescriptor> give() const {
    std::vector<ServiceDescriptor> out;
    for (const ServiceDescriptor& one : stored) {
      out.push_back({one.name, one.descriptor.duplicate()});
    }
    return out;
  }

  std::vector<ServiceDescriptor> stored;
  std::vector<std::string> messages;
  bool is_away = false;

 private:
  static std::string field(std::string_view message, std::string_view key) {
    const std::size_t at = message.find(key);
    if (at == std::string_view::npos) {
      return "";
    }
    const std::string_view rest = message.substr(at + key.size());
    return std::string(rest.substr(0, rest.find('\n')));
  }
};

class ServiceStoreWorld final : public SimStoreWorld {
 public:
  DescriptorStore& restart() override {
    ServiceDescriptorStore::Service service;
    service.notify = [this](std::string_view message, const std::vector<int>& descriptors) {
      return manager_.notify(message, descriptors);
    };
    service.given = manager_.give();
    store_ = std::make_unique<ServiceDescriptorStore>(sim, std::move(service));
    return *store_;
  }
  bool lose_keeper() override { return false; }

 private:
  FakeServiceManager manager_;
  std::unique_ptr<ServiceDescriptorStore> store_;
};

class HolderStoreWorld final : public SimStoreWorld {
 public:
  HolderStoreWorld() { (void)files_.make_directory("/run", kPrivateDirectory); }
  DescriptorStore& restart() override {
    if (loop_) {
      loop_->kill();
    }
    store_.reset();
    spawner_ = std::make_unique<FakeProcessSpawner>(processes_);
    loop_ = std::make_unique<SimReactorView>(sim);
    store_ = std::make_unique<HolderStore>(
        HolderStore::Deps{*loop_, *spawner_, listeners_, channels_, files_},
        HolderStore::Options{.program = "/bin/voicectl-holder", .run = "/run"});
    return *store_;
  }
  bool lose_keeper() override {
    holder_.crash();
    return true;
  }

 private:
  FakeFileSystem files_;
  FakeNetwork network_{files_};
  FakeProcesses processes_{sim};
  FakeChannelHub hub_{sim, &network_};
  FakeHolder holder_{sim, processes_, hub_, network_};
  FakeListenerFactory listeners_{network_};
  FakeFdChannelFactory channels_{hub_};
  std::unique_ptr<FakeProcessSpawner> spawner_;
  std::unique_ptr<SimReactorView> loop_;
  std::unique_ptr<HolderStore> store_;
};

template <typename World>
std::unique_ptr<DescriptorStoreWorld> make_world() {
  return std::make_unique<World>();
}

INSTANTIATE_TEST_SUITE_P(Fake,
                         DescriptorStoreContract,
                         ::testing::Values(make_world<FakeStoreWorld>));
INSTANTIATE_TEST_SUITE_P(Service,
                         DescriptorStoreContract,
                         ::testing::Values(make_world<ServiceStoreWorld>));
INSTANTIATE_TEST_SUITE_P(SimulatedHolder,
                         DescriptorStoreContract,
                         ::testing::Values(make_world<HolderStoreWorld>));

class ServiceStoreTest : public ::testing::Test {
 protected:
  ServiceDescriptorStore make(std::optional<std::size_t> room = std::nullopt) {
    ServiceDescriptorStore::Service service;
    service.notify = [this](std::string_view message, const std::vector<int>& descriptors) {
      return manager.notify(message, descriptors);
    };
    service.given = manager.give();
    service.room = room;
    return {sim, std::move(service)};
  }
  std::vector<KeptDescriptors> open(ServiceDescriptorStore& store) {
    std::vector<KeptDescriptors> found;
    store.open({[this] { ++emptied; }, [this](const Error& error) { errors.push_back(error); }},
               [&](std::vector<KeptDescriptors> kept) { found = std::move(kept); });
    sim.settle();
    return found;
  }
  void store_directly(const std::string& name) {
    manager.stored.push_back({name, UniqueFd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0))});
  }

  SimReactor sim;
  FakeServiceManager manager;
  std::vector<Error> errors;
  int emptied = 0;
};

TEST_F(ServiceStoreTest, AsksThatListenersAreNotWatched) {
  ServiceDescriptorStore store = make();
  open(store);

  store.put("tenant/acme", {STDIN_FILENO});

  EXPECT_THAT(manager.messages,
              ::testing::ElementsAre("FDSTORE=1\nFDNAME=tenant/acme.1.1\nFDPOLL=0"));
}

TEST_F(ServiceStoreTest, LetsGoOfWhatWasPutInPartOnly) {
  store_directly("tenant/acme.2.2");
  ServiceDescriptorStore store = make();

  EXPECT_THAT(open(store), IsEmpty());

  EXPECT_THAT(manager.stored, IsEmpty());
}

TEST_F(ServiceStoreTest, LeavesWhatIsNotOursAlone) {
  store_directly("stored");
  store_directly("voicectl.socket");
  store_directly("x.0.2");
  store_directly("x.3.2");
  store_directly(".1.1");
  ServiceDescriptorStore store = make();

  EXPECT_THAT(open(store), IsEmpty());

  EXPECT_THAT(manager.stored, SizeIs(5));
}

TEST_F(ServiceStoreTest, SaysWhenThereIsNoRoomLeft) {
  ServiceDescriptorStore store = make(3);
  open(store);
  store.put("a", {STDIN_FILENO, STDIN_FILENO});

  store.put("b", {STDIN_FILENO, STDIN_FILENO});

  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_THAT(errors.front().text(), HasSubstr("FileDescriptorStoreMax"));
  store.drop("a");
  store.put("b", {STDIN_FILENO, STDIN_FILENO});
  EXPECT_THAT(errors, SizeIs(1));
}

TEST_F(ServiceStoreTest, SaysOnceThatTheManagerIsAway) {
  ServiceDescriptorStore store = make();
  open(store);
  manager.is_away = true;

  store.put("a", {STDIN_FILENO, STDIN_FILENO});

  EXPECT_THAT(errors, SizeIs(1));
}

TEST_F(ServiceStoreTest, WhatTheManagerDidNotTakeIsPutAgain) {
  ServiceDescriptorStore store = make();
  open(store);
  manager.is_away = true;
  store.put("a", {STDIN_FILENO, STDIN_FILENO});
  manager.is_away = false;
  EXPECT_THAT(manager.stored, IsEmpty());

  sim.advance(std::chrono::seconds(2));

  EXPECT_EQ(emptied, 1) << "its owner is asked for everything, once";
}

TEST_F(ServiceStoreTest, WhatHadNoRoomIsPutAgainWhenThereMayBeSome) {
  ServiceDescriptorStore store = make(3);
  open(store);
  store.put("a", {STDIN_FILENO, STDIN_FILENO});
  store.put("b", {STDIN_FILENO, STDIN_FILENO});
  sim.advance(std::chrono::seconds(60));
  EXPECT_EQ(emptied, 0);

  store.drop("a");
  sim.advance(std::chrono::seconds(2));

  EXPECT_EQ(emptied, 1);
}

}  // namespace
}  // namespace voicectl
