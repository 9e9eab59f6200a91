// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/client_http_probe.h"

#include <fmt/core.h>

#include <utility>

namespace voicectl {

void ClientHttpProbe::ask(const ProbeTarget& target, Duration timeout, Completion<void> done) {
  HttpCall call;
  const std::string authority =
      target.port ? fmt::format("127.0.0.1:{}", target.port->value()) : target.host;
  call.url = "http://" + authority + target.path;
  // A connection that stayed open would be one more to hand over.
  call.headers = {{"Connection", "close"}};
  call.timeout = timeout;
  call.unix_socket = target.socket;
  client_.send(std::move(call), [target, done = std::move(done)](const Result<HttpResponse>& got) {
    const std::string who =
        target.port ? fmt::format("port {}", target.port->value()) : "'" + target.host + "'";
    if (got.has_error()) {
      done(got.error().with_context("asking " + who + " for " + target.path));
    } else if (got->status != 200) {
      done(Error(ErrorCode::kUnavailable, fmt::format("cannot call it well: {} answers {} with {}",
                                                      who, target.path, got->status)));
    } else {
      done(ok_status());
    }
  });
}

}  // namespace voicectl
