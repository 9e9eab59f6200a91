// SPDX-License-Identifier: Apache-2.0
// ERPNext and Ultravox behind TLS that proves nothing: nobody is told anything, and whatever was to
// be told waits.
#include <fmt/core.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "base/json.h"
#include "base/json_text.h"
#include "runtime/backend/erpnext/erpnext_client.h"
#include "runtime/ultravox/ultravox_client.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/integration/runtime/tls_server.h"
#include "tests/support/matchers.h"
#include "tests/support/real_loop.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSecret = "key:tell-nobody";
constexpr const char* kTold = "Margherita for Ann";

struct Case {
  const char* name;
  TlsConduct conduct;
  /// Words of the error that say what is wrong.
  const char* words;
  ErrorCode error = ErrorCode::kUnavailable;
  Duration timeout = std::chrono::seconds(9);
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.name;
}

constexpr Case kCases[] = {
    {"SelfSigned", TlsConduct::kSelfSigned, "self-signed certificate"},
    {"UnknownAuthority", TlsConduct::kUnknownAuthority, "unable to get local issuer certificate"},
    {"Expired", TlsConduct::kExpired, "certificate has expired"},
    {"NotYetValid", TlsConduct::kNotYetValid, "certificate is not yet valid"},
    {"OtherHost", TlsConduct::kOtherHost, "no alternative certificate subject name matches"},
    {"OldVersion", TlsConduct::kOldVersion, "protocol version"},
    {"MuteInHandshake", TlsConduct::kMuteInHandshake, "timed out", ErrorCode::kTimeout,
     std::chrono::milliseconds(400)},
    {"EndInHandshake", TlsConduct::kEndInHandshake, "OpenSSL SSL_connect"},
    {"Plaintext", TlsConduct::kPlaintext, "wrong version number"},
};

class BadTlsTest : public ::testing::TestWithParam<Case> {
 protected:
  explicit BadTlsTest(TlsConduct conduct = GetParam().conduct) : server_(conduct) {}

  std::string base() const { return fmt::format("https://localhost:{}", server_.port()); }

  Result<ErpnextAnswer> ask_erpnext(Duration timeout) {
    ErpnextSettings settings;
    settings.url = base();
    settings.company = "Acme";
    settings.timeout = timeout;
    ErpnextClient client({loop_.reactor(),
                          [this](HttpCall call, Completion<HttpResponse> done) {
                            call.ca_file = server_.authority_file();
                            http_.send(std::move(call), std::move(done));
                          },
                          [] { return Result<Secret>(Secret(kSecret)); }},
                         settings);
    std::optional<Result<ErpnextAnswer>> outcome;
    client.call_method("x", std::move(JsonText().text("order", kTold)),
                       [&](const Result<ErpnextAnswer>& answer) { outcome = answer; });
    EXPECT_TRUE(loop_.run_until([&] { return outcome.has_value(); }));
    return outcome.value_or(Error(ErrorCode::kInternal, "cannot wait longer"));
  }

  RealLoop loop_;
  HttpClient http_{loop_.reactor()};
  TlsServer server_;
};

/// What the others are compared with: the same server, as it should be.
class GoodTlsTest : public BadTlsTest {
 protected:
  GoodTlsTest() : BadTlsTest(TlsConduct::kGood) {}
};

TEST_P(GoodTlsTest, IsToldEverything) {
  EXPECT_THAT(ask_erpnext(GetParam().timeout), IsOk());
  EXPECT_THAT(server_.heard(), HasSubstr(kSecret));
  EXPECT_THAT(server_.heard(), HasSubstr(kTold));
}

