// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <string.h>

namespace voicectl {

Secret::Secret(Secret&& other) noexcept : text_(std::move(other.text_)) {
  other.wipe();
}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();
    text_ = other.text_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    text_ = std::move(other.text_);
    other.wipe();
  }
  return *this;
}

Secret::~Secret() {
  wipe();
}

void Secret::wipe() {
  explicit_bzero(text_.data(), text_.capacity());
  text_.clear();
}

}  // namespace voicectl
