// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/provisioner/edge/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace voicectl {
namespace {

std::string source_path(const std::string& path) {
  return std::string(VOICECTL_SOURCE_ROOT) + "/" + path;
}

bool may_update() {
  const std::vector<std::string> arguments = ::testing::internal::GetArgvs();
  return std::find(arguments.begin(), arguments.end(), "--update-golden") != arguments.end();
}

}  // namespace

std::string read_source_file(const std::string& path) {
  const std::ifstream file(source_path(path));
  EXPECT_TRUE(file.good()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = "tests/golden/" + name;
  if (may_update()) {
    std::ofstream(source_path(path)) << text;
  }
  EXPECT_EQ(read_source_file(path), text) << "differs from " << path;
}

}  // namespace voicectl
