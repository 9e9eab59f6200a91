// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/erpnext/erpnext_answer.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace voicectl::runtime {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Verdict = ErpnextVerdict;

HttpResponse answer(int status, const std::string& exception) {
  return json_response(status, R"({"exc_type":")" + exception + R"("})");
}

struct Case {
  int status;
  const char* exception;
  Verdict verdict;
  ErrorCode code;
};

/// Every status that a running site was seen to give.
constexpr Case kCases[] = {
    {400, "CSRFTokenError", Verdict::kBroken, ErrorCode::kInvalidArgument},
    {401, "AuthenticationError", Verdict::kUnauthorized, ErrorCode::kPermissionDenied},
    {403, "PermissionError", Verdict::kForbidden, ErrorCode::kInvalidArgument},
    {404, "DoesNotExistError", Verdict::kMissing, ErrorCode::kNotFound},
    {409, "DuplicateEntryError", Verdict::kDuplicate, ErrorCode::kConflict},
    {410, "LinkExpired", Verdict::kBroken, ErrorCode::kInvalidArgument},
    {417, "ValidationError", Verdict::kInvalid, ErrorCode::kInvalidArgument},
    {417, "MandatoryError", Verdict::kInvalid, ErrorCode::kInvalidArgument},
    {417, "LinkValidationError", Verdict::kInvalid, ErrorCode::kInvalidArgument},
    {417, "UniqueValidationError", Verdict::kDuplicate, ErrorCode::kConflict},
    {417, "TimestampMismatchError", Verdict::kStale, ErrorCode::kConflict},
    {417, "DataError", Verdict::kBroken, ErrorCode::kInvalidArgument},
    {429, "TooManyRequestsError", Verdict::kBusy, ErrorCode::kResourceExhausted},
    {429, "RateLimitExceededError", Verdict::kBusy, ErrorCode::kResourceExhausted},
    {500, "QueryDeadlockError", Verdict::kHiccup, ErrorCode::kConflict},
    {500, "QueryTimeoutError", Verdict::kHiccup, ErrorCode::kConflict},
    {500, "TypeError", Verdict::kBroken, ErrorCode::kInvalidArgument},
    {500, "ImportError", Verdict::kBroken, ErrorCode::kInvalidArgument},
    {501, "OutgoingEmailError", Verdict::kBroken, ErrorCode::kInvalidArgument},
    {502, "", Verdict::kAway, ErrorCode::kUnavailable},
    {503, "SessionStopped", Verdict::kAway, ErrorCode::kUnavailable},
    {503, "InReadOnlyMode", Verdict::kAway, ErrorCode::kUnavailable},
    {504, "", Verdict::kAway, ErrorCode::kUnavailable},
    {302, "", Verdict::kBroken, ErrorCode::kInvalidArgument},
};

TEST(ErpnextAnswerTest, JudgesByStatusAndExceptionOnly) {
  for (const Case& one : kCases) {
    const ErpnextAnswer read = read_erpnext_answer(answer(one.status, one.exception));
    EXPECT_EQ(read.verdict, one.verdict) << one.status << " " << one.exception;
    EXPECT_EQ(error_of(read, "place an order").code(), one.code) << one.status << one.exception;
  }
}

TEST(ErpnextAnswerTest, ReadsTheNewerEnvelopeToo) {
  const ErpnextAnswer read = read_erpnext_answer(json_response(
      417, R"({"errors":[{"type":"UniqueValidationError","message":"must be <b>unique</b>"}]})"));

  EXPECT_EQ(read.verdict, Verdict::kDuplicate);
  EXPECT_EQ(read.words, "must be unique");
}

