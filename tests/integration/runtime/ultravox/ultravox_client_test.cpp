// SPDX-License-Identifier: Apache-2.0
#include "runtime/ultravox/ultravox_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/os/posix_file_system.h"
#include "tests/integration/runtime/ultravox/stand_in_fixture.h"
#include "tests/support/temp_dir.h"

namespace voicectl::ultravox::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class UltravoxClientTest : public StandInTest {
 protected:
  void fault(std::string_view json) {
    ASSERT_EQ(ask("POST", "/dev/faults", std::string(json)).status, 200);
  }

  UltravoxError create_error() {
    const auto call = try_create(CallRequest{});
    EXPECT_TRUE(call.has_error());
    return call.has_error() ? call.error() : UltravoxError{};
  }
};

TEST_F(UltravoxClientTest, CreatesACallThatCanBeJoined) {
  start();

  const Call call = create(CallRequest{});

  EXPECT_EQ(call.call_id.size(), 36U);
  EXPECT_EQ(call.join_url,
            "ws://127.0.0.1:" + port_.str() + "/calls/" + call.call_id + "/server_web_socket");
  EXPECT_TRUE(call.created.has_value());
  EXPECT_FALSE(call.ended.has_value());
}

TEST_F(UltravoxClientTest, SaysThatTheKeyIsWrong) {
  api_key_ = "another-key";
  start();

  const UltravoxError error = create_error();

  EXPECT_EQ(error.error.code(), ErrorCode::kPermissionDenied);
  EXPECT_EQ(error.status, 403);
  EXPECT_THAT(error.error.text(), HasSubstr("Invalid API key"));
}

