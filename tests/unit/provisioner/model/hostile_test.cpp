// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/unit/provisioner/model/reading.h"

namespace voicectl {
namespace {

const std::string kExamples = std::string(VOICECTL_SOURCE_DIR) + "/examples/";

Result<std::string> read_example(const std::string& path) {
  return file_text(kExamples + path);
}

/// One random change: a byte, a piece cut out, a piece of the text repeated elsewhere, or a token
/// that means something to YAML.
void mutate(std::string& text, Random& random) {
  static const std::vector<std::string> kTokens = {
      "[",    "]",     "{",     "}",    ":",   "- ", "\n", "\n\n",
      "&a ",  "*a",    "!!x ",  "|\n",  ">\n", "\"", "'",  "? ",
      "%",    "---\n", "...\n", "<<: ", "\t",  "#",  "~",  std::string(1, '\0'),
      "\xff", "0"};
  const std::size_t at = random.below(text.size() + 1);
  switch (random.below(4)) {
    case 0:
      if (at < text.size()) {
        text[at] = static_cast<char>(random.below(256));
      }
      break;
    case 1:
      text.erase(at, random.below(40));
      break;
    case 2:
      text.insert(at, text.substr(random.below(text.size() + 1), random.below(60)));
      break;
    case 3:
      text.insert(at, kTokens[random.below(kTokens.size())]);
      break;
  }
}

class HostileTest : public testing::TestWithParam<std::uint64_t> {};

TEST_P(HostileTest, RandomBytesAreRefusedAndNothingWorse) {
  SeededRandom random(GetParam());
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (std::uint64_t i = random.below(200); i > 0; --i) {
      text += static_cast<char>(random.below(random.below(2) == 0 ? 256 : 128));
    }

    EXPECT_FALSE(parse(text).ok());
  }
}

TEST_P(HostileTest, MutatedExamplesAreReadOrRefusedAndWhatIsReadIsStable) {
  SeededRandom random(GetParam());
  const std::string original = *read_example("qastco.yaml");
  for (int round = 0; round < 8; ++round) {
    std::string text = original;
    for (std::uint64_t i = 1 + random.below(3); i > 0; --i) {
      mutate(text, random);
    }

    const ParsedState parsed = parse_desired_state({{"qastco.yaml", text}}, read_example);

    if (parsed.ok()) {
      const ParsedState again = parse(render_desired_state(parsed.state));
      ASSERT_TRUE(again.ok()) << again.problems.front().str();
      EXPECT_EQ(again.state, parsed.state);
    }
  }
}

TEST_P(HostileTest, MutatedCanonicalDocumentsAreReadOrRefused) {
  SeededRandom random(GetParam());
  const std::string original = render_desired_state(parse(tenant_document("")).state);
  for (int round = 0; round < 40; ++round) {
    std::string text = original;
    mutate(text, random);

    const ParsedState parsed = parse(text);

    EXPECT_TRUE(parsed.ok() || !parsed.problems.front().message.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, HostileTest, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace voicectl
