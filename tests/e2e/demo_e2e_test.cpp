// SPDX-License-Identifier: Apache-2.0
// What newcomers are shown holds: the demo with its checks, on ports of its own.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/e2e/command.h"
#include "tests/support/temp_dir.h"

namespace voicectl::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kPorts = 100;

class DemoE2e : public ::testing::Test {
 protected:
  /// The demo ends what it has started, unless it is ended itself.
  void TearDown() override {
    (void)run({bin() + "/voicectl", "down", "--workspace", workspace(), "--purge", "--yes",
               "--confirm=ws"});
  }
  static std::string bin() { return VOICECTL_BIN; }
  static std::string source(const std::string& path) {
    return std::string(VOICECTL_SOURCE) + "/" + path;
  }
  std::string workspace() const { return folder_.path("ws"); }

  /// The demo's file as it is, but for its ports.
  std::string file_with_free_ports() const {
    std::filesystem::copy(source("examples/qastco"), folder_.path("qastco"));
    std::ifstream original(source("examples/qastco.yaml"));
    std::string text((std::istreambuf_iterator<char>(original)), {});
    const int first = free_port_range(kPorts);
    replace(text, "http_port: 8080", fmt::format("http_port: {}", free_port()));
    replace(text, "https_port: 8443", fmt::format("https_port: {}", free_port()));
    replace(text, "21000-25999", fmt::format("{}-{}", first, first + kPorts - 1));
    replace(text, "127.0.0.1:4100", fmt::format("127.0.0.1:{}", free_port()));
    replace(text, "address: 0.0.0.0", "address: 127.0.0.1");
    std::ofstream(folder_.path("platform.yaml")) << text;
    return folder_.path("platform.yaml");
  }

 private:
  static void replace(std::string& text, const std::string& before, const std::string& after) {
    const std::size_t at = text.find(before);
    ASSERT_NE(at, std::string::npos) << before;
    text.replace(at, before.size(), after);
  }

  TempDir folder_;
};

TEST_F(DemoE2e, HoldsWhatItShows) {
  const Finished shown = run({"/bin/bash", source("examples/demo.sh"), bin(), "--check",
                              "--workspace", workspace(), "--file", file_with_free_ports()});

  EXPECT_EQ(shown.code, 0) << shown.out << shown.err;
  EXPECT_THAT(shown.out, Not(HasSubstr("FAILED")));
  EXPECT_THAT(shown.out, HasSubstr("handed over to shared-"));
}

}  // namespace
}  // namespace voicectl::e2e
