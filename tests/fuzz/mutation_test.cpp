// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/fuzz/fuzz_targets.h"

namespace voicectl::fuzz {
namespace {

/// Enough to meet every branch of the parsers, few enough to run with every build. The search for
/// what nobody thought of is libFuzzer's (VOICECTL_FUZZ).
constexpr int kMutants = 6000;
constexpr std::uint64_t kSeed = 20'260'701;

using Target = void (*)(std::string_view);

std::vector<std::string> corpus_of(const std::string& name) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(VOICECTL_FUZZ_CORPUS "/" + name)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> corpus;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

std::string mutate_once(std::string bytes, const std::vector<std::string>& corpus, Random& random) {
  const std::size_t at = bytes.empty() ? 0 : random.below(bytes.size());
  const std::size_t length = std::min<std::size_t>(random.below(8) + 1, bytes.size() - at);
  switch (random.below(6)) {
    case 0:
      if (!bytes.empty()) {
        bytes[at] = static_cast<char>(bytes[at] ^ (1U << random.below(8)));
      }
      return bytes;
    case 1:
      return bytes.insert(at, 1, static_cast<char>(random.below(256)));
    case 2:
      return bytes.erase(at, length);
    case 3:
      return bytes.insert(at, bytes.substr(at, length));
    case 4: {
      const std::string& other = corpus[random.below(corpus.size())];
      return bytes.substr(0, at) + other.substr(other.empty() ? 0 : random.below(other.size()));
    }
    default:
      return bytes + corpus[random.below(corpus.size())];
  }
}

void run_corpus_and_mutants(const std::string& name, Target target) {
  const std::vector<std::string> corpus = corpus_of(name);
  ASSERT_FALSE(corpus.empty());
  SeededRandom random(kSeed);
  testing::Test::RecordProperty("seed", std::to_string(kSeed));
  for (const std::string& bytes : corpus) {
    target(bytes);
  }
  for (int i = 0; i < kMutants; ++i) {
    std::string bytes = corpus[random.below(corpus.size())];
    for (std::uint64_t rounds = random.below(4) + 1; rounds > 0; --rounds) {
      bytes = mutate_once(std::move(bytes), corpus, random);
    }
    target(bytes);
  }
}

TEST(MutationTest, HttpRequestsKeepTheirPropertiesUnderMutation) {
  run_corpus_and_mutants("http_request", http_request);
}

TEST(MutationTest, WebSocketFramesKeepTheirPropertiesUnderMutation) {
  run_corpus_and_mutants("websocket", websocket);
}

TEST(MutationTest, JsonBodiesKeepTheirPropertiesUnderMutation) {
  run_corpus_and_mutants("json_body", json_body);
}

TEST(MutationTest, HandOverMessagesKeepTheirPropertiesUnderMutation) {
  run_corpus_and_mutants("handoff", handoff);
}

TEST(MutationTest, SignaturesKeepTheirPropertiesUnderMutation) {
  run_corpus_and_mutants("signature", signature);
}

}  // namespace
}  // namespace voicectl::fuzz
