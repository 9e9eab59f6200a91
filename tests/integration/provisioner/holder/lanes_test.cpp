// SPDX-License-Identifier: Apache-2.0
// Connections of instances that die, kept by the real program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>

#include "provisioner/holder/lanes.h"
#include "runtime/parking/gift_reader.h"
#include "runtime/parking/parking_lot.h"
#include "tests/integration/provisioner/holder/real_holder_world.h"
#include "tests/support/lingering_connection.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using parking::GiftReader;
using parking::ParkedConnection;
using parking::ParkedState;
using parking::ParkingGate;
using parking::ParkingLot;
using parking::ParkingSpace;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A lane whose socket can be closed behind its owner's back, as a death does.
class MortalChannel final : public FdChannel {
 public:
  explicit MortalChannel(std::shared_ptr<std::unique_ptr<FdChannel>> channel)
      : channel_(std::move(channel)) {}

  void start(Handlers handlers) override { (*channel_)->start(std::move(handlers)); }
  Status send(std::string_view message, const std::vector<int>& descriptors) override {
    return *channel_ ? (*channel_)->send(message, descriptors) : ended();
  }
  using FdChannel::send_now;
  Status send_now(std::string_view message, const std::vector<int>& descriptors) override {
    return *channel_ ? (*channel_)->send_now(message, descriptors) : ended();
  }
  std::uint32_t peer_uid() const override { return 0; }

 private:
  static Status ended() { return Error(ErrorCode::kUnavailable, "cannot send: it is dead"); }
  std::shared_ptr<std::unique_ptr<FdChannel>> channel_;
};

/// As far as a holder can see.
struct Instance {
  explicit Instance(Reactor& reactor) : lot(reactor, "layout-1") {}
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  ParkingLot lot;
  std::shared_ptr<std::unique_ptr<FdChannel>> lane = std::make_shared<std::unique_ptr<FdChannel>>();
  std::map<std::string, std::unique_ptr<ParkingGate>> gates;
  std::vector<ParkingSpace> spaces;
  std::vector<UniqueFd> sockets;
  ParkingGate& gate(const std::string& tenant) {
    auto& known = gates[tenant];
    if (!known) {
      known = std::make_unique<ParkingGate>(lot, tenant);
    }
    return *known;
  }
  void park(const UniqueFd& socket, const std::string& tenant, const std::string& note) {
    spaces.push_back(std::move(gate(tenant).park({{socket.get(), "tag"}}).spaces.front()));
    EXPECT_TRUE(spaces.back().is_taken());
    spaces.back().settle({note, "", "", 0, 0, false});
  }
};

/// What one instance after the other is given.
struct Gift {
  std::vector<ParkedConnection> connections;
  std::vector<std::uint64_t> batches;
  bool is_over = false;
  std::unique_ptr<GiftReader> reader;
};

std::size_t open_files(int pid) {
  using std::filesystem::directory_iterator;
  const directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
  // The look is one of its own.
  return static_cast<std::size_t>(std::distance(all, directory_iterator())) -
         (pid == ::getpid() ? 1 : 0);
}

class LanesTest : public ::testing::Test {
 protected:
  LanesTest() { open(); }

  void open() {
    store = &world.restart_holder_store();
    bool is_open = false;
    store->open({[] {}, [](const Error&) {}},
                [&](const std::vector<KeptDescriptors>&) { is_open = true; });
    world.run_until([&] { return is_open; });
  }
  static InstanceId instance(const std::string& name) { return *InstanceId::parse(name); }
  static TenantId tenant(const std::string& name) { return *TenantId::parse(name); }

