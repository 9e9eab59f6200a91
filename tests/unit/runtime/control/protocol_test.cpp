// SPDX-License-Identifier: Apache-2.0
#include "runtime/control/protocol.h"

#include <gtest/gtest.h>

#include <string>

#include "base/os/fd_channel.h"
#include "tests/support/matchers.h"

namespace voicectl::control {
namespace {

Message a_message(std::string body) {
  return Message{"ok", std::nullopt, 7, std::move(body)};
}

TEST(ControlProtocolTest, ABodyComesAsItWasGiven) {
  for (const char* const body :
       {"{}", R"({"a":1})", R"({ "a" : [ 1, {"b":"}"} ] })", R"({"text":"\\\"}{","n":[{},[]]})",
        R"({"text":",\"body\":{"})", R"({"x":{"y":1,"body":{"z":2}}})"}) {
    const Result<Message> decoded = decode(encode(a_message(body)));

    ASSERT_THAT(decoded, IsOk()) << body;
    EXPECT_EQ(decoded->body, body);
    EXPECT_EQ(decoded->type, "ok");
    EXPECT_EQ(decoded->re, 7U);
    EXPECT_EQ(decoded->id, std::nullopt);
  }
}

TEST(ControlProtocolTest, AMessageMayBeWrittenOtherwise) {
  for (const char* const text :
       {R"({"body":{"a":1},"re":7,"type":"ok","v":1})",
        R"({"v":1,"type":"ok","body":{"a":1},"re":7})",
        R"({"v":1,"type":"ok","re":7, "body": {"a":1}})",
        R"({"v":1,"type":"ok","body":{"a":1},"re":7,"more":{"b":2}})",
        R"({"v":1,"type":"ok","re":7,"more":[{"a":2,"body":{}}],"body":{"a":1}})"}) {
    const Result<Message> decoded = decode(text);

    ASSERT_THAT(decoded, IsOk()) << text;
    EXPECT_EQ(decoded->body, R"({"a":1})") << text;
    EXPECT_EQ(decoded->re, 7U) << text;
  }
}

TEST(ControlProtocolTest, RefusesWhatIsNoMessage) {
  for (const char* const text :
       {"", "{}", "[]", "7", R"({"v":2,"type":"ok","body":{}})", R"({"v":1,"body":{}})",
        R"({"v":1,"type":"ok"})", R"({"v":1,"type":"ok","body":[]})",
        R"({"v":1,"type":"ok","body":{})", R"({"v":1,"type":"ok","body":{}}})",
        R"({"v":1,"type":"ok","body":{"a":"})", R"({"v":1,"type":"ok","body":{]}})",
        R"({"v":1,"type":"ok","body":}{}})", R"({"v":1,"type":"ok,"body":{}})",
        R"({"v":1,"type":7,"body":{}})"}) {
    EXPECT_TRUE(decode(text).has_error()) << text;
  }
  EXPECT_TRUE(
      decode(encode(a_message(R"({"a":")" + std::string(kMaxChannelMessage, 'x') + R"("})")))
          .has_error());
}

}  // namespace
}  // namespace voicectl::control