TEST(ErpnextAnswerTest, FindsTheWordsInJsonInJsonInJson) {
  const ErpnextAnswer read = read_erpnext_answer(json_response(
      417,
      R"({"exc_type":"MandatoryError","_server_messages":"[\"{\\\"message\\\": \\\"Error: Value )"
      R"(missing for <b>ToDo</b>: Description\\\", \\\"indicator\\\":\\\"red\\\"}\"]"})"));

  EXPECT_EQ(read.words, "Value missing for ToDo: Description");
}

TEST(ErpnextAnswerTest, ToleratesAnyNonsenseInTheWords) {
  for (const char* messages : {"", "nonsense", "[1,2]", "[\\\"not json\\\"]", "{}", "[[]]"}) {
    const ErpnextAnswer read = read_erpnext_answer(json_response(
        417,
        std::string(R"({"exc_type":"ValidationError","_server_messages":")") + messages + "\"}"));
    EXPECT_EQ(read.verdict, Verdict::kInvalid) << messages;
    EXPECT_EQ(read.words, "") << messages;
  }
}

TEST(ErpnextAnswerTest, TakesPagesForWhatTheirStatusSays) {
  const std::string page = "<!DOCTYPE html><h1>nope</h1>";

  EXPECT_EQ(read_erpnext_answer({404, {}, page}).verdict, Verdict::kBroken);
  EXPECT_EQ(read_erpnext_answer({413, {}, page}).verdict, Verdict::kBroken);
  EXPECT_EQ(read_erpnext_answer({500, {}, page}).verdict, Verdict::kHiccup);
  EXPECT_EQ(read_erpnext_answer({502, {}, page}).verdict, Verdict::kAway);
  EXPECT_EQ(read_erpnext_answer({200, {}, page}).verdict, Verdict::kGarbled);
  EXPECT_THAT(error_of(read_erpnext_answer({404, {}, page}), "x").message(),
              HasSubstr("check the site's address"));
}

TEST(ErpnextAnswerTest, ReadsWhatAMethodOrAResourceReturned) {
  const auto content_of = [](std::string body) {
    return dump_json(*read_erpnext_answer(json_response(200, std::move(body))).content);
  };

  EXPECT_EQ(content_of(R"({"message":{"a":1}})"), R"({"a":1})");
  EXPECT_EQ(content_of(R"({"data":[1]})"), "[1]");
  EXPECT_EQ(content_of("{}"), "null");
}

TEST(ErpnextAnswerTest, KeepsQuietForAsLongAsItIsAsked) {
  HttpResponse busy = answer(429, "TooManyRequestsError");
  EXPECT_EQ(read_erpnext_answer(busy).quiet, 60s);
  busy.headers.emplace_back("X-RateLimit-Reset", "1800");
  EXPECT_EQ(read_erpnext_answer(busy).quiet, 1800s);
  busy.headers.emplace_back("Retry-After", "3540");
  EXPECT_EQ(read_erpnext_answer(busy).quiet, 3540s);
}

TEST(ErpnextAnswerTest, CountsTheBudgetInMicroseconds) {
  HttpResponse last = json_response(200, "{}");
  last.headers = {{"X-RateLimit-Limit", "600000000"},
                  {"X-RateLimit-Remaining", "0"},
                  {"X-RateLimit-Reset", "120"}};
  EXPECT_EQ(read_erpnext_answer(last).quiet, 120s);

  // Five milliseconds of processing are left, not five thousand requests.
  last.headers[1].second = "5000";
  EXPECT_EQ(read_erpnext_answer(last).quiet, std::nullopt);
}

TEST(ErpnextAnswerTest, IsNotMisledByStrangeNumbers) {
  for (const char* number : {"-5", "soon", "", "1e9", "99999999999999999999"}) {
    HttpResponse busy = answer(429, "TooManyRequestsError");
    busy.headers.emplace_back("Retry-After", number);
    EXPECT_EQ(read_erpnext_answer(busy).quiet, 60s) << number;
  }
}

TEST(ErpnextAnswerTest, SaysWhatToDo) {
  EXPECT_THAT(error_of(read_erpnext_answer(answer(401, "AuthenticationError")), "x").message(),
              HasSubstr("credentials file"));
  EXPECT_THAT(error_of(read_erpnext_answer(answer(501, "OutgoingEmailError")), "x").message(),
              HasSubstr("outgoing mail"));
}

}  // namespace
}  // namespace voicectl::runtime
