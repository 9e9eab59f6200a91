// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/os/descriptor_store.h"

namespace voicectl {

/// A keeper that outlives the stores of one owner after the other.
class DescriptorStoreWorld {
 public:
  virtual ~DescriptorStoreWorld() = default;
  /// The owner begins, or dies and begins again: what it had before is gone.
  virtual DescriptorStore& restart() = 0;
  virtual void run_until(const std::function<bool()>& condition) = 0;
  /// Lets everything that is under way arrive.
  virtual void settle() = 0;
  /// The keeper dies and comes back empty; false where that cannot be.
  virtual bool lose_keeper() = 0;
};

/// An open file that nobody else has.
inline UniqueFd some_open_file() {
  std::array<int, 2> ends{-1, -1};
  (void)::pipe2(ends.data(), O_CLOEXEC);
  UniqueFd(ends[0]).close();
  return UniqueFd(ends[1]);
}

/// What every DescriptorStore promises. Include in one source per program and instantiate.
class DescriptorStoreContract
    : public ::testing::TestWithParam<std::unique_ptr<DescriptorStoreWorld> (*)()> {
 protected:
  /// Names and what is at the other end of each descriptor.
  using Kept = std::map<std::string, std::vector<ino_t>>;

  DescriptorStoreContract() : store_(nullptr) { begin(); }

  static ino_t inode_of(int descriptor) {
    struct stat about {};
    return ::fstat(descriptor, &about) == 0 ? about.st_ino : 0;
  }
  void begin() {
    DescriptorStore& store = world_->restart();
    store_ = &store;
    bool is_open = false;
    found_.clear();
    store.open({[this] { ++emptied_; }, [this](const Error& error) { errors_.push_back(error); }},
               [this, &is_open](std::vector<KeptDescriptors> kept) {
                 is_open = true;
                 for (const KeptDescriptors& one : kept) {
                   for (const UniqueFd& descriptor : one.descriptors) {
                     found_[one.name].push_back(inode_of(descriptor.get()));
                   }
                 }
               });
    EXPECT_FALSE(is_open) << "`done` runs in a later turn";
    world_->run_until([&] { return is_open; });
    world_->settle();
    emptied_ = 0;
  }
  /// Dies without a word, and begins again.
  void die_and_begin() {
    world_->settle();
    begin();
  }

  std::unique_ptr<DescriptorStoreWorld> world_ = GetParam()();
  DescriptorStore* store_;
  Kept found_;
  int emptied_ = 0;
  std::vector<Error> errors_;
};

TEST_P(DescriptorStoreContract, HasNothingAtFirst) {
  EXPECT_TRUE(found_.empty());
}

TEST_P(DescriptorStoreContract, GivesWhatADeadOwnerHadInItsOrder) {
  UniqueFd one = some_open_file();
  UniqueFd two = some_open_file();
  const Kept expected{{"tenant/acme", {inode_of(one.get()), inode_of(two.get())}}};
  store_->put("tenant/acme", {one.get(), two.get()});
  one.close();
  two.close();

  die_and_begin();

  EXPECT_EQ(found_, expected);
}

TEST_P(DescriptorStoreContract, KeepsOnKeepingOverSeveralDeaths) {
  const UniqueFd one = some_open_file();
  store_->put("a", {one.get()});
  for (int i = 0; i < 3; ++i) {
    die_and_begin();
    EXPECT_EQ(found_, (Kept{{"a", {inode_of(one.get())}}}));
  }
}

TEST_P(DescriptorStoreContract, GivesWhatWasPutLast) {
  const UniqueFd one = some_open_file();
  const UniqueFd two = some_open_file();
  store_->put("a", {one.get()});
  store_->put("a", {two.get()});

  die_and_begin();

  EXPECT_EQ(found_, (Kept{{"a", {inode_of(two.get())}}}));
}

TEST_P(DescriptorStoreContract, LetsGoOfWhatIsDropped) {
  const UniqueFd one = some_open_file();
  const UniqueFd two = some_open_file();
  store_->put("a", {one.get()});
  store_->put("b", {two.get()});
  store_->drop("a");
  store_->drop("never-there");

  die_and_begin();
  EXPECT_EQ(found_, (Kept{{"b", {inode_of(two.get())}}}));
  store_->drop("b");

  die_and_begin();
  EXPECT_TRUE(found_.empty());
}

TEST_P(DescriptorStoreContract, ClosesWhatIsDropped) {
  std::array<int, 2> ends{-1, -1};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  store_->put("a", {writing.get()});
  writing.close();
  world_->settle();
  char byte = 0;
  EXPECT_EQ(::read(reading.get(), &byte, 1), -1) << "somebody has it";

  store_->drop("a");
  world_->run_until([&] { return ::read(reading.get(), &byte, 1) == 0; });

  EXPECT_EQ(::read(reading.get(), &byte, 1), 0) << "nobody has it any more";
}

TEST_P(DescriptorStoreContract, KeepsThousands) {
  const UniqueFd one = some_open_file();
  constexpr int kMany = 1500;
  for (int i = 0; i < kMany; ++i) {
    store_->put("tenant/number-" + std::to_string(i), {one.get(), one.get()});
  }

  die_and_begin();

  EXPECT_EQ(found_.size(), static_cast<std::size_t>(kMany));
}

TEST_P(DescriptorStoreContract, ClearsEverything) {
  const UniqueFd one = some_open_file();
  store_->put("a", {one.get()});
  bool is_cleared = false;
  store_->clear([&] { is_cleared = true; });
  EXPECT_FALSE(is_cleared) << "`done` runs in a later turn";
  world_->run_until([&] { return is_cleared; });

  begin();

  EXPECT_TRUE(is_cleared);
  EXPECT_TRUE(found_.empty());
}

TEST_P(DescriptorStoreContract, TellsThatItLostEverything) {
  const UniqueFd one = some_open_file();
  store_->put("a", {one.get()});
  world_->settle();
  if (!world_->lose_keeper()) {
    GTEST_SKIP() << "this keeper cannot die without us";
  }
  world_->run_until([&] { return emptied_ > 0; });
  EXPECT_EQ(emptied_, 1);
  store_->put("a", {one.get()});

  die_and_begin();

  EXPECT_EQ(found_, (Kept{{"a", {inode_of(one.get())}}}));
}

}  // namespace voicectl