TEST_F(UltravoxClientTest, CarriesHowLongToWaitWhenThereAreTooManyCalls) {
  start();
  fault(R"({"create":"429","retry_after":2,"times":1})");

  const UltravoxError error = create_error();

  EXPECT_EQ(error.error.code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(error.retry_after, 2s);
  EXPECT_FALSE(create(CallRequest{}).call_id.empty());
}

TEST_F(UltravoxClientTest, TakesAServerErrorAsUnavailable) {
  start();
  fault(R"({"create":"503","retry_after":1})");
  EXPECT_EQ(create_error().error.code(), ErrorCode::kUnavailable);
  EXPECT_EQ(create_error().retry_after, 1s);

  fault(R"({"create":"500"})");
  EXPECT_EQ(create_error().error.code(), ErrorCode::kUnavailable);
}

TEST_F(UltravoxClientTest, GivesUpAfterItsTimeOut) {
  client_timeout_ = 50ms;
  start();
  fault(R"({"create":"timeout"})");

  const UltravoxError error = create_error();

  EXPECT_EQ(error.error.code(), ErrorCode::kTimeout);
  EXPECT_FALSE(error.status.has_value());
}

TEST_F(UltravoxClientTest, TakesAServiceThatIsNotThereAsUnavailable) {
  start();
  server_.reset();

  EXPECT_EQ(create_error().error.code(), ErrorCode::kUnavailable);
}

TEST_F(UltravoxClientTest, PassesOnWhyThereIsNoKey) {
  start();
  PosixFileSystem files;
  const TempDir folder;
  UltravoxOptions options;
  options.endpoint = base_ + "/api";
  options.api_key = api_key_from_file(files, folder.path("key"));
  client_ = std::make_unique<UltravoxClient>(loop_.reactor(), http_, options);

  const UltravoxError error = create_error();

  EXPECT_EQ(error.error.code(), ErrorCode::kNotFound);
  EXPECT_THAT(error.error.text(), HasSubstr(folder.path("key")));
}

TEST_F(UltravoxClientTest, ReadsTheKeyFromItsFileEachTime) {
  start();
  PosixFileSystem files;
  const TempDir folder;
  UltravoxOptions options;
  options.endpoint = base_ + "/api";
  options.api_key = api_key_from_file(files, folder.path("key"));
  client_ = std::make_unique<UltravoxClient>(loop_.reactor(), http_, options);
  ASSERT_TRUE(files.replace_atomically(folder.path("key"), "old\n", kPrivateFile).has_value());
  ASSERT_EQ(create_error().status, 403);

  ASSERT_TRUE(
      files.replace_atomically(folder.path("key"), " test-key\n", kPrivateFile).has_value());

  EXPECT_FALSE(create(CallRequest{}).call_id.empty());
}

TEST_F(UltravoxClientTest, RefusesAKeyThatWouldBreakItsHeader) {
  PosixFileSystem files;
  const TempDir folder;
  const auto key_in = [&](std::string_view content) {
    EXPECT_TRUE(files.replace_atomically(folder.path("key"), content, kPrivateFile).has_value());
    return api_key_from_file(files, folder.path("key"))();
  };

  EXPECT_TRUE(key_in("a\r\nX-Other: b").has_error());
  EXPECT_TRUE(key_in(" \n").has_error());
  EXPECT_EQ(key_in("abc\n")->reveal(), "abc");
}

TEST_F(UltravoxClientTest, SendsNothingForARequestThatCannotBeRight) {
  start();
  CallRequest request = a_request("placeOrder", {});
  request.tools[0].name = "place order";

  const auto call = try_create(request);

  ASSERT_TRUE(call.has_error());
  EXPECT_EQ(call.error().error.code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Json::parse(ask("GET", "/api/calls").body)["total"], 0);
}

TEST_F(UltravoxClientTest, DoesNotFindACallThatWasNeverMade) {
  start();
  std::optional<UltravoxResult<Call>> fetched;
  client_->fetch_call("00000000-0000-4000-8000-000000000000",
                      [&](UltravoxResult<Call> call) { fetched = std::move(call); });

  ASSERT_TRUE(loop_.run_until([&] { return fetched.has_value(); }));
  EXPECT_EQ(fetched->error().error.code(), ErrorCode::kNotFound);
}

TEST_F(UltravoxClientTest, TellsNobodyAnythingOnceItIsGone) {
  start();
  bool told = false;
  client_->create_call(CallRequest{}, [&](const UltravoxResult<Call>&) { told = true; });

  client_.reset();
  EXPECT_EQ(ask("GET", "/health").status, 200);
  loop_.run_until([] { return false; }, 20ms);

  EXPECT_FALSE(told);
}

/// The receiver plays the service here, to give pages that the stand-in would not.
class PagesTest : public UltravoxClientTest {
 protected:
  std::vector<CallMessage> list() {
    start();
    UltravoxOptions options;
    options.endpoint = receiver_.url("/api");
    options.api_key = fixed_api_key(Secret("k"));
    client_ = std::make_unique<UltravoxClient>(loop_.reactor(), http_, options);
    std::optional<UltravoxResult<std::vector<CallMessage>>> got;
    client_->list_messages("a-1", [&](auto result) { got = std::move(result); });
    EXPECT_TRUE(loop_.run_until([&] { return got.has_value(); }));
    return got->has_value() ? **got : std::vector<CallMessage>();
  }

  static HttpResponse a_page(std::string_view text, const Json& next) {
    return json_response(200, dump_json({{"next", next}, {"results", {{{"text", text}}}}}));
  }
};

TEST_F(PagesTest, AreJoined) {
  receiver_.answer_with(
      {a_page("one", receiver_.url("/api/calls/a-1/messages?cursor=2")), a_page("two", nullptr)});

  const auto messages = list();

  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[1].text, "two");
  EXPECT_EQ(receiver_.requests[1].query.at("cursor"), "2");
}

TEST_F(PagesTest, AreNotFetchedFromElsewhereBecauseTheKeyWouldGoAlong) {
  receiver_.answer_with({a_page("one", receiver_.url("/elsewhere"))});

  EXPECT_EQ(list().size(), 1U);
  EXPECT_EQ(receiver_.requests.size(), 1U);
}

}  // namespace
}  // namespace voicectl::ultravox::test
