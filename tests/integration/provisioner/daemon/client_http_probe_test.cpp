// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/client_http_probe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <optional>

#include "base/os/unique_fd.h"
#include "tests/support/matchers.h"
#include "tests/support/real_loop.h"
#include "tests/support/without_descriptors.h"

namespace voicectl {
namespace {

/// Leaves this process hardly a descriptor for as long as it lives.
class HardlyADescriptor {
 public:
  HardlyADescriptor() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const UniqueFd lowest(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    rlimit low = before_;
    low.rlim_cur = static_cast<rlim_t>(lowest.get()) + 4;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  }
  ~HardlyADescriptor() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }
  HardlyADescriptor(const HardlyADescriptor&) = delete;
  HardlyADescriptor& operator=(const HardlyADescriptor&) = delete;

 private:
  rlimit before_{};
};

class ClientHttpProbeTest : public ::testing::Test {
 protected:
  Status ask() {
    std::optional<Status> answer;
    probe_.ask(ProbeTarget{.socket = "/nonexistent/tenant.sock"}, std::chrono::seconds(5),
               [&answer](const Status& status) { answer = status; });
    EXPECT_FALSE(answer) << "in a later turn";
    EXPECT_TRUE(loop_.run_until([&answer] { return answer.has_value(); }));
    return answer.value_or(ok_status());
  }

  RealLoop loop_;
  ClientHttpProbe probe_{loop_.reactor()};
};

TEST_F(ClientHttpProbeTest, OwnLackOfDescriptorsSaysNothingOfWhomItAsks) {
  VC_NEEDS_NO_DESCRIPTORS();
  EXPECT_THAT(ask(), FailsWith(ErrorCode::kUnavailable));
  const HardlyADescriptor lack;

  EXPECT_THAT(ask(), FailsWith(ErrorCode::kResourceExhausted));
}

}  // namespace
}  // namespace voicectl
