// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/signature.h"

#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/random.h"
#include "runtime/ultravox/timestamp.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

constexpr std::string_view kBody =
    R"({"event":"call.ended","call":{"callId":"3c90c3cc-0d44-4b50-8888-8dd25736052a"}})";
constexpr std::string_view kTimestamp = "2025-01-02T03:04:05.678901+00:00";
constexpr std::string_view kSignature =
    "01fd8afba37d140fb126bc172b4bee0d6ad7f57c82306dfbcd6092b1872b085f";
/// Of the timestamp followed by the body: the wrong way round.
constexpr std::string_view kSwapped =
    "002d50bf9e86cb0a06affc6a8e0c3757aceb9ebdc981ecf755619a22ba4dd14d";

const std::vector<Secret> kSecrets = {Secret("older-secret"), Secret("test-webhook-secret")};

WallTime at(std::chrono::seconds offset) {
  return *ultravox::parse_timestamp(kTimestamp) + offset;
}

Status verify(std::string_view signatures, std::chrono::seconds offset = {}) {
  return verify_signature(kSecrets, {kBody, kTimestamp, signatures}, at(offset));
}

TEST(SignatureTest, AcceptsThePublishedVector) {
  EXPECT_THAT(verify(kSignature), IsOk());
}

TEST(SignatureTest, AcceptsAnyOfSeveralWithSpaces) {
  EXPECT_THAT(verify(std::string(64, '0') + " ,  " + std::string(kSignature) + " "), IsOk());
}

TEST(SignatureTest, RefusesTimestampBeforeBody) {
  EXPECT_THAT(verify(kSwapped), FailsWith(ErrorCode::kPermissionDenied));
}

TEST(SignatureTest, RefusesAChangedBody) {
  EXPECT_THAT(
      verify_signature(kSecrets, {std::string(kBody) + " ", kTimestamp, kSignature}, at({})),
      FailsWith(ErrorCode::kPermissionDenied));
}

TEST(SignatureTest, RefusesOtherSecrets) {
  EXPECT_THAT(verify_signature(std::vector{Secret("x")}, {kBody, kTimestamp, kSignature}, at({})),
              FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_THAT(verify_signature({}, {kBody, kTimestamp, kSignature}, at({})),
              FailsWith(ErrorCode::kPermissionDenied));
}

TEST(SignatureTest, HoldsTheWindowBothWays) {
  using std::chrono::seconds;
  EXPECT_THAT(verify(kSignature, seconds(60)), IsOk());
  EXPECT_THAT(verify(kSignature, seconds(-60)), IsOk());
  EXPECT_THAT(verify(kSignature, seconds(61)), FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_THAT(verify(kSignature, seconds(-61)), FailsWith(ErrorCode::kPermissionDenied));
}

TEST(SignatureTest, RefusesMissingOrBrokenHeaders) {
  EXPECT_THAT(verify(""), FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_THAT(verify(",,,"), FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_THAT(verify_signature(kSecrets, {kBody, "yesterday", kSignature}, at({})),
              FailsWith(ErrorCode::kPermissionDenied));
}

TEST(SignatureTest, RefusesAnyYearButThisOne) {
  for (const std::string year : {"0001", "1677", "2262", "2555", "9999"}) {
    const std::string timestamp = year + "-01-02T03:04:05Z";
    const std::string right =
        hmac_sha256_hex(kSecrets.front().reveal(), std::string(kBody) + timestamp);

    EXPECT_THAT(verify_signature(kSecrets, {kBody, timestamp, right}, at({})),
                FailsWith(ErrorCode::kPermissionDenied))
        << year;
  }
}

TEST(SignatureTest, AcceptsNoneOfTenThousandForgeries) {
  SeededRandom random(11);
  int accepted = 0;

  for (int i = 0; i < 10'000; ++i) {
    std::string body(kBody);
    std::string timestamp(kTimestamp);
    std::string signature(kSignature);
    const auto flip = [&random](std::string& text) {
      text[random.below(text.size())] ^= static_cast<char>(1U << random.below(7));
    };
    switch (random.below(7)) {
      case 0:
        flip(body);
        break;
      case 1:
        flip(timestamp);
        break;
      case 2:
        flip(signature);
        break;
      case 3:
        signature.resize(random.below(signature.size()));
        break;
      case 4:
        // The same JSON, written in another way.
        body.insert(1 + random.below(2), " ");
        break;
      case 5:
        signature = hmac_sha256_hex("test-webhook-secret" + random.token(1), body + timestamp);
        break;
      default:
        // A byte goes from the end of the body to the beginning of the timestamp, or back.
        timestamp.insert(timestamp.begin(), body.back());
        body.pop_back();
    }
    accepted +=
        verify_signature(kSecrets, {body, timestamp, signature}, at({})).has_value() ? 1 : 0;
  }

  EXPECT_EQ(accepted, 0);
}

}  // namespace
}  // namespace voicectl::runtime
