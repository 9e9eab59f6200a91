// SPDX-License-Identifier: Apache-2.0
#include "provisioner/certs/dev_authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <optional>
#include <string>

#include "tests/support/fake_file_system.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_reactor.h"

namespace voicectl {
namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using CertPtr = std::unique_ptr<X509, Freer<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using StorePtr = std::unique_ptr<X509_STORE, Freer<X509_STORE_free>>;
using ContextPtr = std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>>;

CertPtr certificate_in(const std::string& pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return CertPtr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

KeyPtr key_in(const std::string& pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return KeyPtr(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

/// OpenSSL's verdict on a server certificate for `host` at `at`, with `root` as the only root.
std::string verdict(const std::string& pem,
                    const std::string& root,
                    const std::string& host,
                    WallTime at) {
  const CertPtr leaf = certificate_in(pem);
  const CertPtr anchor = certificate_in(root);
  const StorePtr store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), anchor.get());
  const ContextPtr context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr);
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(
      rules, std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
  X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set1_host(rules, host.c_str(), host.size());
  X509_verify_cert(context.get());
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

class DevAuthorityTest : public ::testing::Test {
 protected:
  DevAuthorityTest() { EXPECT_THAT(files_.make_directory("/state", kPrivateDirectory), IsOk()); }

  Result<Certificate> issue(const std::string& name,
                            const std::vector<std::string>& permitted = {},
                            const std::vector<std::string>& more = {}) {
    DevAuthority authority(files_, offload_, clock_,
                           {"/state/authority.pem", "/state/authority-root.pem", permitted});
    std::optional<Result<Certificate>> out;
    authority.issue({name, more}, [&](Result<Certificate> made) { out = std::move(made); });
    EXPECT_FALSE(out.has_value()) << "the completion runs in a later turn";
    loop_.settle();
    return std::move(*out);
  }
  std::string root() const { return *files_.content_of("/state/authority-root.pem"); }

  SimReactor loop_;
  SimOffload offload_{loop_};
  FakeFileSystem files_;
  FixedWallClock clock_;
};

TEST_F(DevAuthorityTest, IssuesWhatOpensslBelieves) {
  const Result<Certificate> made = issue("*.voice.test");

  ASSERT_THAT(made, IsOk());
  const std::string pem = made->pem.reveal();
  EXPECT_EQ(verdict(pem, root(), "acme.voice.test", clock_.now()), "ok");
  EXPECT_EQ(verdict(pem, root(), "voice.test", clock_.now()), "hostname mismatch");
  EXPECT_EQ(verdict(pem, root(), "a.acme.voice.test", clock_.now()), "hostname mismatch");
}

TEST_F(DevAuthorityTest, PutsTheKeyBesideItsCertificate) {
  const Result<Certificate> made = issue("acme.example");

  ASSERT_THAT(made, IsOk());
  const std::string pem = made->pem.reveal();
  EXPECT_EQ(X509_check_private_key(certificate_in(pem).get(), key_in(pem).get()), 1);
  EXPECT_EQ(EVP_PKEY_get_bits(key_in(pem).get()), 256);
}

TEST_F(DevAuthorityTest, CoversAlternativeNames) {
  const Result<Certificate> made = issue("*.voice.test", {}, {"voice.test"});

  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(verdict(made->pem.reveal(), root(), "voice.test", clock_.now()), "ok");
}

TEST_F(DevAuthorityTest, EndsAfterNinetyDays) {
  const Result<Certificate> made = issue("acme.example");

  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->not_after, clock_.now() + std::chrono::days(90));
  EXPECT_THAT(certificate_not_after(made->pem.reveal()), IsOkAnd(made->not_after));
  EXPECT_EQ(
      verdict(made->pem.reveal(), root(), "acme.example", clock_.now() + std::chrono::days(89)),
      "ok");
  EXPECT_EQ(
      verdict(made->pem.reveal(), root(), "acme.example", clock_.now() + std::chrono::days(91)),
      "certificate has expired");
}

TEST_F(DevAuthorityTest, MakesTheAuthorityOnce) {
  ASSERT_THAT(issue("a.example"), IsOk());
  const std::string first = *files_.content_of("/state/authority.pem");

  ASSERT_THAT(issue("b.example"), IsOk());

  EXPECT_EQ(*files_.content_of("/state/authority.pem"), first);
  EXPECT_EQ(files_.find("/state/authority.pem")->mode, kPrivateFile);
  EXPECT_EQ(files_.find("/state/authority-root.pem")->mode, FileMode{0644});
  EXPECT_EQ(root().find("PRIVATE"), std::string::npos);
}

TEST_F(DevAuthorityTest, WritesTheRootFileAgainWhenItIsGone) {
  ASSERT_THAT(issue("a.example"), IsOk());
  const std::string before = root();
  ASSERT_THAT(files_.remove("/state/authority-root.pem"), IsOk());

  ASSERT_THAT(issue("a.example"), IsOk());

  EXPECT_EQ(root(), before);
}

TEST_F(DevAuthorityTest, MakesANewAuthorityWhenTheOldOneHasEnded) {
  ASSERT_THAT(issue("a.example"), IsOk());
  const std::string before = root();
  clock_.advance(std::chrono::days(3651));

  const Result<Certificate> made = issue("a.example");

  ASSERT_THAT(made, IsOk());
  EXPECT_NE(root(), before);
  EXPECT_EQ(verdict(made->pem.reveal(), root(), "a.example", clock_.now()), "ok");
}

TEST_F(DevAuthorityTest, NeverOutlivesItsAuthority) {
  ASSERT_THAT(issue("a.example"), IsOk());
  clock_.advance(std::chrono::days(3640));

  const Result<Certificate> made = issue("a.example");

  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->not_after, clock_.now() + std::chrono::days(10));
}

TEST_F(DevAuthorityTest, GivesEachCertificateItsOwnSerial) {
  const Result<Certificate> one = issue("a.example");
  const Result<Certificate> two = issue("a.example");

  ASSERT_THAT(one, IsOk());
  ASSERT_THAT(two, IsOk());
  EXPECT_NE(ASN1_INTEGER_cmp(X509_get0_serialNumber(certificate_in(one->pem.reveal()).get()),
                             X509_get0_serialNumber(certificate_in(two->pem.reveal()).get())),
            0);
}

TEST_F(DevAuthorityTest, SpeaksOnlyForThePermittedNames) {
  const Result<Certificate> inside = issue("*.voice.test", {"voice.test"});

  ASSERT_THAT(inside, IsOk());
  EXPECT_EQ(verdict(inside->pem.reveal(), root(), "acme.voice.test", clock_.now()), "ok");
  EXPECT_THAT(issue("bank.example", {"voice.test"}), FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_THAT(issue("evilvoice.test", {"voice.test"}), FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_THAT(issue("bank.example", {"bank.example"}), FailsWith(ErrorCode::kPermissionDenied))
      << "what the root on disk says counts";
}

TEST_F(DevAuthorityTest, RefusesNamesThatAreNone) {
  for (const char* name : {"", "*", "*.*.a.example", "a", "a.*.example", "A.example", "a.example,b",
                           "a.example\nDNS:b", "../a.example", "*.com.", "1_2.example"}) {
    EXPECT_THAT(issue(name), FailsWith(ErrorCode::kInvalidArgument)) << name;
  }
}

TEST_F(DevAuthorityTest, TakesNamesLongerThanACommonName) {
  const std::string label(60, 'a');
  const std::string name = label + "." + label + ".example";

  const Result<Certificate> made = issue(name);

  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(verdict(made->pem.reveal(), root(), name, clock_.now()), "ok");
}

TEST_F(DevAuthorityTest, SaysWhenTheAuthoritysFileIsBroken) {
  files_.put("/state/authority.pem", "no PEM");

  EXPECT_THAT(issue("a.example"), FailsWith(ErrorCode::kCorrupt));
  EXPECT_EQ(*files_.content_of("/state/authority.pem"), "no PEM");
}

TEST_F(DevAuthorityTest, PassesOnAFullDisk) {
  files_.fill_disk();

  EXPECT_THAT(issue("a.example"), FailsWith(ErrorCode::kResourceExhausted));
}

}  // namespace
}  // namespace voicectl