  std::unique_ptr<Instance> start(const std::string& name,
                                  const std::vector<std::string>& tenants) {
    auto one = std::make_unique<Instance>(world.loop().reactor());
    give_lane(*one, name, tenants);
    return one;
  }
  void give_lane(Instance& one, const std::string& name, const std::vector<std::string>& tenants) {
    auto lane = store->open_lane(instance(name));
    ASSERT_THAT(lane, IsOk());
    for (const std::string& allowed : tenants) {
      store->allow(instance(name), tenant(allowed));
    }
    *one.lane = world.channels().adopt(std::move(*lane));
    ASSERT_THAT(one.lot.use_lane(std::make_unique<MortalChannel>(one.lane)), IsOk());
  }
  /// A connection of the instance; returns the peer's end.
  UniqueFd connect(Instance& one, const std::string& name, const std::string& note) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    one.sockets.emplace_back(ends[0]);
    one.park(one.sockets.back(), name, note);
    return UniqueFd(ends[1]);
  }
  /// Without a word, and with its memory as it is.
  void kill(std::unique_ptr<Instance>& one) {
    one->lane->reset();
    one->sockets.clear();
    dead_.push_back(std::move(one));
  }
  std::unique_ptr<Gift> give(const std::string& name) {
    auto gift = std::make_unique<Gift>();
    auto end = store->give(tenant(name));
    EXPECT_THAT(end, IsOk());
    Gift* const raw = gift.get();
    gift->reader = std::make_unique<GiftReader>(
        world.channels().adopt(std::move(*end)), "layout-1",
        GiftReader::Handlers{[raw](std::uint64_t batch, std::vector<ParkedConnection> some) {
                               raw->batches.push_back(batch);
                               for (ParkedConnection& one : some) {
                                 raw->connections.push_back(std::move(one));
                               }
                             },
                             [raw] { raw->is_over = true; }});
    world.run_until([&] { return raw->is_over; });
    return gift;
  }
  static std::vector<std::string> notes(const Gift& gift) {
    std::vector<std::string> out;
    for (const ParkedConnection& one : gift.connections) {
      const auto* const state = std::get_if<ParkedState>(&one.state);
      out.push_back(state == nullptr ? "doubtful" : state->note);
    }
    return out;
  }
  /// Whether the peer sees an open connection.
  static bool is_open(const UniqueFd& peer) {
    char byte = 0;
    return ::recv(peer.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
  }
  void expect_closed(const UniqueFd& peer) {
    world.run_until([&] { return !is_open(peer); });
    EXPECT_FALSE(is_open(peer));
  }

  RealHolderWorld world;
  HolderStore* store = nullptr;

 private:
  std::vector<std::unique_ptr<Instance>> dead_;
};

