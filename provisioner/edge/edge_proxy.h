// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/os/process_spawner.h"
#include "base/result.h"
#include "provisioner/edge/edge_config.h"

namespace voicectl {

/// What configure() did.
enum class EdgeOutcome { kUnchanged, kStarted, kReloaded };
std::string_view name_of(EdgeOutcome outcome);

/// What the machine shows of the edge now.
struct EdgeObservation {
  bool running = false;
  std::optional<ProcessIdentity> process;
  /// Of the configuration that is known to be served; empty when nothing is.
  std::string fingerprint;
  /// Reloads since this daemon run began. A tenant event in dynamic mode never adds one.
  std::uint64_t reloads = 0;
  /// Times that the proxy ended without being asked to, since this daemon run began.
  std::uint64_t deaths = 0;
};

/// Something that the edge did by itself.
struct EdgeEvent {
  enum class Kind {
    kDied,       ///< it ended without being asked to; a restart is under way
    kRestarted,  ///< it serves again
    kFailing,    ///< a restart did not work; another follows
  };
  Kind kind = Kind::kDied;
  /// For people: how it ended, or why it does not start.
  std::string detail;
};
/// "edge.died", "edge.restarted", "edge.failing".
std::string_view name_of(EdgeEvent::Kind kind);

/// The proxy in front of the instances: ends TLS, finds the tenant's socket by host name.
///
/// THREADS: loop thread only.
class EdgeProxy {
 public:
  using OnEvent = std::function<void(const EdgeEvent&)>;

  virtual ~EdgeProxy() = default;

  /// Makes the edge serve `config`; starts it if it does not run. Success means that the new
  /// configuration is served. On failure the last good configuration is on disk and served, and
  /// the error says what the proxy said. One call at a time: a second one fails with kConflict.
  /// ERRORS: kInvalidArgument if `config` cannot be rendered or the proxy refuses it; kTimeout if
  /// it is never served; kNotFound if the program is missing; kResourceExhausted.
  virtual void configure(const EdgeConfig& config, Completion<EdgeOutcome> done) = 0;

  /// Routes `hosts`, and no other host, to the tenant's unix socket. Idempotent. No reload.
  /// Before the first configuration it is kept in mind and takes effect with it. In static mode
  /// the hosts stand in the configuration, and what stands here does not count.
  /// ERRORS: kInvalidArgument for a host under the platform's domain that is another tenant's;
  /// kAlreadyExists for a host that is routed to another tenant.
  virtual Status publish_route(const TenantId& tenant,
                               const std::vector<HostName>& hosts,
                               const std::string& socket_path) = 0;

  /// New requests for the tenant's hosts get 404; open connections stay. Idempotent.
  virtual Status withdraw_route(const TenantId& tenant) = 0;

  virtual EdgeObservation observe() const = 0;

  /// The file that the proxy reads its configuration from; empty if there is none.
  virtual std::string config_file() const { return {}; }

  /// Makes the proxy open its log files anew, after they were rotated. Not running is success.
  virtual Status reopen_logs() = 0;

  /// Ends the proxy; connections through it are cut. Not running is success.
  virtual void stop(Completion<void> done) = 0;
};

}  // namespace voicectl
