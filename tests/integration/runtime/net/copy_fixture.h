// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/integration/runtime/net/net_fixture.h"

namespace voicectl::test {

/// Servers on one loop, between which connections are copied.
class CopyTest : public testing::Test {
 protected:
  void move_all(EchoServer& from, EchoServer& to) { Copying(from.server(), to.server()).finish(); }

  Loop loop_;
};

}  // namespace voicectl::test