TEST_F(LanesTest, AConnectionOutlivesItsInstance) {
  auto first = start("shared-0", {"acme"});
  const UniqueFd peer = connect(*first, "acme", "17");
  kill(first);
  world.settle();
  EXPECT_TRUE(is_open(peer));

  const auto gift = give("acme");

  ASSERT_THAT(notes(*gift), ElementsAre("17"));
  EXPECT_EQ(::write(gift->connections[0].socket.get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(peer.get(), &byte, 1), 1);
}

TEST_F(LanesTest, WhatALivingInstanceHasIsGivenToNobody) {
  auto first = start("shared-0", {"acme"});
  const UniqueFd peer = connect(*first, "acme", "17");

  EXPECT_THAT(notes(*give("acme")), IsEmpty());

  kill(first);
  EXPECT_THAT(notes(*give("acme")), ElementsAre("17"));
}

TEST_F(LanesTest, EachTenantGetsItsOwn) {
  auto first = start("shared-0", {"acme", "beta"});
  const UniqueFd one = connect(*first, "acme", "a");
  const UniqueFd two = connect(*first, "beta", "b");
  kill(first);

  EXPECT_THAT(notes(*give("acme")), ElementsAre("a"));
  EXPECT_THAT(notes(*give("beta")), ElementsAre("b"));
  EXPECT_THAT(notes(*give("gamma")), IsEmpty());
}

TEST_F(LanesTest, AnInstanceCannotParkForATenantThatItWasNotLent) {
  auto first = start("dedicated-evil", {"evil"});
  const UniqueFd peer = connect(*first, "acme", "forged");
  kill(first);

  expect_closed(peer);
  EXPECT_THAT(notes(*give("acme")), IsEmpty());
}

TEST_F(LanesTest, WhatWasLeftIsClosedAndNotGiven) {
  auto first = start("shared-0", {"acme"});
  const UniqueFd one = connect(*first, "acme", "1");
  const UniqueFd two = connect(*first, "acme", "2");
  first->spaces[0].leave();
  first->sockets[0].close();
  expect_closed(one);
  kill(first);

  EXPECT_THAT(notes(*give("acme")), ElementsAre("2"));
}

TEST_F(LanesTest, WhatIsBehindAClosedGateIsNotGiven) {
  auto first = start("shared-0", {"acme", "beta"});
  const UniqueFd peer = connect(*first, "acme", "17");
  const UniqueFd other = connect(*first, "beta", "18");
  first->gate("acme").close();
  kill(first);

  EXPECT_THAT(notes(*give("acme")), IsEmpty());
  EXPECT_THAT(notes(*give("beta")), ElementsAre("18"));
}

TEST_F(LanesTest, WhatIsNotTakenIsGivenAgain) {
  auto first = start("shared-0", {"acme"});
  const UniqueFd peer = connect(*first, "acme", "17");
  kill(first);
  EXPECT_THAT(notes(*give("acme")), ElementsAre("17"));
  EXPECT_TRUE(is_open(peer));

  const auto gift = give("acme");
  ASSERT_THAT(notes(*gift), ElementsAre("17"));
  EXPECT_THAT(gift->reader->took(gift->batches[0]), IsOk());
  world.settle();
  EXPECT_THAT(notes(*give("acme")), IsEmpty());

  EXPECT_TRUE(is_open(peer)) << "whoever took it has it";
  gift->connections.clear();
  expect_closed(peer);
}

TEST_F(LanesTest, WhoeverTookItParksItAnewAndTheNextOneGetsThat) {
  auto first = start("shared-0", {"acme"});
  const UniqueFd peer = connect(*first, "acme", "17");
  kill(first);
  auto second = start("shared-0", {"acme"});
  auto gift = give("acme");
  second->sockets.push_back(std::move(gift->connections[0].socket));
  second->park(second->sockets[0], "acme", "18");
  EXPECT_THAT(gift->reader->took(gift->batches[0]), IsOk());
  gift.reset();
  kill(second);

  EXPECT_THAT(notes(*give("acme")), ElementsAre("18"));
  EXPECT_TRUE(is_open(peer));
}

TEST_F(LanesTest, WhoeverAsksLastGetsItAndTheOneBeforeCannotTakeItAnyMore) {
  auto first = start("shared-0", {"acme"});
  const UniqueFd peer = connect(*first, "acme", "17");
  kill(first);
  const auto forgotten = give("acme");
  ASSERT_THAT(notes(*forgotten), ElementsAre("17"));

  const auto gift = give("acme");

  ASSERT_THAT(notes(*gift), ElementsAre("17"));
  EXPECT_THAT(forgotten->reader->took(forgotten->batches[0]), FailsWith(ErrorCode::kUnavailable));
  EXPECT_THAT(gift->reader->took(gift->batches[0]), IsOk());
}

TEST_F(LanesTest, WhatWasTakenIsNotGivenAgainHoweverLateTheHolderHearsOfIt) {
  auto first = start("shared-0", {"acme"});
  const UniqueFd peer = connect(*first, "acme", "17");
  kill(first);
  const auto gift = give("acme");
  const auto holder = world.identity();
  ASSERT_EQ(::kill(holder->pid, SIGSTOP), 0);
  EXPECT_THAT(gift->reader->took(gift->batches[0]), IsOk());
  auto end = store->give(tenant("acme"));
  ASSERT_EQ(::kill(holder->pid, SIGCONT), 0);

  EXPECT_THAT(notes(*give("acme")), IsEmpty());
}

TEST_F(LanesTest, WhatATenantsFormerInstanceHasIsNotItsOwn) {
  auto first = start("shared-0", {"acme", "beta"});
  const UniqueFd peer = connect(*first, "acme", "17");
  const UniqueFd other = connect(*first, "beta", "18");
  world.settle();
  store->forbid(instance("shared-0"), tenant("acme"));
  world.settle();
  const UniqueFd forged = connect(*first, "acme", "forged");
  kill(first);

  expect_closed(peer);
  EXPECT_THAT(notes(*give("acme")), IsEmpty());
  EXPECT_THAT(notes(*give("beta")), ElementsAre("18"));
}

TEST_F(LanesTest, AnInstanceThatGivesItsLaneUpLivesAndLeavesNothing) {
  auto first = start("shared-0", {"acme"});
  const UniqueFd peer = connect(*first, "acme", "17");
  first->lot.drop_lane();

  EXPECT_THAT(notes(*give("acme")), IsEmpty());
  EXPECT_TRUE(is_open(peer));
}

TEST_F(LanesTest, ANewHolderIsToldEverythingAgain) {
  auto first = start("shared-0", {"acme"});
  const UniqueFd peer = connect(*first, "acme", "17");
  bool is_lost = false;
  store->when_lanes_are_lost([&] { is_lost = true; });
  ASSERT_TRUE(world.lose_keeper());
  world.run_until([&] { return is_lost; });
  EXPECT_TRUE(is_open(peer));
  give_lane(*first, "shared-0", {"acme"});
  EXPECT_FALSE(first->spaces[0].is_taken());
  first->park(first->sockets[0], "acme", "18");
  kill(first);

  EXPECT_THAT(notes(*give("acme")), ElementsAre("18"));
}

TEST_F(LanesTest, LanesOutliveTheDaemon) {
  auto first = start("shared-0", {"acme"});
  const UniqueFd one = connect(*first, "acme", "1");
  world.settle();
  open();
  const UniqueFd two = connect(*first, "acme", "2");
  kill(first);

  EXPECT_THAT(notes(*give("acme")), ElementsAre("1", "2"));
}

TEST_F(LanesTest, ThousandsAreGivenInBatches) {
  auto first = start("shared-0", {"acme"});
  std::vector<UniqueFd> peers;
  for (int i = 0; i < 2000; ++i) {
    peers.push_back(connect(*first, "acme", std::to_string(i)));
    if (i % 100 == 0) {
      world.settle();  // as many as wait at most
    }
  }
  world.settle();
  kill(first);

  const auto gift = give("acme");

  EXPECT_EQ(gift->connections.size(), 2000U);
  EXPECT_EQ(gift->batches.size(), 8U);
}

/// There is one for every tenant that is lent: each would cost a descriptor, and a look at each
/// message.
TEST_F(LanesTest, WhatHasToldEverythingIsHeldNoLonger) {
  world.settle();
  const std::size_t before = open_files(world.identity()->pid);
  std::vector<std::unique_ptr<Gift>> gifts;
  for (int i = 0; i < 20; ++i) {
    gifts.push_back(give("t" + std::to_string(i)));
  }
  auto first = start("shared-0", {"acme"});
  const UniqueFd peer = connect(*first, "acme", "17");
  kill(first);
  gifts.push_back(give("acme"));
  EXPECT_THAT(gifts.back()->reader->took(gifts.back()->batches[0]), IsOk());

  world.run_until([&] { return open_files(world.identity()->pid) <= before; });

  EXPECT_LE(open_files(world.identity()->pid), before);
  EXPECT_TRUE(is_open(peer)) << "whoever took it has it";
}

TEST_F(LanesTest, AHolderThatStandsStillCostsItsOwnerFewDescriptors) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  const ProcessIdentity who = *world.identity();
  ASSERT_EQ(::kill(who.pid, SIGSTOP), 0);
  const std::size_t before = open_files(::getpid());

  // More than the kernel takes; whoever puts them has them open anyway.
  for (int i = 0; i < 600; ++i) {
    store->put("tenant/t" + std::to_string(i), {STDIN_FILENO});
  }
  EXPECT_EQ(open_files(::getpid()), before);
  // Nobody else has these.
  std::vector<UniqueFd> given;
  Result<UniqueFd> end = store->give(tenant("acme"));
  for (; end.has_value() && given.size() < 2000; end = store->give(tenant("acme"))) {
    given.push_back(std::move(*end));
  }
  EXPECT_THAT(end, FailsWith(ErrorCode::kResourceExhausted));
  EXPECT_EQ(given.size(), 1024U);
  EXPECT_EQ(open_files(::getpid()), before + 2 * given.size());

  given.clear();
  ASSERT_EQ(::kill(who.pid, SIGCONT), 0);
  world.run_until([&] { return open_files(::getpid()) <= before; });
  world.settle();
  EXPECT_EQ(world.count(), 600) << "nothing that waited was lost";
  EXPECT_TRUE(world.is_alive(who));
}

