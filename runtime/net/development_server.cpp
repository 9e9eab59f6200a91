// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/development_server.h"

#include <signal.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <utility>

namespace voicectl {

void serve_until_stopped(AsioReactor& reactor,
                         LoopbackListener listener,
                         HttpServer::Handlers handlers) {
  HttpServer server(reactor, std::move(handlers));
  server.serve(std::move(listener.socket));
  boost::asio::signal_set signals(reactor.context(), SIGTERM, SIGINT);
  signals.async_wait([&](const auto& failure, int) {
    if (!failure) {
      reactor.stop();
    }
  });
  std::printf("{\"listening\":\"%s\"}\n", listener.address.c_str());
  std::fflush(stdout);
  reactor.run();
}

}  // namespace voicectl
