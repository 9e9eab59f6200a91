// SPDX-License-Identifier: Apache-2.0
#include "cli/top/screen.h"

namespace voicectl {

std::string cut_to_columns(std::string_view text, std::size_t columns) {
  std::size_t shown = 0;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    const bool begins = (static_cast<unsigned char>(text[end]) & 0xc0) != 0x80;
    if (begins && shown++ == columns) {
      break;
    }
  }
  return std::string(text.substr(0, end));
}

}  // namespace voicectl
