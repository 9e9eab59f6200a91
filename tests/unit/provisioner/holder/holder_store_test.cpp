// SPDX-License-Identifier: Apache-2.0
#include "provisioner/holder/holder_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/os/process_identity.h"
#include "provisioner/holder/moved_store.h"
#include "tests/support/fake_descriptor_store.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_holder.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): tests speak of time
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Ends at the first message, as one does that has no room for what comes with it.
class CutChannel final : public FdChannel {
 public:
  CutChannel(Reactor& reactor, std::unique_ptr<FdChannel> inner)
      : reactor_(reactor), inner_(std::move(inner)) {}

  void start(Handlers handlers) override {
    inner_->start({[this, on_close = handlers.on_close](const std::string&, std::vector<UniqueFd>) {
                     if (!std::exchange(is_cut_, true)) {
                       reactor_.post(on_close);
                     }
                   },
                   handlers.on_close});
  }
  Status send(std::string_view message, const std::vector<int>& descriptors) override {
    return inner_->send(message, descriptors);
  }
  Status send_now(std::string_view message, const std::vector<int>& descriptors) override {
    return inner_->send_now(message, descriptors);
  }
  std::uint32_t peer_uid() const override { return inner_->peer_uid(); }

 private:
  Reactor& reactor_;
  std::unique_ptr<FdChannel> inner_;
  bool is_cut_ = false;
};

/// Connects to nobody while its process is short of descriptors.
class ShortFactory final : public FdChannelFactory {
 public:
  ShortFactory(Reactor& reactor, FakeChannelHub& hub) : reactor_(reactor), inner_(hub, 7) {}

  Result<std::unique_ptr<FdChannel>> connect(const std::string& path) override {
    if (is_short) {
      return Error(ErrorCode::kResourceExhausted, "cannot connect: no descriptor is left");
    }
    VC_TRY(std::unique_ptr<FdChannel> channel, inner_.connect(path));
    if (cuts > 0) {
      --cuts;
      return std::unique_ptr<FdChannel>(new CutChannel(reactor_, std::move(channel)));
    }
    return channel;
  }
  Result<std::pair<UniqueFd, UniqueFd>> make_pair() override { return inner_.make_pair(); }

  bool is_short = false;
  /// So many channels have no room for what comes over them.
  int cuts = 0;

 private:
  Reactor& reactor_;
  FakeFdChannelFactory inner_;
};

class HolderStoreTest : public ::testing::Test {
 protected:
  HolderStoreTest() {
    (void)files.make_directory("/run", kPrivateDirectory);
    hub.set_listener_uid(7);
    restart();
  }

  /// The owner dies without a word and begins again.
  void restart() {
    if (loop) {
      loop->kill();
    }
    store.reset();
    spawner = std::make_unique<FakeProcessSpawner>(processes);
    loop = std::make_unique<SimReactorView>(sim);
    store = std::make_unique<HolderStore>(
        HolderStore::Deps{*loop, *spawner, listeners, channels, files},
        HolderStore::Options{.program = "/bin/voicectl-holder", .run = "/run", .own_uid = 7});
    names.clear();
    store->open({[this] { ++emptied; }, [this](const Error& error) { errors.push_back(error); }},
                [this](const std::vector<KeptDescriptors>& kept) {
                  ++opened;
                  for (const KeptDescriptors& one : kept) {
                    names.push_back(one.name);
                  }
                });
  }
  void put(const std::string& name) { store->put(name, {STDIN_FILENO}); }
  std::vector<ProcessIdentity> holders() const { return processes.running(); }

  SimReactor sim;
  FakeFileSystem files;
  FakeNetwork network{files};
  FakeProcesses processes{sim};
  FakeChannelHub hub{sim, &network};
  FakeHolder holder{sim, processes, hub, network};
  FakeListenerFactory listeners{network};
  ShortFactory channels{sim, hub};
  std::unique_ptr<FakeProcessSpawner> spawner;
  std::unique_ptr<SimReactorView> loop;
  std::unique_ptr<HolderStore> store;
  std::vector<std::string> names;
  std::vector<Error> errors;
  int opened = 0;
  int emptied = 0;
};

TEST_F(HolderStoreTest, StartsAHolderThatIsNotedBeforeItRuns) {
  EXPECT_EQ(parse_identity(files.content_of("/run/holder.json").value_or("")),
            processes.spawned().front());
  EXPECT_EQ(files.find("/run/holder.sock")->mode, FileMode{0600});

  sim.settle();

  EXPECT_TRUE(holder.is_running());
  EXPECT_THAT(errors, IsEmpty());
  EXPECT_EQ(opened, 1);
}

TEST_F(HolderStoreTest, FindsItAgainAndStartsNoSecond) {
  put("a");
  sim.settle();

  restart();
  sim.settle();

  EXPECT_THAT(names, ElementsAre("a"));
  EXPECT_THAT(holders(), SizeIs(1));
  EXPECT_EQ(holder.starts(), 1);
}

TEST_F(HolderStoreTest, WhatWasSentBeforeTheOwnerDiedIsKept) {
  sim.settle();
  put("a");
  restart();  // nothing was delivered yet

  sim.advance(1s);

  EXPECT_THAT(names, ElementsAre("a"));
}

