// SPDX-License-Identifier: Apache-2.0
// Ten thousand forgeries of signed webhooks.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "base/random.h"
#include "runtime/ultravox/events.h"
#include "runtime/ultravox/timestamp.h"
#include "runtime/webhook/record_updates.h"
#include "runtime/webhook/signature.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

constexpr int kVariants = 10'000;
constexpr std::uint64_t kSeed = 20261125;
const std::vector<Secret> kSecrets = {Secret("tenant-secret-old"), Secret("tenant-secret-new")};

struct Webhook {
  std::string body;
  std::string timestamp;
  std::string signatures;
};

/// Makes of a webhook that is right one that is not.
class Forger {
 public:
  explicit Forger(std::uint64_t seed) : random_(seed) {}

  Webhook right() {
    Webhook out;
    out.body = fmt::format(R"({{"event":"call.ended","call":{{"callId":"{}","metadata":{{}}}}}})",
                           random_.token(20));
    out.timestamp = "2026-11-25T10:00:00.123456+00:00";
    out.signatures = ultravox::sign_event(kSecrets[random_.below(2)], out.body, out.timestamp);
    return out;
  }

  Webhook forged() {
    Webhook out = right();
    const std::vector<std::function<void(Webhook&)>> ways = {
        [this](Webhook& one) { flip(one.body); },
        [this](Webhook& one) { flip(one.timestamp); },
        [this](Webhook& one) { flip(one.signatures); },
        [](Webhook& one) { one.signatures.clear(); },
        [](Webhook& one) { one.timestamp.clear(); },
        [](Webhook& one) { one.signatures = " ,, , "; },
        [this](Webhook& one) { one.signatures.resize(random_.below(64)); },
        [](Webhook& one) { one.signatures += one.signatures; },
        [](Webhook& one) { one.signatures += '\0'; },
        [](Webhook& one) { one.signatures = "sha256=" + one.signatures; },
        [](Webhook& one) { std::reverse(one.signatures.begin(), one.signatures.end()); },
        // Another tenant's secret, an empty one, and the one with a byte more.
        [](Webhook& one) { resign(one, "other-tenants-secret"); },
        [](Webhook& one) { resign(one, ""); },
        [](Webhook& one) { resign(one, "tenant-secret-new "); },
        // The wrong way round, with a separator, without the time, of the digest.
        [](Webhook& one) { sign_text(one, one.timestamp + one.body); },
        [](Webhook& one) { sign_text(one, one.timestamp + "." + one.body); },
        [](Webhook& one) { sign_text(one, one.body); },
        [](Webhook& one) { sign_text(one, sha256_hex(one.body + one.timestamp)); },
        // The same JSON written anew, and the same moment written otherwise.
        [](Webhook& one) { one.body.insert(1, " "); },
        [](Webhook& one) { one.body += "\n"; },
        [](Webhook& one) { one.timestamp = "2026-11-25T10:00:00.123456Z"; },
        // What belongs to the body moved into the time.
        [](Webhook& one) {
          one.timestamp = one.body.back() + one.timestamp;
          one.body.pop_back();
        },
        // Behind more signatures than a sender has secrets.
        [](Webhook& one) { one.signatures = many_wrong() + one.signatures; },
        // Signed right, long ago and in time to come.
        [](Webhook& one) { retime(one, "2026-11-25T09:58:59Z"); },
        [](Webhook& one) { retime(one, "2026-11-25T10:01:01.2Z"); },
        [](Webhook& one) { retime(one, "9999-12-31T23:59:59Z"); },
        [](Webhook& one) { retime(one, "0000-00-00T00:00:00Z"); },
        [](Webhook& one) { retime(one, "1700000000"); },
    };
    ways[random_.below(ways.size())](out);
    return out;
  }

 private:
  void flip(std::string& text) {
    char& byte = text[random_.below(text.size())];
    byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << random_.below(8)));
  }
  static std::string many_wrong() {
    std::string out;
    for (int i = 0; i < 8; ++i) {
      out += std::string(64, '0') + ",";
    }
    return out;
  }
  static void resign(Webhook& one, const std::string& secret) {
    one.signatures = ultravox::sign_event(Secret(secret), one.body, one.timestamp);
  }
  static void sign_text(Webhook& one, const std::string& text) {
    one.signatures = hmac_sha256_hex(kSecrets[1].reveal(), text);
  }
  static void retime(Webhook& one, std::string timestamp) {
    one.timestamp = std::move(timestamp);
    one.signatures = ultravox::sign_event(kSecrets[1], one.body, one.timestamp);
  }

  SeededRandom random_;
};

WallTime now() {
  return *ultravox::parse_timestamp("2026-11-25T10:00:01Z");
}

Status verify(const Webhook& one) {
  return verify_signature(kSecrets, {one.body, one.timestamp, one.signatures}, now());
}

TEST(SignatureMatrixTest, NotOneForgeryIsAccepted) {
  Forger forger(kSeed);
  for (int i = 0; i < kVariants; ++i) {
    const Webhook one = forger.forged();

    ASSERT_THAT(verify(one), FailsWith(ErrorCode::kPermissionDenied))
        << "seed " << kSeed << ", variant " << i << ": " << one.body << " " << one.timestamp << " "
        << one.signatures;
  }
}

TEST(SignatureMatrixTest, WhatTheForgeriesWereMadeOfIsAccepted) {
  Forger forger(kSeed);
  for (int i = 0; i < 100; ++i) {
    ASSERT_THAT(verify(forger.right()), IsOk());
  }
}

TEST(SignatureMatrixTest, ErpnextsSignatureFallsToNoForgeryEither) {
  SeededRandom random(kSeed);
  const std::vector<Secret> secrets = {Secret(""), Secret("site-secret")};
  for (int i = 0; i < kVariants; ++i) {
    const std::string body = R"({"name":"SO-)" + random.token(8) + R"("})";
    const std::string right = hmac_sha256_base64("site-secret", body);
    std::string signature = right;
    switch (random.below(6)) {
      case 0:
        signature[random.below(signature.size())] ^= static_cast<char>(1U << random.below(8));
        break;
      case 1:
        signature.resize(random.below(signature.size()));
        break;
      case 2:
        signature = hmac_sha256_base64("", body);
        break;
      case 3:
        signature = hmac_sha256_hex("site-secret", body);
        break;
      case 4:
        signature = hmac_sha256_base64("site-secret", body + " ");
        break;
      default:
        signature += "=";
    }
    ASSERT_THAT(verify_erpnext_signature(secrets, body, signature),
                FailsWith(ErrorCode::kPermissionDenied))
        << "seed " << kSeed << ", variant " << i;
    ASSERT_THAT(verify_erpnext_signature(secrets, body, right), IsOk());
  }
}

}  // namespace
}  // namespace voicectl::runtime
