// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/instance_reply.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;

const InstanceId kInstance = *InstanceId::parse("shared-3");

Result<Json> read(const std::string& reply) {
  return read_reply(kInstance, Result<std::string>(reply));
}

TEST(InstanceReplyTest, IsAnObject) {
  EXPECT_EQ(read(R"({"entry":{"id":7}})")->at("entry").at("id"), 7);
}

TEST(InstanceReplyTest, WhatIsNoneIsAnErrorThatNamesTheInstance) {
  const std::string deep = R"({"a":)" + std::string(100, '[') + std::string(100, ']') + "}";
  std::string many = R"({"a":[0)";
  for (int i = 0; i < 100'000; ++i) {
    many += ",0";
  }
  const std::string garbage[] = {"",   "7",        "[]", R"({"entry":})", R"({"a":1,"a":2})",
                                 deep, many + "]}"};
  for (const std::string& text : garbage) {
    const Result<Json> body = read(text);

    ASSERT_THAT(body, FailsWith(ErrorCode::kCorrupt)) << text.substr(0, 80);
    EXPECT_THAT(body.error().text(), HasSubstr("'shared-3'"));
  }
}

TEST(InstanceReplyTest, AnErrorStaysWhatItIs) {
  const Result<std::string> refusal = Error(ErrorCode::kNotFound, "cannot find entry 7");

  EXPECT_THAT(read_reply(kInstance, refusal), FailsWith(ErrorCode::kNotFound));
}

}  // namespace
}  // namespace voicectl
