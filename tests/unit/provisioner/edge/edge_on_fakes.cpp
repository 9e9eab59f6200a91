// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/provisioner/edge/edge_on_fakes.h"

#include <gtest/gtest.h>

#include <utility>

#include "tests/support/matchers.h"

namespace voicectl {

EdgeOnFakes::Daemon::Daemon(EdgeOnFakes& world) : loop(world.sim), spawner(world.processes) {
  NginxEdgeOptions options;
  options.folders = world.folders;
  edge = std::make_unique<NginxEdge>(
      NginxEdgeDeps{loop, world.files, spawner, world.nginx, random}, options,
      [&world](const EdgeEvent& event) { world.events.push_back(event); });
}

EdgeOnFakes::EdgeOnFakes() {
  EXPECT_THAT(files.make_directory(folders.run + "/tenants", kSharedDirectory), IsOk());
  restart_daemon();
}

void EdgeOnFakes::kill_daemon() {
  daemon_->loop.kill();
  daemon_.reset();
}

void EdgeOnFakes::restart_daemon() {
  if (daemon_) {
    kill_daemon();
  }
  daemon_ = std::make_unique<Daemon>(*this);
}

Result<EdgeOutcome> EdgeOnFakes::configure(const EdgeConfig& config) {
  std::optional<Result<EdgeOutcome>> out;
  edge().configure(config, [&](Result<EdgeOutcome> outcome) { out = std::move(outcome); });
  wait(30);
  EXPECT_TRUE(out.has_value()) << "the completion never ran";
  return out.value_or(Error());
}

Result<bool> EdgeOnFakes::adopt(std::optional<ProcessIdentity> recorded) {
  std::optional<Result<bool>> out;
  edge().adopt(std::move(recorded), [&](Result<bool> adopted) { out = std::move(adopted); });
  wait(5);
  EXPECT_TRUE(out.has_value()) << "the completion never ran";
  return out.value_or(Error());
}

Status EdgeOnFakes::stop() {
  std::optional<Status> out;
  edge().stop([&](Status status) { out = std::move(status); });
  wait(30);
  EXPECT_TRUE(out.has_value()) << "the completion never ran";
  return out.value_or(Error());
}

}  // namespace voicectl
