// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

namespace voicectl {

/// Text that must not reach a log, a plan, an error or a process list. Prints as "***"; the bytes
/// are wiped when it dies.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  /// The text itself, for the one place that sends or stores it.
  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }

  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  void wipe();

  std::string text_;
};

/// Always "***", so that a secret in a message is harmless.
inline std::string to_string(const Secret&) {
  return "***";
}

}  // namespace voicectl
