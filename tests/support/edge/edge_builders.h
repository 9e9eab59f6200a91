// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "provisioner/edge/edge_config.h"

namespace voicectl {

/// A configuration for tests.
inline EdgeConfig an_edge_config() {
  return {.address = "127.0.0.1",
          .http_port = *Port::make(8080),
          .https_port = *Port::make(8443),
          .domain = *HostName::parse("voice.test"),
          .folders = {"/run/v", "/log"},
          .plain_http = PlainHttp::kServe,
          .user = std::nullopt,
          .processes = std::nullopt,
          .api_limit = std::nullopt,
          .voice_limit = std::nullopt,
          .tenants = {}};
}

}  // namespace voicectl
