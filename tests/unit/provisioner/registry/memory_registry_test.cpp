// SPDX-License-Identifier: Apache-2.0
#include "tests/support/registry/memory_registry.h"

#include "tests/support/matchers.h"
#include "tests/support/registry/contract_registry.h"

namespace voicectl {
namespace {

class MemoryHost final : public RegistryHost {
 public:
  std::unique_ptr<Registry> open() override { return open_memory_registry(store_); }
  std::vector<std::string> closed_subjects() override {
    std::vector<std::string> out;
    for (const JournalEntry& entry : store_->journal) {
      if (entry.state != JournalState::kIntent) {
        out.push_back(entry.subject);
      }
    }
    return out;
  }

 private:
  std::shared_ptr<RegistryStore> store_ = std::make_shared<RegistryStore>();
};

INSTANTIATE_TEST_SUITE_P(Memory, RegistryContract, ::testing::Values(MakeRegistryHost([] {
                           return std::make_unique<MemoryHost>();
                         })));

TEST(MemoryRegistryTest, ChangesNothingWhileItsDiskIsFull) {
  const auto store = std::make_shared<RegistryStore>();
  const std::unique_ptr<Registry> registry = open_memory_registry(store);
  store->failure = Error(ErrorCode::kResourceExhausted, "cannot write: the disk is full");

  EXPECT_THAT(registry->put_note("a", "b"), FailsWith(ErrorCode::kResourceExhausted));
  store->failure.reset();
  EXPECT_THAT(registry->find_note("a"), IsOkAnd(::testing::Eq(std::nullopt)));
}

}  // namespace
}  // namespace voicectl