TEST_F(HolderStoreTest, StartsAnotherWhenItDiesAndAsksForEverything) {
  put("a");
  sim.advance(1s);
  emptied = 0;

  holder.crash();
  sim.advance(1s);

  EXPECT_EQ(emptied, 1);
  EXPECT_EQ(holder.starts(), 2);
  EXPECT_THAT(holders(), SizeIs(1));
}

TEST_F(HolderStoreTest, AHolderThatDiesTogetherWithItsOwnerIsReplaced) {
  put("a");
  sim.settle();
  holder.crash();
  sim.settle();

  restart();
  sim.advance(1s);

  EXPECT_THAT(names, IsEmpty());
  EXPECT_EQ(holder.starts(), 2);
}

TEST_F(HolderStoreTest, AHolderThatStandsStillIsKilledAndReplaced) {
  sim.settle();
  const ProcessIdentity old = *holder.identity();
  holder.freeze();

  restart();
  sim.advance(59s);
  EXPECT_TRUE(processes.is_alive(old));
  sim.advance(2s);

  EXPECT_EQ(opened, 2);
  EXPECT_FALSE(processes.is_alive(old));
  EXPECT_EQ(holder.starts(), 2);
  EXPECT_THAT(errors, SizeIs(::testing::Ge(1U)));
  EXPECT_THAT(errors.front().text(), HasSubstr("does not answer"));
}

TEST_F(HolderStoreTest, AHolderThatIsOnlySlowIsToldOfAndWaitedFor) {
  put("a");
  sim.settle();
  const ProcessIdentity old = *holder.identity();
  holder.freeze();
  restart();
  sim.advance(50s);
  EXPECT_EQ(opened, 1);
  EXPECT_THAT(errors, ::testing::Not(IsEmpty()));

  holder.thaw();
  sim.advance(1s);

  EXPECT_THAT(names, ElementsAre("a"));
  EXPECT_TRUE(processes.is_alive(old));
  EXPECT_EQ(holder.starts(), 1);
}

/// Its owner has all that it kept; but two cannot have one socket.
TEST_F(HolderStoreTest, AHolderThatLostItsConnectionAndCannotBeEndedIsAskedToGo) {
  sim.settle();
  const ProcessIdentity old = *holder.identity();
  processes.immortal.insert(old.pid);

  hub.cut("/run/holder.sock");
  sim.settle();
  EXPECT_TRUE(processes.is_alive(old));
  processes.immortal.clear();
  sim.advance(5s);

  EXPECT_FALSE(processes.is_alive(old));
  EXPECT_EQ(holder.starts(), 2);
  EXPECT_TRUE(holder.is_running());
  EXPECT_EQ(emptied, 2) << "what it kept is put again";
}

TEST_F(HolderStoreTest, AHolderThatCannotBeReachedForNowIsNotReplaced) {
  put("a");
  sim.settle();
  channels.is_short = true;
  restart();
  sim.advance(20s);
  EXPECT_EQ(opened, 1);

  channels.is_short = false;
  sim.advance(6s);

  EXPECT_THAT(names, ElementsAre("a"));
  EXPECT_EQ(holder.starts(), 1);
}

TEST_F(HolderStoreTest, AHolderWhoseAnswerHasNoRoomIsAskedAgainAndNotReplaced) {
  put("a");
  sim.settle();
  const ProcessIdentity old = *holder.identity();
  channels.cuts = 2;
  restart();
  sim.advance(8s);
  EXPECT_EQ(opened, 1);
  EXPECT_TRUE(processes.is_alive(old));
  EXPECT_THAT(errors, ::testing::Not(IsEmpty()));

  sim.advance(5s);

  EXPECT_THAT(names, ElementsAre("a"));
  EXPECT_EQ(holder.starts(), 1);
}

TEST_F(HolderStoreTest, AHolderThatNobodyKnowsAndWhoseAnswerHasNoRoomIsAskedAgain) {
  put("a");
  sim.settle();
  const ProcessIdentity old = *holder.identity();
  EXPECT_THAT(files.remove("/run/holder.json"), IsOk());
  channels.cuts = 2;

  restart();
  sim.advance(5s);

  EXPECT_THAT(names, ElementsAre("a")) << "nobody else may have it";
  EXPECT_TRUE(processes.is_alive(old));
  EXPECT_EQ(holder.starts(), 1);
}

TEST_F(HolderStoreTest, AHolderThatDiesWhileItIsAskedIsReplacedAtOnce) {
  put("a");
  sim.settle();
  channels.cuts = 1;
  restart();
  sim.advance(1s);
  holder.crash();

  sim.advance(1s);

  EXPECT_EQ(opened, 2);
  EXPECT_EQ(holder.starts(), 2);
}

TEST_F(HolderStoreTest, AHolderThatNobodyKnowsAnyMoreIsAskedToGo) {
  sim.settle();
  const ProcessIdentity old = *holder.identity();
  holder.set_version(99);
  EXPECT_THAT(files.remove("/run/holder.json"), IsOk());

  restart();
  sim.advance(5s);

  EXPECT_FALSE(processes.is_alive(old));
  EXPECT_EQ(holder.starts(), 2);
  EXPECT_THAT(holders(), SizeIs(1));
}

