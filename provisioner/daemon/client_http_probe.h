// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "provisioner/daemon/http_probe.h"
#include "runtime/net/http_client.h"

namespace voicectl {

/// The real side: a request of our HTTP client, on a connection of its own each.
class ClientHttpProbe final : public HttpProbe {
 public:
  /// REQUIRES: `reactor` outlives it.
  explicit ClientHttpProbe(AsioReactor& reactor) : reactor_(reactor), client_(reactor) {}

  void ask(const ProbeTarget& target, Duration timeout, Completion<void> done) override;

 private:
  AsioReactor& reactor_;
  HttpClient client_;
};

}  // namespace voicectl