TEST_F(LanesTest, AHostileInstanceHurtsOnlyItself) {
  auto good = start("shared-0", {"acme"});
  const UniqueFd peer = connect(*good, "acme", "17");
  auto lane = store->open_lane(instance("dedicated-evil"));
  store->allow(instance("dedicated-evil"), tenant("evil"));
  const auto evil = world.channels().adopt(std::move(*lane));
  const UniqueFd file = some_open_file();
  for (const std::string& text :
       {std::string("park evil"), std::string("park evil 0 99999999:1"),
        std::string("park evil 0 x:y"), std::string("park evil 0 0"),
        std::string("park evil 99999999 0:1"), std::string("park"), std::string("leave 0:1 1:1 :"),
        std::string("hello"), std::string("took 1"), std::string("stop"), std::string("end"),
        "hello " + std::string(5000, 'x'), std::string("hello layout-1"),
        std::string("park evil 0 0:1")}) {
    ASSERT_THAT(evil->send(text, {file.get()}), IsOk());
  }
  world.settle();
  kill(good);

  EXPECT_THAT(notes(*give("acme")), ElementsAre("17"));
}

TEST_F(LanesTest, AConnectionThatLingersHoldsUpNobody) {
  auto good = start("shared-0", {"acme"});
  const UniqueFd peer = connect(*good, "acme", "17");
  world.settle();
  const int holder = world.identity()->pid;
  auto lane = store->open_lane(instance("dedicated-evil"));
  ASSERT_THAT(lane, IsOk());
  store->allow(instance("dedicated-evil"), tenant("evil"));
  world.settle();
  const std::size_t before = open_files(holder);
  std::vector<UniqueFd> unread;
  const auto send = [&](const std::string& text, bool is_hidden) {
    LingeringConnection connection = LingeringConnection::make();
    UniqueFd sent = std::move(connection.mine);
    if (is_hidden) {
      // In the queue of what is sent, where nobody can turn anything off.
      int ends[2] = {-1, -1};
      ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
      const UniqueFd far(ends[0]);
      ASSERT_EQ(send_fd_message(far.get(), "x", {sent.get()}), 0);
      sent = UniqueFd(ends[1]);
    }
    // The last copy is on its way before ours is closed.
    ASSERT_EQ(send_fd_message(lane->get(), text, {sent.get()}), 0);
    unread.push_back(std::move(connection.peer));
  };

  for (const bool is_hidden : {false, true}) {
    send("park evil 0 1:1", is_hidden);
    send("park evil 0 1:2", is_hidden);  // in its place
    ASSERT_EQ(send_fd_message(lane->get(), "leave 1:2", {}), 0);
    send("park acme 0 1:1", is_hidden);  // not its own
    send("leave 7:7", is_hidden);
    send("nonsense", is_hidden);
  }
  lane->close();

  // It answers, and lets go of all of them, though their peers read nothing.
  while (open_files(holder) >= before) {
    EXPECT_EQ(world.count(), 0);
  }
  kill(good);
  EXPECT_THAT(notes(*give("acme")), ElementsAre("17"));
}

}  // namespace
}  // namespace voicectl
