// SPDX-License-Identifier: Apache-2.0
// ERPNext and Ultravox as somebody else's server: what they send costs bounded memory and time, and
// is taken for what it is.
#include <fmt/core.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "base/ip_address.h"
#include "base/json.h"
#include "base/json_text.h"
#include "runtime/backend/erpnext/erpnext_client.h"
#include "runtime/ultravox/ultravox_client.h"
#include "tests/integration/runtime/hostile_server.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"
#include "tests/support/real_loop.h"
#include "tests/support/sanitizers.h"

namespace voicectl::runtime {
namespace {

using std::chrono::milliseconds;

/// How long a request may take that is to run into it. The others must end by what they were sent,
/// however busy the machine is.
constexpr Duration kShort = milliseconds(400);
constexpr Duration kLong = std::chrono::seconds(9);
/// What a hostile answer may cost while it lasts, several at once.
#ifdef VC_ASAN
// What was freed is kept from use for a while: 256 MiB of it.
constexpr std::uint64_t kMostGrowth = std::uint64_t{400} << 20;
#else
constexpr std::uint64_t kMostGrowth = std::uint64_t{24} << 20;
#endif

struct Case {
  const char* name;
  Misdeed misdeed;
  /// What becomes of it; absent: it is an answer, and no good one.
  std::optional<ErrorCode> error;
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.name;
}

constexpr Case kCases[] = {
    {"Gigabyte", Misdeed::kGigabyte, ErrorCode::kCorrupt},
    {"EndlessBody", Misdeed::kEndlessBody, ErrorCode::kCorrupt},
    {"UntilClosed", Misdeed::kUntilClosed, ErrorCode::kCorrupt},
    {"EndlessHeaders", Misdeed::kEndlessHeaders, ErrorCode::kCorrupt},
    {"EndlessLine", Misdeed::kEndlessLine, ErrorCode::kCorrupt},
    {"EndlessInterim", Misdeed::kEndlessInterim, ErrorCode::kCorrupt},
    {"Drip", Misdeed::kDrip, ErrorCode::kTimeout},
    {"Mute", Misdeed::kMute, ErrorCode::kTimeout},
    {"Reset", Misdeed::kReset, ErrorCode::kUnavailable},
    {"ResetHalfWay", Misdeed::kResetHalfWay, ErrorCode::kUnavailable},
    {"EndHalfWay", Misdeed::kEndHalfWay, ErrorCode::kUnavailable},
    {"NoHttp", Misdeed::kNoHttp, ErrorCode::kUnavailable},
    {"Redirect", Misdeed::kRedirect, std::nullopt},
};

/// The host is an address in numbers, which goes without libcurl, or a name, which goes through it.
class HostileSidesTest : public ::testing::TestWithParam<std::tuple<Case, const char*>> {
 protected:
  const Case& given() const { return std::get<0>(GetParam()); }
  Duration timeout() const { return given().error == ErrorCode::kTimeout ? kShort : kLong; }
  std::string base() const {
    return fmt::format("http://{}:{}", std::get<1>(GetParam()), server_.port());
  }
  ErpnextClient make_client() {
    ErpnextSettings settings;
    settings.url = base();
    settings.company = "Acme";
    settings.timeout = timeout();
    return ErpnextClient({loop_.reactor(),
                          [this](HttpCall call, Completion<HttpResponse> done) {
                            http_.send(std::move(call), std::move(done));
                          },
                          [] { return Result<Secret>(Secret("key:secret")); }},
                         settings);
  }

