// SPDX-License-Identifier: Apache-2.0
#include "tests/support/temp_dir.h"

#include <stdlib.h>

#include <filesystem>

#include "base/check.h"

namespace voicectl {

TempDir::TempDir() {
  path_ = "/tmp/voicectl-XXXXXX";
  VC_CHECK(::mkdtemp(path_.data()) != nullptr, "tests may write to /tmp");
}

TempDir::~TempDir() {
  std::error_code problem;
  std::filesystem::remove_all(path_, problem);  // what remains is only litter
}

}  // namespace voicectl
