// SPDX-License-Identifier: Apache-2.0
#include "provisioner/certs/certificate_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "provisioner/certs/x509.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::ElementsAre;

class CertificateStoreTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const WallTime now = FixedWallClock().now();
    authority_ = *make_authority({now, now + std::chrono::days(10)}, {});
  }

  static Certificate a_certificate(const std::string& name, std::chrono::days life) {
    const WallTime now = FixedWallClock().now();
    return *issue_certificate(authority_, {name, {}}, {now, now + life});
  }

  static AuthorityPem authority_;
  FakeFileSystem files_;
  CertificateStore store_{files_, {"/state/certs", "/run/edge/certs", std::nullopt}};
};

AuthorityPem CertificateStoreTest::authority_;

TEST_F(CertificateStoreTest, NamesFilesSoThatWildcardsAndHostsNeverMeet) {
  EXPECT_THAT(certificate_file_name("*.voice.test"), IsOkAnd("_wildcard.voice.test.pem"));
  EXPECT_THAT(certificate_file_name("voice.test"), IsOkAnd("voice.test.pem"));
  EXPECT_THAT(certificate_file_name("../x"), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(certificate_file_name("_wildcard.voice.test"),
              FailsWith(ErrorCode::kInvalidArgument));
}

TEST_F(CertificateStoreTest, KeepsAndServesACertificate) {
  const Certificate certificate = a_certificate("*.voice.test", std::chrono::days(5));

  EXPECT_THAT(store_.put(certificate), IsOk());

  EXPECT_EQ(files_.content_of("/state/certs/_wildcard.voice.test.pem"), certificate.pem.reveal());
  EXPECT_EQ(files_.content_of("/run/edge/certs/_wildcard.voice.test.pem"),
            certificate.pem.reveal());
  EXPECT_EQ(files_.find("/state/certs/_wildcard.voice.test.pem")->mode, kPrivateFile);
  EXPECT_EQ(files_.find("/state/certs")->mode, kPrivateDirectory);
  EXPECT_EQ(files_.find("/run/edge/certs/_wildcard.voice.test.pem")->mode, kPrivateFile);
}

TEST_F(CertificateStoreTest, LetsTheGroupOfNginxReadTheCopies) {
  CertificateStore store(files_, {"/state/certs", "/run/edge/certs", UserIds{0, 33}});

  EXPECT_THAT(store.put(a_certificate("a.example", std::chrono::days(5))), IsOk());

  const FakeFileSystem::Entry* served = files_.find("/run/edge/certs/a.example.pem");
  ASSERT_NE(served, nullptr);
  EXPECT_EQ(served->mode, FileMode{0640});
  EXPECT_EQ(served->owner, (UserIds{0, 33}));
  EXPECT_EQ(files_.find("/state/certs/a.example.pem")->mode, kPrivateFile);
}

TEST_F(CertificateStoreTest, ListsWhatIsKeptWithItsEnd) {
  const Certificate one = a_certificate("*.voice.test", std::chrono::days(5));
  const Certificate two = a_certificate("a.example", std::chrono::days(3));
  ASSERT_THAT(store_.put(two), IsOk());
  ASSERT_THAT(store_.put(one), IsOk());
  files_.put("/state/certs/broken.example.pem", "no PEM");
  files_.put("/state/certs/notes.txt", "mine");

  const Result<std::vector<RecordedCertificate>> listed = store_.list();

  ASSERT_THAT(listed, IsOk());
  ASSERT_THAT(*listed, testing::SizeIs(2));
  EXPECT_EQ((*listed)[0].name, "*.voice.test");
  EXPECT_EQ((*listed)[0].not_after, one.not_after);
  EXPECT_EQ((*listed)[1].name, "a.example");
  EXPECT_EQ((*listed)[1].not_after, two.not_after);
}

TEST_F(CertificateStoreTest, ListsTheEndOfWhatIsThereNow) {
  ASSERT_THAT(store_.put(a_certificate("a.example", std::chrono::days(5))), IsOk());
  ASSERT_THAT(store_.list(), IsOkAnd(testing::SizeIs(1)));
  const Certificate renewed = a_certificate("a.example", std::chrono::days(90));
  ASSERT_THAT(store_.put(renewed), IsOk());

  for (int i = 0; i < 2; ++i) {
    const Result<std::vector<RecordedCertificate>> listed = store_.list();

    ASSERT_THAT(listed, IsOkAnd(testing::SizeIs(1)));
    EXPECT_EQ((*listed)[0].not_after, renewed.not_after);
  }
  files_.put("/state/certs/a.example.pem", "no PEM any more");
  EXPECT_THAT(store_.list(), IsOkAnd(testing::IsEmpty()));
}

TEST_F(CertificateStoreTest, RefusesTextThatIsNoCertificate) {
  EXPECT_THAT(store_.put({"a.example", Secret("no PEM"), {}}), FailsWith(ErrorCode::kCorrupt));
  EXPECT_THAT(store_.list(), IsOkAnd(testing::IsEmpty()));
}

TEST_F(CertificateStoreTest, ServesEverythingAgainAfterTheRunFolderWasLost) {
  ASSERT_THAT(store_.put(a_certificate("a.example", std::chrono::days(5))), IsOk());
  ASSERT_THAT(files_.remove("/run"), IsOk());

  EXPECT_THAT(store_.publish_all(), IsOk());

  EXPECT_THAT(files_.list("/run/edge/certs"), IsOkAnd(ElementsAre("a.example.pem")));
}

TEST_F(CertificateStoreTest, ForgetsACertificate) {
  ASSERT_THAT(store_.put(a_certificate("a.example", std::chrono::days(5))), IsOk());

  EXPECT_THAT(store_.remove("a.example"), IsOk());
  EXPECT_THAT(store_.remove("a.example"), IsOk());

  EXPECT_THAT(store_.list(), IsOkAnd(testing::IsEmpty()));
  EXPECT_THAT(files_.list("/run/edge/certs"), IsOkAnd(testing::IsEmpty()));
}

}  // namespace
}  // namespace voicectl