  RealLoop loop_;
  HttpClient http_{loop_.reactor()};
  HostileServer server_{loop_.reactor(), given().misdeed};
};

TEST_P(HostileSidesTest, AnErpnextCostsBoundedMemoryAndTime) {
  ErpnextClient client = make_client();
  std::vector<Result<ErpnextAnswer>> answers;
  const auto ask = [&](std::size_t count) {
    const std::size_t before = answers.size();
    for (std::size_t i = 0; i < count; ++i) {
      client.call_method("x", JsonText(),
                         [&](const Result<ErpnextAnswer>& answer) { answers.push_back(answer); });
    }
    return loop_.run_until([&] { return answers.size() == before + count; });
  };
  ASSERT_TRUE(ask(4));  // what buffers and pools take once
  const std::uint64_t before = resident_bytes();
  const MonoTime begun = loop_.reactor().now();

  for (int round = 0; round < 4; ++round) {
    ASSERT_TRUE(ask(4));
  }

  const std::uint64_t after = resident_bytes();
  EXPECT_LT(after - std::min(before, after), kMostGrowth);
  EXPECT_LT(loop_.reactor().now() - begun, 4 * timeout() + milliseconds(3000));
  for (const Result<ErpnextAnswer>& answer : answers) {
    if (given().error) {
      ASSERT_THAT(answer, FailsWith(*given().error)) << given().name;
    } else {
      ASSERT_THAT(answer, IsOk());
      EXPECT_THAT(answer->verdict,
                  ::testing::AnyOf(ErpnextVerdict::kBroken, ErpnextVerdict::kGarbled));
    }
  }
  // A redirect is not followed: the credentials would go along.
  EXPECT_LE(server_.requests(), 20);
}

TEST_P(HostileSidesTest, AnUltravoxIsJudgedAlike) {
  ultravox::UltravoxOptions options;
  options.endpoint = base() + "/api";
  options.api_key = ultravox::fixed_api_key(Secret("key"));
  options.timeout = timeout();
  ultravox::UltravoxClient client(loop_.reactor(), http_, options);
  std::optional<ultravox::UltravoxResult<ultravox::Call>> answer;

  client.create_call({}, [&](ultravox::UltravoxResult<ultravox::Call> call) { answer = call; });

  ASSERT_TRUE(loop_.run_until([&] { return answer.has_value(); }));
  ASSERT_TRUE(answer->has_error());
  EXPECT_EQ(answer->error().error.code(), given().error.value_or(ErrorCode::kCorrupt))
      << answer->error().error.text();
  EXPECT_EQ(server_.requests(), 1);
}

INSTANTIATE_TEST_SUITE_P(Sides,
                         HostileSidesTest,
                         ::testing::Combine(::testing::ValuesIn(kCases),
                                            ::testing::Values("127.0.0.1", "localhost")),
                         [](const auto& one) {
                           const bool is_plain = std::string(std::get<1>(one.param)) != "localhost";
                           return std::string(std::get<0>(one.param).name) +
                                  (is_plain ? "Plain" : "Curl");
                         });

class ForbiddenAddressTest : public ::testing::Test {
 protected:
  Result<HttpResponse> get(const std::string& url, std::vector<std::string> networks = {}) {
    std::vector<IpNetwork> also;
    for (const std::string& network : networks) {
      also.push_back(*IpNetwork::parse(network));
    }
    HttpCall call;
    call.url = url;
    call.timeout = std::chrono::seconds(5);
    call.addresses = std::make_shared<const AddressPolicy>(std::move(also));
    std::optional<Result<HttpResponse>> outcome;
    http_.send(std::move(call), [&](Result<HttpResponse> answer) { outcome = std::move(answer); });
    EXPECT_TRUE(loop_.run_until([&] { return outcome.has_value(); }));
    return outcome.value_or(Error(ErrorCode::kInternal, "cannot wait longer"));
  }
  std::string with_port(const std::string& host) const {
    return fmt::format("http://{}:{}/", host, server_.port());
  }

  RealLoop loop_;
  HttpClient http_{loop_.reactor()};
  HostileServer server_{loop_.reactor(), Misdeed::kRedirect};
};

TEST_F(ForbiddenAddressTest, IsNotReachedByAnyWayOfWritingIt) {
  for (const char* const host :
       {"127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0",
        "127.000.000.001", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "LOCALHOST",
        "localhost."}) {
    const Result<HttpResponse> answer = get(with_port(host));

    ASSERT_TRUE(answer.has_error()) << host;
    EXPECT_NE(answer.error().code(), ErrorCode::kTimeout) << host;
  }
  EXPECT_EQ(server_.requests(), 0);
}

TEST_F(ForbiddenAddressTest, IsNamedWithItsRemedy) {
  for (const char* const host : {"127.0.0.1", "localhost"}) {
    const Result<HttpResponse> answer = get(with_port(host));

    ASSERT_THAT(answer, FailsWith(ErrorCode::kPermissionDenied)) << host;
    EXPECT_THAT(answer.error().text(), ::testing::HasSubstr("neither public nor in a network"));
  }
}

TEST_F(ForbiddenAddressTest, IsReachedWhereItIsAllowed) {
  EXPECT_THAT(get(with_port("127.0.0.1"), {"127.0.0.0/8"}), IsOk());
  EXPECT_THAT(get(with_port("localhost"), {"127.0.0.0/8"}), IsOk());
  EXPECT_EQ(server_.requests(), 2);
}

TEST_F(ForbiddenAddressTest, IsNotReachedOverAConnectionThatSomebodyElseOpened) {
  HttpCall allowed;
  allowed.url = with_port("localhost");
  std::optional<Result<HttpResponse>> first;
  http_.send(std::move(allowed), [&](Result<HttpResponse> answer) { first = std::move(answer); });
  ASSERT_TRUE(loop_.run_until([&] { return first.has_value(); }));
  ASSERT_THAT(*first, IsOk());

  EXPECT_THAT(get(with_port("localhost")), FailsWith(ErrorCode::kPermissionDenied));
  EXPECT_EQ(server_.requests(), 1);
}

}  // namespace
}  // namespace voicectl::runtime
