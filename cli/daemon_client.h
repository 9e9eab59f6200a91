// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"

namespace voicectl {

/// Speaks the control API (provisioner/api/control_protocol.h), one question at a time.
///
/// ERRORS of every call: what the daemon answered, with its code; kUnavailable when it cannot be
/// reached; kTimeout; kCorrupt for what is no answer of the control API.
class DaemonClient {
 public:
  /// Takes one line of a stream. Returns an error to stop reading.
  using OnLine = std::function<Status(std::string_view line)>;

  virtual ~DaemonClient() = default;

  /// `target` is the path with its query, as in "/v1/sessions?limit=5". `body` is empty for none.
  virtual Result<Json> call(std::string_view method,
                            std::string_view target,
                            const std::string& body) = 0;

  /// Calls `on_line` for each line of a streamed answer, as it comes, until the daemon ends it.
  virtual Status stream(std::string_view method,
                        std::string_view target,
                        const std::string& body,
                        const OnLine& on_line) = 0;

  Result<Json> get(std::string_view target);
};

/// `text` as one part of a path or value of a query.
std::string percent_encoded(std::string_view text);

/// How long the daemon may be silent before a call that looks (GET) gives up. Longer than its own
/// deadline for questions to instances (5 s).
inline constexpr Duration kCallTimeout = std::chrono::seconds(30);
/// The same for any other call: the first plan of ten thousand tenants reads all their files.
inline constexpr Duration kWorkTimeout = std::chrono::minutes(2);

/// The real client, over the daemon's unix socket. Nothing is connected before the first call.
/// `from` is what this program says of itself for the audit log, one printable line.
std::unique_ptr<DaemonClient> make_daemon_client(std::string socket_path, std::string from = "");

}  // namespace voicectl
