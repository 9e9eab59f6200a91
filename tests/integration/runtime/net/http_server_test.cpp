// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/http_server.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/runtime/net/net_fixture.h"
#include "tests/support/without_descriptors.h"

namespace voicectl::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string get(const std::string& path, const std::string& headers = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n";
}

class HttpServerTest : public testing::Test {
 protected:
  Loop loop_;
};

TEST_F(HttpServerTest, KeepsAConnectionForTheNextRequest) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());

  peer.send(get("/one"));
  ASSERT_TRUE(peer.wait_for("/one"));
  peer.send(get("/two"));
  ASSERT_TRUE(peer.wait_for("/two"));

  EXPECT_EQ(echo.server().connections(), 1U);
  EXPECT_FALSE(peer.has_ended());
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());
  std::string requests;
  std::string order;
  for (int i = 0; i < 2000; ++i) {
    requests += get("/n" + std::to_string(i));
  }

  peer.send(requests);
  ASSERT_TRUE(peer.wait_for("/n1999"));

  std::size_t at = 0;
  for (int i = 0; i < 2000 && at != std::string::npos; ++i) {
    at = peer.received().find("\r\n\r\n/n" + std::to_string(i), at);
  }
  EXPECT_NE(at, std::string::npos);
}

TEST_F(HttpServerTest, ReadsNoFurtherRequestUntilTheFirstIsAnswered) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());

  peer.send(get("/wait") + get("/after"));
  ASSERT_TRUE(loop_.run_until([&] { return !echo.waiting.empty(); }));
  loop_.settle();
  EXPECT_EQ(echo.last_request->path, "/wait");
  echo.waiting[0]->send(HttpResponse{200, {}, "waited"});

  ASSERT_TRUE(peer.wait_for("/after"));
  EXPECT_LT(peer.received().find("waited"), peer.received().find("/after"));
}

TEST_F(HttpServerTest, ReadsARequestThatComesByteByByte) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());

  peer.dribble("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");

  EXPECT_TRUE(peer.wait_for("/p:abc"));
}

TEST_F(HttpServerTest, AsksForTheBodyOfAClientThatWaits) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());

  peer.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(peer.wait_for("100 Continue\r\n\r\n"));
  peer.send("abc");

  EXPECT_TRUE(peer.wait_for("/p:abc"));
}

TEST_F(HttpServerTest, AnswersHeadWithoutABody) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());

  peer.send("HEAD /path HTTP/1.1\r\nHost: a\r\n\r\n" + get("/next"));
  ASSERT_TRUE(peer.wait_for("/next"));

  EXPECT_THAT(peer.received(), HasSubstr("Content-Length: 5\r\n"));
  EXPECT_EQ(peer.received().find("/path"), std::string::npos);
}

TEST_F(HttpServerTest, ClosesWhenAsked) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());

  peer.send(get("/one", "Connection: close\r\n"));

  ASSERT_TRUE(peer.wait_for_end());
  EXPECT_THAT(peer.received(), HasSubstr("Connection: close"));
  EXPECT_THAT(peer.received(), EndsWith("/one"));
}

TEST_F(HttpServerTest, AnswersOnceAndClosesAfterARefusal) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());

  peer.send("GET /../x HTTP/1.1\r\nHost: a\r\n\r\n" + get("/never"));

  ASSERT_TRUE(peer.wait_for_end());
  EXPECT_THAT(peer.received(), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(peer.received(), Not(HasSubstr("/never")));
}

TEST_F(HttpServerTest, GivesAHalfClosedPeerItsAnswers) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());

  peer.send(get("/wait") + get("/long"));
  peer.shut_sending();
  ASSERT_TRUE(loop_.run_until([&] { return !echo.waiting.empty(); }));
  loop_.settle();
  echo.waiting[0]->send(HttpResponse{200, {}, "waited"});

  ASSERT_TRUE(peer.wait_for_end());
  EXPECT_THAT(peer.received(), HasSubstr("waited"));
  EXPECT_TRUE(peer.received().ends_with("xxend"));
  EXPECT_EQ(echo.server().connections(), 0U);
}

