// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/fuzz/fuzz_targets.h"

/// libFuzzer's entry; VOICECTL_FUZZ_TARGET is the function that this program fuzzes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  voicectl::fuzz::VOICECTL_FUZZ_TARGET(
      std::string_view(reinterpret_cast<const char*>(bytes), size));
  return 0;
}
