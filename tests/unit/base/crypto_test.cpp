// SPDX-License-Identifier: Apache-2.0
#include "base/crypto.h"

#include <gtest/gtest.h>

#include <string>

#include "base/hmac_key.h"

namespace voicectl {
namespace {

TEST(CryptoTest, HashesAsTheStandardsSay) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(CryptoTest, HashesPiecesAsTheWhole) {
  Sha256 pieces;
  pieces.add("a");
  pieces.add("");
  pieces.add(std::string(1000, 'b'));

  EXPECT_EQ(pieces.hex(), sha256_hex("a" + std::string(1000, 'b')));
}

TEST(CryptoTest, AuthenticatesAsRfc4231Says) {
  EXPECT_EQ(hmac_sha256_hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac_sha256_hex(std::string(20, '\x0b'), "Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}

TEST(CryptoTest, AuthenticatesAWebhookOfUltravox) {
  const std::string body =
      R"({"event":"call.ended","call":{"callId":"3c90c3cc-0d44-4b50-8888-8dd25736052a"}})";
  const std::string timestamp = "2025-01-02T03:04:05.678901+00:00";

  EXPECT_EQ(hmac_sha256_hex("test-webhook-secret", body + timestamp),
            "01fd8afba37d140fb126bc172b4bee0d6ad7f57c82306dfbcd6092b1872b085f");
}

TEST(CryptoTest, TakesAnEmptyKeyAndAnEmptyMessage) {
  EXPECT_EQ(hmac_sha256_hex("", ""),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(CryptoTest, AnswersTheHandshakeOfRfc6455) {
  EXPECT_EQ(sha1_base64("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(CryptoTest, ComparesTexts) {
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_TRUE(equal_in_constant_time("secret", "secret"));
  EXPECT_FALSE(equal_in_constant_time("secret", "secreT"));
  EXPECT_FALSE(equal_in_constant_time("Secret", "secret"));
  EXPECT_FALSE(equal_in_constant_time("secret", "secre"));
  EXPECT_FALSE(equal_in_constant_time("secret", ""));
}

TEST(CryptoTest, APreparedKeySignsEachMessageAsANewOneWould) {
  HmacSha256Key key("a key of the usual size, which is shorter than a block");
  HmacSha256Key other(std::string(100, 'k'));

  for (const std::string& message : {std::string(), std::string("one"), std::string(1000, 'm')}) {
    EXPECT_EQ(key.hex(message), hmac_sha256_hex("a key of the usual size, which is shorter than a "
                                                "block",
                                                message));
    EXPECT_EQ(other.hex(message), hmac_sha256_hex(std::string(100, 'k'), message));
  }
  HmacSha256Key moved = std::move(key);
  moved = std::move(other);
  EXPECT_EQ(moved.hex("one"), hmac_sha256_hex(std::string(100, 'k'), "one"));
}

}  // namespace
}  // namespace voicectl