TEST_F(HttpServerTest, AnswersForAForgottenRequest) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());

  peer.send(get("/forgotten"));

  EXPECT_TRUE(peer.wait_for("HTTP/1.1 500 "));
}

TEST_F(HttpServerTest, UsesOnlyTheFirstAnswer) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());
  peer.send(get("/wait"));
  ASSERT_TRUE(loop_.run_until([&] { return !echo.waiting.empty(); }));

  echo.waiting[0]->send(HttpResponse{200, {}, "first"});
  echo.waiting[0]->send(HttpResponse{200, {}, "second"});
  peer.send(get("/next"));

  ASSERT_TRUE(peer.wait_for("/next"));
  EXPECT_THAT(peer.received(), HasSubstr("first"));
  EXPECT_THAT(peer.received(), Not(HasSubstr("second")));
}

TEST_F(HttpServerTest, SurvivesAPeerThatResetsWhileItIsAnswered) {
  EchoServer echo(loop_);
  {
    RawPeer peer(loop_, echo.port());
    peer.send(get("/wait"));
    ASSERT_TRUE(loop_.run_until([&] { return !echo.waiting.empty(); }));
    peer.reset();
  }

  ASSERT_TRUE(loop_.run_until([&] { return echo.server().connections() == 0; }));
  echo.waiting[0]->send(HttpResponse{200, {}, std::string(1U << 20, 'x')});

  RawPeer other(loop_, echo.port());
  other.send(get("/alive"));
  EXPECT_TRUE(other.wait_for("/alive"));
}

TEST_F(HttpServerTest, SurvivesAPeerThatResetsInsideALongAnswer) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());
  peer.send(get("/long"));
  ASSERT_TRUE(peer.wait_for("200 OK"));

  peer.reset();

  EXPECT_TRUE(loop_.run_until([&] { return echo.server().connections() == 0; }));
}

