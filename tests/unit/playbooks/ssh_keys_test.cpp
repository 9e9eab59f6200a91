// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "playbooks/libssh2_transport.h"

namespace voicectl {
namespace {

// Only the public beginnings of keys: where the kind stands.
constexpr std::string_view kOpenSshRsa =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAlwAAAAdzc2gtcn\n"
    "NhAAAAAwEAAQAAAIEA\n"
    "-----END OPENSSH PRIVATE KEY-----\n";
constexpr std::string_view kOpenSshEd25519 =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
    "QyNTUxOQAAACA=\n"
    "-----END OPENSSH PRIVATE KEY-----\n";

TEST(SshKeysTest, KnowsAnRsaKeyInEveryFormat) {
  EXPECT_TRUE(is_rsa_private_key(kOpenSshRsa));
  EXPECT_TRUE(is_rsa_private_key("-----BEGIN RSA PRIVATE KEY-----\nMIIC\n"));
  EXPECT_TRUE(is_rsa_private_key("a comment\n" + std::string(kOpenSshRsa)));
  // PKCS #8: a version, and then the identifier of RSA.
  EXPECT_TRUE(
      is_rsa_private_key("-----BEGIN PRIVATE KEY-----\n"
                         "MIICdwIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"));
}

TEST(SshKeysTest, TakesOtherKeysForWhatTheyAre) {
  EXPECT_FALSE(is_rsa_private_key(kOpenSshEd25519));
  EXPECT_FALSE(is_rsa_private_key(""));
  EXPECT_FALSE(is_rsa_private_key("ssh-rsa AAAA"));
  EXPECT_FALSE(is_rsa_private_key("-----BEGIN "));
}

}  // namespace
}  // namespace voicectl
