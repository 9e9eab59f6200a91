// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace voicectl {

/// A fresh folder directly below /tmp, so that paths of sockets in it stay short. It is removed
/// with all that is in it when the object dies.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace voicectl
