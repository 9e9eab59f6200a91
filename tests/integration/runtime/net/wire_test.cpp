// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/wire.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <optional>

namespace voicectl {
namespace {

using namespace std::chrono_literals;

/// Bytes that differ where they stand, more than a socket takes at once.
std::string long_text() {
  std::string out;
  for (int i = 0; i < 200'000; ++i) {
    out += std::to_string(i) + ' ';
  }
  return out;
}

class WireTest : public ::testing::Test, public WireOwner {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    peer = UniqueFd(ends[1]);
    set.emplace(context, nullptr);
    wire = std::make_shared<Wire>(context, *set, UniqueFd(ends[0]), "");
    wire->set_owner(*this);
    wire->resume();
  }
  void TearDown() override {
    wire->close();
    wire.reset();
    set.reset();
  }

  void on_bytes(std::string_view) override {}
  void on_end() override {}
  void on_broken() override { ++broken; }
  void on_written() override { ++written; }

  /// What the peer has been sent, as far as it can be read now.
  std::string read_now() {
    std::string out;
    std::array<char, 65536> buffer{};
    ssize_t count = 0;
    while ((count = ::recv(peer.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
      out.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return out;
  }
  /// Reads until `size` bytes have come; the wire's loop runs in between.
  std::string read_until(std::size_t size) {
    std::string out = read_now();
    while (out.size() < size) {
      context.restart();
      if (context.run_one_for(10s) == 0) {
        ADD_FAILURE() << "nothing more comes behind " << out.size() << " bytes";
        break;
      }
      out += read_now();
    }
    return out;
  }
  /// Lets the loop do what is to be done now.
  void turn() {
    context.restart();
    context.poll();
  }

  boost::asio::io_context context;
  std::optional<PollSet> set;
  UniqueFd peer;
  std::shared_ptr<Wire> wire;
  int broken = 0;
  int written = 0;
};

TEST_F(WireTest, WritesAtOnceWhatTheKernelTakes) {
  wire->write("one ");
  wire->write("two");

  EXPECT_EQ(read_now(), "one two");
  EXPECT_EQ(wire->unsent_size(), 0U);
  EXPECT_EQ(set->traffic().sent, 7U);
}

TEST_F(WireTest, KeepsWhatTheKernelDoesNotTakeAndWritesItInOrder) {
  const std::string text = long_text();

  wire->write(text);
  EXPECT_GT(wire->unsent_size(), 0U);
  EXPECT_EQ(wire->unsent(), std::string_view(text).substr(text.size() - wire->unsent_size()));
  wire->write("behind it");

  EXPECT_EQ(read_until(text.size() + 9), text + "behind it");
  EXPECT_EQ(wire->unsent_size(), 0U);
  EXPECT_EQ(written, 1);
  EXPECT_EQ(set->traffic().sent, text.size() + 9);
}

TEST_F(WireTest, WritesBehindWhatWasQueued) {
  wire->queue("one ");
  wire->write("two");

  EXPECT_EQ(read_now(), "one two");
}

TEST_F(WireTest, WritesNothingWhileItsSetIsPaused) {
  set->pause();
  wire->write("one ");
  wire->write("two");
  turn();
  EXPECT_EQ(read_now(), "");
  EXPECT_EQ(wire->unsent(), "one two");

  set->resume();
  EXPECT_EQ(read_until(7), "one two");
  EXPECT_EQ(wire->unsent_size(), 0U);
  EXPECT_EQ(written, 1);
}

TEST_F(WireTest, TellsOnceAndLaterThatThePeerIsGone) {
  peer = UniqueFd();

  wire->write("one");
  wire->write("two");
  EXPECT_EQ(broken, 0) << "from within a call";
  turn();

  EXPECT_TRUE(wire->is_broken());
  EXPECT_EQ(broken, 1);
}

TEST_F(WireTest, WritesNothingBehindItsEnd) {
  wire->write("last");
  wire->finish();
  wire->write("more");
  turn();

  EXPECT_EQ(read_now(), "last");
  EXPECT_EQ(wire->unsent_size(), 0U);
}

}  // namespace
}  // namespace voicectl
