// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string_view>

namespace voicectl::holder {

/// The next word of `text`, which loses it and the blank behind it.
inline std::string_view cut_word(std::string_view& text) {
  const std::size_t blank = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, blank);
  text = text.substr(std::min(blank + 1, text.size()));
  return word;
}

}  // namespace voicectl::holder
