// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace voicectl {

/// Names what a program file holds, so that a replaced one is noticed: sha256 of its bytes, read
/// again only when the file's inode, size or time has changed.
///
/// THREADS: one at a time.
class ProgramFingerprint {
 public:
  /// 16 hexadecimal digits; "missing" if the file cannot be read.
  std::string of(const std::string& path);

 private:
  std::string stamp_;
  std::string fingerprint_;
};

}  // namespace voicectl