INSTANTIATE_TEST_SUITE_P(Sides,
                         GoodTlsTest,
                         ::testing::Values(Case{"Good", TlsConduct::kGood, ""}),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_P(BadTlsTest, AnErpnextIsAwayAndToldNothing) {
  for (int i = 0; i < 3; ++i) {
    const Result<ErpnextAnswer> answer = ask_erpnext(GetParam().timeout);

    ASSERT_THAT(answer, FailsWith(GetParam().error));
    EXPECT_THAT(answer.error().text(), HasSubstr(GetParam().words));
    EXPECT_THAT(answer.error().text(), Not(HasSubstr(kSecret)));
  }
  EXPECT_GE(server_.connections(), 3);
  EXPECT_THAT(server_.heard(), Not(HasSubstr(kSecret)));
  EXPECT_THAT(server_.heard(), Not(HasSubstr(kTold)));
}

TEST_P(BadTlsTest, AnUltravoxIsJudgedAlike) {
  ultravox::UltravoxOptions options;
  options.endpoint = base() + "/api";
  options.api_key = ultravox::fixed_api_key(Secret(kSecret));
  options.timeout = GetParam().timeout;
  ultravox::UltravoxClient client(loop_.reactor(), http_, options);
  std::optional<ultravox::UltravoxResult<ultravox::Call>> answer;

  client.create_call({}, [&](ultravox::UltravoxResult<ultravox::Call> call) { answer = call; });

  ASSERT_TRUE(loop_.run_until([&] { return answer.has_value(); }));
  ASSERT_TRUE(answer->has_error());
  EXPECT_EQ(answer->error().error.code(), GetParam().error) << answer->error().error.text();
  EXPECT_FALSE(answer->error().status);
  EXPECT_THAT(answer->error().error.text(), Not(HasSubstr(kSecret)));
  EXPECT_GE(server_.connections(), 1);
  EXPECT_THAT(server_.heard(), Not(HasSubstr(kSecret)));
}

INSTANTIATE_TEST_SUITE_P(Sides, BadTlsTest, ::testing::ValuesIn(kCases), [](const auto& one) {
  return std::string(one.param.name);
});

/// A tenant whose site shows a certificate that nobody has signed.
class UnprovenSiteTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(files_.replace_atomically(folder_.path("credentials"), kSecret, kPrivateFile),
                IsOk());
    world_.backend = dump_json(Json{{"kind", "erpnext"},
                                    {"url", fmt::format("https://localhost:{}", server_.port())},
                                    {"company", "Acme"},
                                    {"credentials_file", folder_.path("credentials")}});
    Result<RuntimeFixture::Served> served = world_.open("acme");
    ASSERT_THAT(served, IsOk());
    acme_ = std::move(*served);
  }
  void TearDown() override {
    if (acme_.host) {
      world_.close(acme_);
    }
  }

  RuntimeFixture world_;
  TempDir folder_;
  PosixFileSystem files_;
  TlsServer server_{TlsConduct::kSelfSigned};
  RuntimeFixture::Served acme_;
};

TEST_F(UnprovenSiteTest, IsAwayAndTheCallerGetsAPromise) {
  const std::string session = member(world_.create_session(acme_).body, "session_id");

  const HttpResponse answer =
      world_.run_tool(acme_, session,
                      R"({"customer_name":"Ann","order_type":"Takeaway",)"
                      R"("items":[{"item_name":"Margherita","quantity":2}]})");

  EXPECT_EQ(member(answer.body, "status"), "pending");
  const std::vector<SideFigures> sides = acme_.host->outbox().figures();
  const auto erpnext = std::find_if(sides.begin(), sides.end(),
                                    [](const SideFigures& side) { return side.side == "erpnext"; });
  ASSERT_NE(erpnext, sides.end());
  EXPECT_EQ(erpnext->pending, 1U);
  EXPECT_EQ(erpnext->unreachable, 1U);
  EXPECT_EQ(erpnext->failed + erpnext->refused + erpnext->given_up, 0U);
  EXPECT_THAT(server_.heard(), Not(HasSubstr("tell-nobody")));
  EXPECT_THAT(server_.heard(), Not(HasSubstr("Margherita")));
}

}  // namespace
}  // namespace voicectl::runtime
