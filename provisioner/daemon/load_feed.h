// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/ids.h"
#include "base/os/reactor.h"
#include "provisioner/instances/instance_manager.h"

namespace voicectl {

/// How often instances are asked what they serve.
inline constexpr std::chrono::seconds kLoadInterval{5};

/// What an instance was last seen to use.
struct InstanceLoad {
  std::optional<double> cpu_percent;
  std::optional<std::uint64_t> rss_bytes;
  std::uint64_t sessions = 0;
};

/// Live sessions and load, as last sampled.
struct LoadView {
  std::map<InstanceId, InstanceLoad> instances;
  std::map<TenantId, std::uint64_t> sessions;
};

/// Asks the instances for their sessions, and the operating system for what they use.
///
/// THREADS: loop thread only.
class LoadFeed {
 public:
  /// REQUIRES: both outlive it.
  LoadFeed(Reactor& reactor, InstanceManager& instances)
      : reactor_(reactor), instances_(instances) {}

  /// Samples now and then every kLoadInterval.
  void start();

  const LoadView& view() const { return view_; }

 private:
  void sample();
  void take(const InstanceId& instance, const std::string& stats);

  Reactor& reactor_;
  InstanceManager& instances_;
  LoadView view_;
};

}  // namespace voicectl
