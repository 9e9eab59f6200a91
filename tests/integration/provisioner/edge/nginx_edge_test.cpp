// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/nginx_edge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>

#include "tests/integration/provisioner/edge/edge_on_nginx.h"
#include "tests/integration/provisioner/edge/tiny_client.h"
#include "tests/integration/provisioner/edge/tiny_upstream.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Ne;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class NginxEdgeTest : public ::testing::Test {
 protected:
  void start() {
    ASSERT_THAT(edge_.certify("*.voice.localhost"), IsOk());
    ASSERT_THAT(edge_.configure(edge_.config()), IsOkAnd(Eq(EdgeOutcome::kStarted)));
  }

  std::unique_ptr<TinyUpstream> serve(const std::string& tenant) {
    return serve(tenant,
                 [tenant](const SeenRequest&) { return TinyUpstream::ok("I am " + tenant); });
  }
  std::unique_ptr<TinyUpstream> serve(const std::string& tenant, TinyUpstream::Answer answer) {
    auto upstream = std::make_unique<TinyUpstream>(edge_.socket_of(tenant), std::move(answer));
    EXPECT_THAT(edge_.publish(tenant, {tenant + ".voice.localhost"}), IsOk());
    return upstream;
  }

  std::string get(const std::string& host, const std::string& path = "/") {
    return ask(edge_.https(host), get_request(host, path));
  }

  EdgeOnNginx edge_;
};

TEST_F(NginxEdgeTest, ServesEachTenantUnderItsHostName) {
  start();
  const auto acme = serve("acme");
  const auto mario = serve("mario-pizza");

  EXPECT_THAT(get("acme.voice.localhost"), HasSubstr("I am acme"));
  EXPECT_THAT(get("mario-pizza.voice.localhost"), HasSubstr("I am mario-pizza"));
}

TEST_F(NginxEdgeTest, AddsAndRemovesATenantWithoutTouchingNginx) {
  start();
  const std::vector<int> before = edge_.processes_of_nginx();

  const auto acme = serve("acme");
  const std::string served = get("acme.voice.localhost");
  const Status withdrawn = edge_.withdraw("acme");
  const std::string gone = get("acme.voice.localhost");

  EXPECT_THAT(served, HasSubstr("I am acme"));
  EXPECT_THAT(withdrawn, IsOk());
  EXPECT_THAT(gone, StartsWith("HTTP/1.1 404 "));
  EXPECT_EQ(edge_.processes_of_nginx(), before);
  EXPECT_EQ(edge_.observe().reloads, 0U);
}

TEST_F(NginxEdgeTest, ServesARenewedCertificateWithoutTouchingNginx) {
  start();
  const std::vector<int> before = edge_.processes_of_nginx();
  const std::string first =
      TinyClient::connect(edge_.https("acme.voice.localhost")).value().peer_serial();

  ASSERT_THAT(edge_.certify("*.voice.localhost"), IsOk());
  const std::string second =
      TinyClient::connect(edge_.https("acme.voice.localhost")).value().peer_serial();

  EXPECT_NE(first, second);
  EXPECT_EQ(edge_.processes_of_nginx(), before);
}

TEST_F(NginxEdgeTest, RefusesTheHandshakeForNamesThatAreNobodys) {
  start();

  EXPECT_THAT(TinyClient::connect(edge_.https("")), FailsWith(ErrorCode::kUnavailable));
  EXPECT_THAT(TinyClient::connect(edge_.https("localhost")), FailsWith(ErrorCode::kUnavailable));
  EXPECT_THAT(TinyClient::connect(edge_.https("evil.example.com")),
              FailsWith(ErrorCode::kUnavailable));
  EXPECT_THAT(TinyClient::connect(edge_.https("a.b.voice.localhost")),
              FailsWith(ErrorCode::kUnavailable));
}

TEST_F(NginxEdgeTest, AnswersWithJsonForATenantThatDoesNotExist) {
  start();

  const std::string answer = get("nobody.voice.localhost");

  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/json"));
  EXPECT_THAT(answer, HasSubstr(R"({"error":{"code":"not_found")"));
}

