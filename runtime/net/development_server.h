// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/os/asio_reactor.h"
#include "runtime/net/http_server.h"
#include "runtime/net/loopback_listener.h"

namespace voicectl {

/// What a development program does all its life: serves on `listener` until SIGTERM or SIGINT, and
/// says on its standard output where: {"listening":"127.0.0.1:41234"}. Runs the loop.
void serve_until_stopped(AsioReactor& reactor,
                         LoopbackListener listener,
                         HttpServer::Handlers handlers);

}  // namespace voicectl