TEST_F(HolderStoreTest, WhatWasRefusedIsPutAgain) {
  sim.settle();
  emptied = 0;
  holder.fill(true);
  put("a");
  sim.advance(500ms);
  EXPECT_THAT(errors, SizeIs(1));
  EXPECT_THAT(holder.names(), IsEmpty());

  holder.fill(false);
  sim.advance(1s);

  EXPECT_EQ(emptied, 1) << "its owner is asked for everything, once";
  sim.advance(600s);
  EXPECT_EQ(emptied, 1);
}

TEST_F(HolderStoreTest, AHolderOfAnotherVersionIsEmptiedAndReplaced) {
  put("a");
  sim.settle();
  const ProcessIdentity old = *holder.identity();
  holder.set_version(99);
  emptied = 0;

  restart();
  sim.advance(2s);

  EXPECT_THAT(names, ElementsAre("a"));
  EXPECT_FALSE(processes.is_alive(old));
  EXPECT_EQ(holder.starts(), 2);
  EXPECT_EQ(emptied, 1);
}

TEST_F(HolderStoreTest, AProgramThatIsMissingIsToldAndTriedAgain) {
  sim.settle();
  processes.uninstall("/bin/voicectl-holder");
  holder.crash();
  sim.advance(10s);
  EXPECT_FALSE(holder.is_running());
  EXPECT_THAT(errors, ::testing::Not(IsEmpty()));

  processes.install("/bin/voicectl-holder");
  sim.advance(60s);

  EXPECT_TRUE(holder.is_running());
}

TEST_F(HolderStoreTest, NeverTrustsAStrangersSocket) {
  sim.settle();
  hub.set_listener_uid(1000);

  restart();
  sim.advance(1s);

  EXPECT_THAT(names, IsEmpty());
  EXPECT_THAT(errors, ::testing::Not(IsEmpty()));
}

TEST_F(HolderStoreTest, NeverHitsAProcessThatGotItsNumber) {
  sim.settle();
  holder.crash();
  sim.settle();
  files.put("/run/holder.json", render_identity({4242, 1, "boot-1"}));
  const ProcessIdentity stranger = processes.start_foreign(4242);

  restart();
  sim.advance(1s);

  EXPECT_TRUE(processes.is_alive(stranger));
  EXPECT_TRUE(holder.is_running());
}

TEST_F(HolderStoreTest, LeavesNothingBehindWhenItIsCleared) {
  put("a");
  sim.settle();
  bool is_cleared = false;

  store->clear([&] { is_cleared = true; });
  sim.advance(1s);

  EXPECT_TRUE(is_cleared);
  EXPECT_THAT(holders(), IsEmpty());
  EXPECT_EQ(files.find("/run/holder.json"), nullptr);
  EXPECT_EQ(files.find("/run/holder.sock"), nullptr);
}

TEST_F(HolderStoreTest, ClearsAlsoOneThatStandsStill) {
  sim.settle();
  holder.freeze();
  bool is_cleared = false;

  store->clear([&] { is_cleared = true; });
  sim.advance(5s);

  EXPECT_TRUE(is_cleared);
  EXPECT_THAT(holders(), IsEmpty());
}

TEST_F(HolderStoreTest, ClearingWhileThereIsNoneEndsAtOnce) {
  sim.settle();
  processes.uninstall("/bin/voicectl-holder");
  holder.crash();
  sim.settle();
  bool is_cleared = false;

  store->clear([&] { is_cleared = true; });
  sim.advance(60s);

  EXPECT_TRUE(is_cleared);
  EXPECT_THAT(holders(), IsEmpty());
}

TEST_F(HolderStoreTest, AnotherKeeperTakesOverWhatItHasAndEndsIt) {
  put("a");
  put("b");
  sim.settle();
  loop->kill();
  store.reset();
  spawner = std::make_unique<FakeProcessSpawner>(processes);
  loop = std::make_unique<SimReactorView>(sim);
  FakeKept kept;
  kept["b"].push_back(UniqueFd());
  MovedStore moved(std::make_shared<FakeDescriptorStore>(*loop, kept),
                   std::make_shared<HolderStore>(
                       HolderStore::Deps{*loop, *spawner, listeners, channels, files},
                       HolderStore::Options{.program = "/x", .run = "/run", .own_uid = 7}));

  moved.open({[] {}, [](const Error&) {}}, [this](const std::vector<KeptDescriptors>& all) {
    for (const KeptDescriptors& one : all) {
      names.push_back(one.name);
    }
  });
  sim.advance(1s);

  EXPECT_THAT(names, ::testing::UnorderedElementsAre("a", "b"));
  EXPECT_EQ(kept.size(), 2U);
  EXPECT_THAT(holders(), IsEmpty());
  EXPECT_EQ(files.find("/run/holder.json"), nullptr);
}

}  // namespace
}  // namespace voicectl
