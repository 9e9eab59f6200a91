// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/client_http_probe.h"

#include <fmt/core.h>

#include <utility>

#include "base/os/descriptor_room.h"
#include "provisioner/daemon/probe_round.h"

namespace voicectl {

void ClientHttpProbe::ask(const ProbeTarget& target, Duration timeout, Completion<void> done) {
  // Those of a whole round open their sockets later than this.
  if (const Status room = require_free_descriptors(kProbesInFlight, "ask whether somebody is well");
      room.has_error()) {
    reactor_.post([room, done = std::move(done)] { done(room); });
    return;
  }
  HttpCall call;
  const std::string authority =
      target.port ? fmt::format("127.0.0.1:{}", target.port->value()) : target.host;
  call.url = target.url.empty() ? "http://" + authority + target.path : target.url;
  call.connect_to = target.connect_to;
  call.ca_file = target.ca_file;
  // A connection that stayed open would be one more to hand over, and would say nothing of the
  // certificate that the next caller gets.
  call.headers = {{"Connection", "close"}};
  call.timeout = timeout;
  call.unix_socket = target.socket;
  client_.send(std::move(call), [target, done = std::move(done)](const Result<HttpResponse>& got) {
    const std::string who =
        target.port ? fmt::format("port {}", target.port->value()) : "'" + target.host + "'";
    const std::string what = target.url.empty() ? who + " for " + target.path : target.url;
    if (got.has_error() && got.error().code() == ErrorCode::kResourceExhausted) {
      // Of the answer, which has no end.
      done(Error(ErrorCode::kUnavailable, got.error().text()).with_context("asking " + what));
    } else if (got.has_error()) {
      done(got.error().with_context("asking " + what));
    } else if (got->status != 200) {
      constexpr int kCannotNow = 503;
      done(Error(got->status == kCannotNow ? ErrorCode::kConflict : ErrorCode::kUnavailable,
                 target.url.empty() ? fmt::format("cannot call it well: {} answers {} with {}", who,
                                                  target.path, got->status)
                                    : fmt::format("cannot call it well: {} is answered with {}",
                                                  what, got->status)));
    } else {
      done(ok_status());
    }
  });
}

}  // namespace voicectl
