// SPDX-License-Identifier: Apache-2.0
#include "runtime/redis/redis_dial.h"

#include <fmt/core.h>
#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <utility>
#include <vector>

namespace voicectl {

namespace asio = boost::asio;

struct RedisDial::Attempt : std::enable_shared_from_this<Attempt> {
  using Endpoint = asio::generic::stream_protocol::endpoint;

  Attempt(AsioReactor& reactor, RedisAddress where, Done then)
      : address(std::move(where)),
        done(std::move(then)),
        resolver(reactor.context()),
        socket(reactor.context()) {}

  void start() {
    if (!address.unix_socket.empty()) {
      connect({Endpoint(asio::local::stream_protocol::endpoint(address.unix_socket))});
      return;
    }
    resolver.async_resolve(
        address.host, std::to_string(address.port),
        [self = shared_from_this()](boost::system::error_code error,
                                    const asio::ip::tcp::resolver::results_type& found) {
          if (error) {
            self->finish(self->failed(ErrorCode::kNotFound, error));
            return;
          }
          std::vector<Endpoint> places;
          for (const auto& entry : found) {
            places.emplace_back(entry.endpoint());
          }
          self->connect(std::move(places));
        });
  }

  void connect(std::vector<Endpoint> to) {
    endpoints = std::move(to);
    asio::async_connect(socket, endpoints,
                        [self = shared_from_this()](boost::system::error_code error,
                                                    const Endpoint&) { self->connected(error); });
  }

  void connected(boost::system::error_code error) {
    if (error) {
      finish(failed(ErrorCode::kUnavailable, error));
      return;
    }
    // A server that vanished without a word is noticed even while nothing is asked of it.
    const int on = 1;
    (void)::setsockopt(socket.native_handle(), SOL_SOCKET, SO_KEEPALIVE, &on,
                       sizeof on);  // deadlines notice it too, later
    UniqueFd descriptor(socket.release(error));
    finish(std::move(descriptor));
  }

  Error failed(ErrorCode code, boost::system::error_code error) const {
    return {code, fmt::format("cannot reach the Redis server at '{}': {}", address.text(),
                              error.message())};
  }

  void finish(Result<UniqueFd> outcome) {
    if (const Done then = std::exchange(done, nullptr)) {
      then(std::move(outcome));
    }
  }

  RedisAddress address;
  Done done;
  asio::ip::tcp::resolver resolver;
  asio::generic::stream_protocol::socket socket;
  std::vector<Endpoint> endpoints;
};

RedisDial::RedisDial(AsioReactor& reactor, const RedisAddress& address, Done done)
    : attempt_(std::make_shared<Attempt>(reactor, address, std::move(done))) {
  attempt_->start();
}

RedisDial::~RedisDial() {
  attempt_->done = nullptr;
  attempt_->resolver.cancel();
  boost::system::error_code ignored;
  attempt_->socket.close(ignored);
}

}  // namespace voicectl
