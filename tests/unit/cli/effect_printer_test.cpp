// SPDX-License-Identifier: Apache-2.0
#include "cli/effect_printer.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace voicectl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string printed(const Json& forecast) {
  return print_effect(Json{{"forecast", forecast}}, Palette(Palette::Mode::kOff));
}

TEST(EffectPrinterTest, SaysOnceThatNothingOfMemoryIsKnown) {
  EXPECT_THAT(printed(Json::object()),
              HasSubstr("memory        not known; processor: not known\n"));
}

TEST(EffectPrinterTest, SaysOfEachMomentWhatIsKnown) {
  EXPECT_THAT(printed({{"memory_bytes", {{"before", 1048576}}}, {"cpu_milli", {{"after", 80}}}}),
              HasSubstr("memory        1.0 MiB now, not known in between, not known afterwards; "
                        "processor: not known now, 0.08 cores afterwards\n"));
}

TEST(EffectPrinterTest, NamesAWayBackOnlyWhereThereIsOne) {
  const auto of = [](int generation, const char* reason) {
    return print_effect(Json{{"base_generation", generation},
                             {"steps", {{{"kind", "restore_files"}, {"reason", reason}}}},
                             {"forecast", Json::object()}},
                        Palette(Palette::Mode::kOff));
  };

  EXPECT_THAT(of(0, "it is desired"), HasSubstr("no earlier revision to go back to"));
  EXPECT_THAT(of(4, "it is desired"), HasSubstr("'voicectl rollback REVISION' goes back"));
  EXPECT_THAT(of(4, "it is desired"), Not(HasSubstr("put aside")));
  EXPECT_THAT(of(4, "drift: '/x' was edited by hand"), HasSubstr("put aside"));
}

TEST(EffectPrinterTest, LetsNoNameWriteToTheTerminal) {
  const std::string text = printed(
      {{"processes", {{{"instance", "a\x1b[2J"}, {"change", "start"}, {"replaces", "b\x1b[2J"}}}}});

  EXPECT_THAT(text, HasSubstr("in place of b"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace voicectl