TEST_F(HttpServerTest, CutsARequestThatArrivesTooSlowly) {
  ConnectionLimits limits;
  limits.request_timeout = std::chrono::milliseconds(40);
  EchoServer echo(loop_, limits);
  RawPeer peer(loop_, echo.port());

  peer.send("GET / HT");

  ASSERT_TRUE(peer.wait_for_end());
  EXPECT_THAT(peer.received(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(HttpServerTest, ClosesAnIdleConnectionInSilence) {
  ConnectionLimits limits;
  limits.idle_timeout = std::chrono::milliseconds(40);
  EchoServer echo(loop_, limits);
  RawPeer peer(loop_, echo.port());

  ASSERT_TRUE(peer.wait_for_end());

  EXPECT_EQ(peer.received(), "");
}

TEST_F(HttpServerTest, DoesNotWaitForeverForAPeerThatDoesNotRead) {
  ConnectionLimits limits;
  limits.idle_timeout = std::chrono::milliseconds(40);
  EchoServer echo(loop_, limits);
  RawPeer peer(loop_, echo.port());
  peer.stop_reading();

  peer.send(get("/long"));
  ASSERT_TRUE(loop_.run_until([&] { return echo.server().connections() == 1; }));

  EXPECT_TRUE(loop_.run_until([&] { return echo.server().connections() == 0; }));
}

TEST_F(HttpServerTest, DrainEndsIdleConnectionsNowAndBusyOnesAfterTheirAnswer) {
  EchoServer echo(loop_);
  RawPeer idle(loop_, echo.port());
  RawPeer busy(loop_, echo.port());
  busy.send(get("/wait"));
  ASSERT_TRUE(
      loop_.run_until([&] { return !echo.waiting.empty() && echo.server().connections() == 2; }));

  echo.server().drain(1012, "restart");
  ASSERT_TRUE(idle.wait_for_end());
  EXPECT_FALSE(busy.has_ended());
  echo.waiting[0]->send(HttpResponse{200, {}, "waited"});

  ASSERT_TRUE(busy.wait_for_end());
  EXPECT_THAT(busy.received(), EndsWith("waited"));
}

TEST_F(HttpServerTest, StreamsPiecesInChunks) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());
  peer.send(get("/wait"));
  ASSERT_TRUE(loop_.run_until([&] { return !echo.waiting.empty(); }));

  const auto stream = echo.waiting[0]->stream(HttpResponse{200, {}, "one"});
  stream->write("two");
  ASSERT_TRUE(peer.wait_for("two\r\n"));
  stream->end();
  peer.send(get("/next"));

  ASSERT_TRUE(peer.wait_for("/next"));
  EXPECT_THAT(peer.received(), HasSubstr("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\nHTTP/1.1"));
  EXPECT_FALSE(stream->is_open());
}

TEST_F(HttpServerTest, TellsAStreamThatItsPeerIsGone) {
  EchoServer echo(loop_);
  std::shared_ptr<ResponseStream> stream;
  bool is_gone = false;
  {
    RawPeer peer(loop_, echo.port());
    peer.send(get("/wait"));
    ASSERT_TRUE(loop_.run_until([&] { return !echo.waiting.empty(); }));
    stream = echo.waiting[0]->stream(HttpResponse{200, {}, ""});
    stream->on_gone([&] { is_gone = true; });
  }

  EXPECT_TRUE(loop_.run_until([&] { return is_gone; }));
  EXPECT_FALSE(stream->is_open());
  stream->write("nobody reads this");
}

TEST_F(HttpServerTest, EndsAStreamWhoseLastCopyIsDropped) {
  EchoServer echo(loop_);
  RawPeer peer(loop_, echo.port());
  peer.send(get("/wait"));
  ASSERT_TRUE(loop_.run_until([&] { return !echo.waiting.empty(); }));

  (void)echo.waiting[0]->stream(HttpResponse{200, {}, "x"});

  EXPECT_TRUE(peer.wait_for("0\r\n\r\n"));
}

TEST_F(HttpServerTest, LetsGoOfAFollowerThatDoesNotRead) {
  ConnectionLimits limits;
  limits.unsent_bytes = 64 * 1024;
  EchoServer echo(loop_, limits);
  RawPeer peer(loop_, echo.port());
  peer.stop_reading();
  peer.send(get("/wait"));
  ASSERT_TRUE(loop_.run_until([&] { return !echo.waiting.empty(); }));
  const auto stream = echo.waiting[0]->stream(HttpResponse{200, {}, ""});
  bool is_gone = false;
  stream->on_gone([&] { is_gone = true; });

  for (int i = 0; i < 1000 && stream->is_open(); ++i) {
    stream->write(std::string(64 * 1024, 'x'));
  }

  EXPECT_FALSE(stream->is_open());
  EXPECT_TRUE(loop_.run_until([&] { return is_gone; }));
}

TEST_F(HttpServerTest, KnowsTheUserBehindAUnixSocket) {
  EchoServer echo(loop_);
  auto [client, accepted] = connected_pair();
  RawPeer peer(loop_, std::move(client));
  echo.server().adopt({std::move(accepted), {}});

  peer.send(get("/who"));

  ASSERT_TRUE(peer.wait_for("/who"));
  ASSERT_TRUE(echo.last_request->peer);
  EXPECT_EQ(echo.last_request->peer->uid, ::getuid());
  EXPECT_EQ(echo.last_request->peer->pid, ::getpid());
}

TEST_F(HttpServerTest, LeavesTheListenerToOthersWhenItStopsAccepting) {
  EchoServer first(loop_);
  TcpListener listener = listen_on_loopback();
  first.server().serve(listener.socket.duplicate());
  first.server().stop_accepting();
  loop_.settle();

  RawPeer waiting(loop_, listener.port);
  waiting.send(get("/queued"));
  loop_.settle();
  EXPECT_EQ(first.server().connections(), 0U);
  EchoServer second(loop_);
  second.server().serve(std::move(listener.socket));

  EXPECT_TRUE(waiting.wait_for("/queued"));
}

TEST_F(HttpServerTest, TellsAStreamWhenItsPeerHasTakenEverything) {
  ConnectionLimits limits;
  limits.unsent_bytes = std::size_t{64} << 20;
  std::shared_ptr<ResponseStream> stream;
  int times_drained = 0;
  HttpServer::Handlers handlers;
  handlers.on_request = [&](HttpRequest, std::shared_ptr<Responder> responder) {
    stream = responder->stream(HttpResponse{200, {}, ""});
    stream->write(std::string(std::size_t{16} << 20, 'x'));
    EXPECT_GT(stream->unsent(), 0U);
    stream->on_drained([&] {
      ++times_drained;
      EXPECT_EQ(stream->unsent(), 0U);
      // Nothing waits: told at once, but not within the call.
      stream->on_drained([&] {
        ++times_drained;
        stream->write("more");
        stream->end();
      });
      EXPECT_EQ(times_drained, 1);
    });
  };
  HttpServer server(loop_.reactor(), std::move(handlers), limits);
  TcpListener listener = listen_on_loopback();
  server.serve(std::move(listener.socket));
  RawPeer peer(loop_, listener.port);

  peer.send(get("/"));

  EXPECT_TRUE(peer.wait_for("more"));
  EXPECT_EQ(times_drained, 2);
}

TEST_F(HttpServerTest, MayBeDestroyedByItsOwnHandler) {
  std::unique_ptr<HttpServer> server;
  HttpServer::Handlers handlers;
  handlers.on_request = [&server](HttpRequest, std::shared_ptr<Responder> responder) {
    server.reset();
    responder->send(HttpResponse{});
  };
  server = std::make_unique<HttpServer>(loop_.reactor(), std::move(handlers));
  TcpListener listener = listen_on_loopback();
  server->serve(std::move(listener.socket));
  RawPeer peer(loop_, listener.port);

  peer.send(get("/") + get("/"));

  EXPECT_TRUE(peer.wait_for_end());
}

TEST_F(HttpServerTest, ServesAThousandConnections) {
  EchoServer echo(loop_);
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 1000; ++i) {
    peers.push_back(std::make_unique<RawPeer>(loop_, echo.port()));
  }

  for (auto& peer : peers) {
    peer->send(get("/mine"));
  }

  for (auto& peer : peers) {
    ASSERT_TRUE(peer->wait_for("/mine"));
  }
  EXPECT_EQ(echo.server().connections(), 1000U);
}

TEST_F(HttpServerTest, WaitsForDescriptorsInsteadOfSpinning) {
  VC_NEEDS_NO_DESCRIPTORS();
  EchoServer echo(loop_);
  RawPeer idle(loop_, echo.port());
  idle.send(get("/one"));
  ASSERT_TRUE(idle.wait_for("/one"));
  RawPeer newcomer(loop_, echo.port());
  newcomer.send(get("/two"));
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int next_free = ::dup(0);
  ::close(next_free);
  rlimit none_left = before;
  none_left.rlim_cur = static_cast<rlim_t>(next_free);

  ::setrlimit(RLIMIT_NOFILE, &none_left);
  // The idle connection is ended to make room, and the newcomer is served with its descriptor.
  const bool is_served = newcomer.wait_for("/two");
  ::setrlimit(RLIMIT_NOFILE, &before);

  EXPECT_TRUE(is_served);
  EXPECT_TRUE(idle.wait_for_end());
}

}  // namespace
}  // namespace voicectl::test