TEST_F(NginxEdgeTest, OverwritesWhatAClientSaysAboutItself) {
  start();
  const auto acme = serve("acme");
  const std::string host = "acme.voice.localhost:" + edge_.config().https_port.str();

  const std::string answer =
      ask(edge_.https("acme.voice.localhost"),
          "GET /a%2fb?x=%20;y HTTP/1.1\r\nHost: " + host +
              "\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: http\r\nX-Request-Id: mine\r\n"
              "X-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nConnection: close\r\n\r\n");

  ASSERT_THAT(acme->requests(), SizeIs(1)) << answer;
  const SeenRequest seen = acme->requests().front();
  EXPECT_THAT(seen.head, StartsWith("GET /a%2fb?x=%20;y HTTP/1.1\r\n"));
  EXPECT_EQ(seen.header("host"), host);
  EXPECT_EQ(seen.header("x-forwarded-for"), "127.0.0.1");
  EXPECT_EQ(seen.header("x-forwarded-proto"), "https");
  EXPECT_THAT(seen.header("x-request-id"), Not(::testing::AnyOf("mine", "")));
  EXPECT_THAT(seen.head, Not(HasSubstr("6.6.6.6")));
}

TEST_F(NginxEdgeTest, SendsARequestOnceMoreWhenAnInstanceDiesOverIt) {
  start();
  std::atomic<int> calls = 0;
  const auto acme = serve("acme", [&](const SeenRequest&) -> std::optional<std::string> {
    return ++calls == 1 ? std::nullopt : std::optional(TinyUpstream::ok("second life"));
  });
  const std::string body(200'000, 'x');

  const std::string answer = ask(edge_.https("acme.voice.localhost"),
                                 "POST /api/sessions?a=1 HTTP/1.1\r\nHost: acme.voice.localhost\r\n"
                                 "Content-Length: 200000\r\nConnection: close\r\n\r\n" +
                                     body);

  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  const std::vector<SeenRequest> seen = acme->requests();
  ASSERT_THAT(seen, SizeIs(2));
  EXPECT_THAT(seen[1].head, StartsWith("POST /api/sessions?a=1 HTTP/1.1\r\n"));
  EXPECT_EQ(seen[1].head, seen[0].head);
  EXPECT_THAT(seen[1].header("x-request-id"), SizeIs(32));
  EXPECT_EQ(seen[1].body, body);
}

TEST_F(NginxEdgeTest, DoesNotRepeatARequestTwice) {
  start();
  const auto acme =
      serve("acme", [](const SeenRequest&) -> std::optional<std::string> { return std::nullopt; });

  const std::string answer = get("acme.voice.localhost");

  EXPECT_THAT(answer, StartsWith("HTTP/1.1 502 "));
  EXPECT_THAT(acme->requests(), SizeIs(2));
}

TEST_F(NginxEdgeTest, DoesNotRepeatWhatTheInstanceItselfAnsweredWith502) {
  start();
  const auto acme = serve("acme", [](const SeenRequest&) {
    return std::optional<std::string>("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\nmine");
  });

  const std::string answer = get("acme.voice.localhost");

  EXPECT_THAT(answer, HasSubstr("mine"));
  EXPECT_THAT(acme->requests(), SizeIs(1));
}

constexpr const char* kUpgrade =
    "GET /ws HTTP/1.1\r\nHost: acme.voice.localhost\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
constexpr const char* kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

TEST_F(NginxEdgeTest, CarriesAWebSocketAlsoWhenTheFirstInstanceDies) {
  start();
  std::atomic<int> calls = 0;
  const auto acme = serve("acme", [&](const SeenRequest&) -> std::optional<std::string> {
    return ++calls == 1 ? std::nullopt : std::optional<std::string>(kSwitching);
  });

  Result<TinyClient> client = TinyClient::connect(edge_.https("acme.voice.localhost"));
  ASSERT_THAT(client, IsOk());
  client->send(kUpgrade);
  const std::string head = client->read_until("\r\n\r\n");
  client->send("frame.");
  const std::string echoed = client->read_until(".");

  EXPECT_THAT(head, StartsWith("HTTP/1.1 101 "));
  EXPECT_EQ(echoed, "frame.");
  EXPECT_EQ(acme->requests().back().header("connection"), "upgrade");
  EXPECT_EQ(acme->requests().back().header("upgrade"), "websocket");
}

TEST_F(NginxEdgeTest, KeepsAWebSocketOpenAcrossAReload) {
  start();
  const auto acme =
      serve("acme", [](const SeenRequest&) { return std::optional<std::string>(kSwitching); });
  Result<TinyClient> client = TinyClient::connect(edge_.https("acme.voice.localhost"));
  ASSERT_THAT(client, IsOk());
  client->send(kUpgrade);
  client->read_until("\r\n\r\n");

  EdgeConfig changed = edge_.config();
  changed.plain_http = PlainHttp::kRedirect;
  const Result<EdgeOutcome> outcome = edge_.configure(changed);
  client->send("still here.");

  EXPECT_THAT(outcome, IsOkAnd(Eq(EdgeOutcome::kReloaded)));
  EXPECT_EQ(client->read_until("."), "still here.");
  EXPECT_EQ(edge_.observe().reloads, 1U);
}

TEST_F(NginxEdgeTest, RedirectsPlainHttpButNotChallenges) {
  ASSERT_THAT(edge_.certify("*.voice.localhost"), IsOk());
  EdgeConfig config = edge_.config();
  config.plain_http = PlainHttp::kRedirect;
  ASSERT_THAT(edge_.configure(config), IsOk());
  const auto acme = serve("acme");
  PosixFileSystem files;
  const std::string folder = edge_challenge_folder(edge_.folders()) + "/.well-known/acme-challenge";
  ASSERT_THAT(files.make_directory(folder, FileMode{0755}), IsOk());
  ASSERT_THAT(
      files.make_directory(edge_challenge_folder(edge_.folders()) + "/.well-known", FileMode{0755}),
      IsOk());
  ASSERT_THAT(files.replace_atomically(folder + "/token", "proof", FileMode{0644}), IsOk());

  const std::string redirect = ask(edge_.http(), get_request("acme.voice.localhost", "/api?x=1"));
  const std::string challenge =
      ask(edge_.http(), get_request("shop.example.com", "/.well-known/acme-challenge/token"));

  EXPECT_THAT(redirect, StartsWith("HTTP/1.1 308 "));
  EXPECT_THAT(redirect, HasSubstr("Location: https://acme.voice.localhost:" +
                                  config.https_port.str() + "/api?x=1\r\n"));
  EXPECT_THAT(challenge, HasSubstr("proof"));
  EXPECT_THAT(get("acme.voice.localhost"), HasSubstr("Strict-Transport-Security: max-age="));
}

TEST_F(NginxEdgeTest, ServesTenantsOnPlainHttpWhereThatIsAskedFor) {
  start();
  const auto acme = serve("acme");

  EXPECT_THAT(ask(edge_.http(), get_request("acme.voice.localhost", "/")), HasSubstr("I am acme"));
  EXPECT_THAT(ask(edge_.http(), get_request("nobody.voice.localhost", "/")),
              StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(ask(edge_.http(), get_request("127.0.0.1", "/")), StartsWith("HTTP/1.1 404 "));
}

TEST_F(NginxEdgeTest, ServesACustomDomainWithItsOwnCertificate) {
  start();
  const auto acme = serve("acme");
  ASSERT_THAT(edge_.certify("voice.acme.example"), IsOk());
  ASSERT_THAT(edge_.publish("acme", {"acme.voice.localhost", "voice.acme.example"}), IsOk());

  const std::string custom = get("voice.acme.example");
  ASSERT_THAT(edge_.publish("acme", {"acme.voice.localhost"}), IsOk());
  const std::string gone = get("voice.acme.example");

  EXPECT_THAT(custom, HasSubstr("I am acme"));
  EXPECT_THAT(gone, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(get("acme.voice.localhost"), HasSubstr("I am acme"));
  EXPECT_EQ(edge_.observe().reloads, 0U);
}

TEST_F(NginxEdgeTest, HidesMetricsOfInstances) {
  start();
  const auto acme = serve("acme");

  EXPECT_THAT(get("acme.voice.localhost", "/metrics"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(acme->requests(), SizeIs(0));
}

TEST_F(NginxEdgeTest, SpeaksModernTlsOnly) {
  start();
  ClientOptions old = edge_.https("acme.voice.localhost");
  old.newest_tls = TLS1_1_VERSION;
  ClientOptions fair = edge_.https("acme.voice.localhost");
  fair.newest_tls = TLS1_2_VERSION;

  EXPECT_THAT(TinyClient::connect(old), FailsWith(ErrorCode::kUnavailable));
  EXPECT_EQ(TinyClient::connect(fair).value().protocol(), "TLSv1.2");
  EXPECT_EQ(TinyClient::connect(edge_.https("acme.voice.localhost")).value().protocol(), "TLSv1.3");
}

TEST_F(NginxEdgeTest, DoesNothingForAConfigurationThatIsServed) {
  start();

  EXPECT_THAT(edge_.configure(edge_.config()), IsOkAnd(Eq(EdgeOutcome::kUnchanged)));
  EXPECT_EQ(edge_.observe().reloads, 0U);
}

TEST_F(NginxEdgeTest, KeepsTheOldConfigurationWhenNginxRefusesTheNewOne) {
  start();
  const auto acme = serve("acme");
  const EdgeObservation before = edge_.observe();
  EdgeConfig bad = edge_.config();
  bad.address = "192.0.2.1";  // nobody's: reserved for documentation

  const Result<EdgeOutcome> outcome = edge_.configure(bad);

  ASSERT_THAT(outcome, FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(outcome.error().text(), HasSubstr("192.0.2.1"));
  EXPECT_EQ(edge_.observe().fingerprint, before.fingerprint);
  EXPECT_EQ(edge_.observe().process, before.process);
  EXPECT_THAT(get("acme.voice.localhost"), HasSubstr("I am acme"));
  EXPECT_THAT(edge_.configure(edge_.config()), IsOkAnd(Eq(EdgeOutcome::kUnchanged)));
}

TEST_F(NginxEdgeTest, RollsBackWhatNginxCannotLoad) {
  start();
  const auto acme = serve("acme");
  const EdgeOnNginx other;  // its ports are free until it starts nginx
  const Port taken = other.config().http_port;
  EdgeOnNginx squatter;
  EdgeConfig theirs = squatter.config();
  theirs.http_port = taken;
  ASSERT_THAT(squatter.configure(theirs), IsOk());
  EdgeConfig bad = edge_.config();
  bad.http_port = taken;

  const Result<EdgeOutcome> outcome = edge_.configure(bad);

  ASSERT_THAT(outcome, FailsWith(ErrorCode::kTimeout));
  EXPECT_THAT(outcome.error().text(), HasSubstr("bind()"));
  EXPECT_THAT(get("acme.voice.localhost"), HasSubstr("I am acme"));
  EXPECT_THAT(edge_.configure(edge_.config()), IsOkAnd(Eq(EdgeOutcome::kUnchanged)));
}

TEST_F(NginxEdgeTest, RestartsNginxAfterItWasKilled) {
  start();
  const auto acme = serve("acme");
  const ProcessIdentity first = *edge_.observe().process;

  edge_.send_signal(first, SIGKILL);
  ASSERT_TRUE(edge_.wait_for(EdgeEvent::Kind::kRestarted));

  EXPECT_THAT(edge_.observe().process, Ne(first));
  EXPECT_EQ(edge_.observe().deaths, 1U);
  EXPECT_THAT(get("acme.voice.localhost"), HasSubstr("I am acme"));
}

TEST_F(NginxEdgeTest, TakesNginxOverAfterADaemonRestart) {
  start();
  const auto acme = serve("acme");
  const EdgeObservation before = edge_.observe();

  edge_.restart_daemon();
  const Result<bool> adopted = edge_.adopt();
  const Result<EdgeOutcome> outcome = edge_.configure(edge_.config());

  EXPECT_THAT(adopted, IsOkAnd(Eq(true)));
  EXPECT_THAT(outcome, IsOkAnd(Eq(EdgeOutcome::kUnchanged)));
  EXPECT_EQ(edge_.observe().process, before.process);
  EXPECT_THAT(get("acme.voice.localhost"), HasSubstr("I am acme"));
}

TEST_F(NginxEdgeTest, FindsAnNginxThatNobodyWroteDown) {
  start();
  const EdgeObservation before = edge_.observe();
  PosixFileSystem files;
  ASSERT_THAT(files.remove(edge_folder(edge_.folders()) + "/process.json"), IsOk());

  edge_.restart_daemon();
  const Result<bool> adopted = edge_.adopt();

  EXPECT_THAT(adopted, IsOkAnd(Eq(true)));
  EXPECT_EQ(edge_.observe().process, before.process);
  EXPECT_EQ(edge_.observe().fingerprint, before.fingerprint);
}

TEST_F(NginxEdgeTest, RestartsAnAdoptedNginxToo) {
  start();
  edge_.restart_daemon();
  ASSERT_THAT(edge_.adopt(), IsOkAnd(Eq(true)));

  edge_.send_signal(*edge_.observe().process, SIGKILL);

  EXPECT_TRUE(edge_.wait_for(EdgeEvent::Kind::kRestarted));
}

TEST_F(NginxEdgeTest, StopsNginxAndStartsItAgain) {
  start();
  const auto acme = serve("acme");

  ASSERT_THAT(edge_.stop(), IsOk());
  const std::string stopped = get("acme.voice.localhost");
  const Result<EdgeOutcome> again = edge_.configure(edge_.config());

  EXPECT_THAT(stopped, StartsWith("cannot connect"));
  EXPECT_THAT(again, IsOkAnd(Eq(EdgeOutcome::kStarted)));
  EXPECT_THAT(get("acme.voice.localhost"), HasSubstr("I am acme"));
}

TEST_F(NginxEdgeTest, ServesTenantsInStaticMode) {
  ASSERT_THAT(edge_.certify("*.voice.localhost"), IsOk());
  EdgeConfig config = edge_.config();
  config.mode = EdgeMode::kStatic;
  config.tenants = {{*TenantId::parse("acme"), {*HostName::parse("acme.voice.localhost")}}};
  ASSERT_THAT(edge_.configure(config), IsOk());
  const auto acme = serve("acme");
  const auto mario = serve("mario");

  EXPECT_THAT(get("acme.voice.localhost"), HasSubstr("I am acme"));
  EXPECT_THAT(TinyClient::connect(edge_.https("mario.voice.localhost")),
              FailsWith(ErrorCode::kUnavailable));
}

TEST_F(NginxEdgeTest, LimitsRequestsPerAddressWhereThatIsAskedFor) {
  ASSERT_THAT(edge_.certify("*.voice.localhost"), IsOk());
  EdgeConfig config = edge_.config();
  config.api_limit = RateLimit{1, 2};
  ASSERT_THAT(edge_.configure(config), IsOk());
  const auto acme = serve("acme");

  int refused = 0;
  for (int i = 0; i < 6; ++i) {
    refused += get("acme.voice.localhost", "/api/x").starts_with("HTTP/1.1 429 ") ? 1 : 0;
  }

  EXPECT_GE(refused, 2);
  EXPECT_THAT(get("acme.voice.localhost", "/webhook/acme/ultravox"), HasSubstr("I am acme"));
}

/// Runs the given tests of this program as nobody.
ProcessExit run_as_nobody(const std::string& filter) {
  constexpr std::uint32_t kNobody = 65534;
  AsioReactor reactor;
  PosixProcessSpawner spawner(reactor, reactor);
  std::array<char, 4096> program{};
  EXPECT_GT(::readlink("/proc/self/exe", program.data(), program.size() - 1), 0);
  LaunchSpec spec;
  spec.argv = {program.data(), "--gtest_filter=" + filter};
  spec.user = UserIds{kNobody, kNobody};
  ProcessExit result;
  const Result<ProcessIdentity> started = spawner.spawn(spec, [&](const ProcessExit& exit) {
    result = exit;
    reactor.stop();
  });
  if (started.has_error()) {
    return result;
  }
  reactor.run();
  return result;
}

TEST(NginxEdgeAsNobodyTest, WorksWithoutAnyRight) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can become nobody; the other tests ran as an ordinary user";
  }

  const ProcessExit exit = run_as_nobody(
      "NginxEdgeTest.ServesEachTenant*:NginxEdgeTest.KeepsAWebSocketOpen*:"
      "NginxEdgeTest.RestartsNginx*:NginxEdgeTest.TakesNginxOver*");

  if (!exit.known) {
    GTEST_SKIP() << "the program's folder cannot be reached by nobody";
  }
  EXPECT_EQ(exit.code, 0);
}

}  // namespace
}  // namespace voicectl
