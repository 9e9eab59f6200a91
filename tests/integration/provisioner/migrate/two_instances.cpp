// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/provisioner/migrate/two_instances.h"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "base/check.h"
#include "tests/support/matchers.h"

namespace voicectl {
namespace {

Port free_port() {
  SystemRandom random;
  for (int draw = 0; draw < 100; ++draw) {
    const Port port = *Port::make(static_cast<std::int64_t>(10'000 + random.below(20'000)));
    if (auto bound = PosixListenerFactory().bind_tcp(port); bound.has_value()) {
      PosixListenerFactory().close(std::move(*bound));
      return port;
    }
  }
  ADD_FAILURE() << "no free port";
  return *Port::make(9);
}

}  // namespace

TwoInstances::TwoInstances() {
  InstanceManager::Settings settings;
  settings.launch.program = VOICE_RUNTIME;
  settings.launch.max_descriptors = 20'000;
  settings.paths = {dir_.path("run"), dir_.path("log")};
  settings.epoch = Epoch{1};
  settings.own_uid = ::getuid();
  manager_.emplace(InstanceManager::Deps{world.reactor(), spawner_, listeners_, bank_, channels_,
                                         files_, log_pipes_, random_},
                   settings, InstanceCallbacks{});
  migrator_.emplace(SessionMigrator::Deps{world.reactor(), *manager_, relay_});
  world.limits = R"({"concurrent_sessions":3,"api_requests":100000,"api_requests_per_key":100000})";
  world.prepare("acme");
  const Port own = free_port();
  VC_CHECK(bank_.bind(tenant_, dir_.path("acme.sock"), SocketAccess{}, own).has_value(),
           "a free port can be bound");
  port = own.value();
  start(one());
  start(two());
  VC_CHECK(lend(one()).has_value(), "the tenant can be lent");
}

TwoInstances::~TwoInstances() {
  int left = 2;
  for (const InstanceId& instance : {one(), two()}) {
    if (process(instance).pid != 0) {
      (void)spawner_.signal_group(process(instance), SIGCONT);
    }
    manager_->stop(instance, std::chrono::seconds(4), [&left](const Status&) { --left; });
  }
  EXPECT_TRUE(run_until([&left] { return left == 0; }));
}

void TwoInstances::start(const InstanceId& instance) {
  admin_ports_.emplace(instance, free_port());
  std::optional<Result<InstanceReady>> ready;
  manager_->start(
      {instance, InstanceKind::kShared, admin_ports_.at(instance), FirstFailure::kForget},
      [&ready](const Result<InstanceReady>& outcome) { ready = outcome; });
  VC_CHECK(run_until([&ready] { return ready.has_value(); }), "a start ends");
  EXPECT_THAT(*ready, IsOk());
}

LendOptions TwoInstances::lend_options(const InstanceId& instance) {
  return {instance,
          tenant_,
          Generation{1},
          FencingToken{++last_token},
          world.config_path("acme"),
          world.data_folder("acme"),
          *bank_.descriptors(tenant_)};
}

Status TwoInstances::lend(const InstanceId& instance) {
  std::optional<Status> lent;
  manager_->lend(lend_options(instance), [&lent](const Status& outcome) { lent = outcome; });
  VC_CHECK(run_until([&lent] { return lent.has_value(); }), "a request is answered");
  if (lent->has_value()) {
    home_ = instance;
  }
  return *lent;
}

void TwoInstances::await_ready(const InstanceId& instance) {
  EXPECT_TRUE(run_until([this, &instance] {
    const std::vector<InstanceView> views = manager_->observe();
    return std::any_of(views.begin(), views.end(), [&](const InstanceView& view) {
      return view.instance == instance && view.state == InstanceState::kReady;
    });
  }));
}

Status TwoInstances::reclaim(const InstanceId& instance) {
  std::optional<Status> done;
  manager_->reclaim(instance, tenant_, FencingToken{++last_token},
                    [&done](const Status& outcome) { done = outcome; });
  VC_CHECK(run_until([&done] { return done.has_value(); }), "a request is answered");
  return *done;
}

const InstanceId& TwoInstances::other() const {
  static const InstanceId kOne = one();
  static const InstanceId kTwo = two();
  return home_ == kOne ? kTwo : kOne;
}

void TwoInstances::begin_move(std::optional<MoveOutcome>& outcome) {
  const InstanceId to = other();
  migrator_->move({home_, lend_options(to), [this] { return FencingToken{++last_token}; }},
                  [this, to, &outcome](const MoveOutcome& over) {
                    if (over.verdict == Verdict::kMoved) {
                      home_ = to;
                    }
                    outcome = over;
                  });
}

std::unique_ptr<FdChannel> TwoInstances::pose_as_source(const InstanceId& instance,
                                                        std::optional<Status>& outcome) {
  auto pair = channels_.make_pair();
  VC_CHECK(pair.has_value(), "two sockets can be had");
  manager_->receive(lend_options(instance), pair->second.get(), std::chrono::seconds(20),
                    [&outcome](const Status& taken) { outcome = taken; });
  return channels_.adopt(std::move(pair->first));
}

MoveOutcome TwoInstances::move() {
  std::optional<MoveOutcome> outcome;
  begin_move(outcome);
  VC_CHECK(run_until([&outcome] { return outcome.has_value(); }), "a move ends");
  return *outcome;
}

ProcessIdentity TwoInstances::process(const InstanceId& instance) {
  for (const InstanceView& view : manager_->observe()) {
    if (view.instance == instance && view.process) {
      return *view.process;
    }
  }
  return ProcessIdentity{};
}

void TwoInstances::signal(const InstanceId& instance, int number) {
  EXPECT_THAT(spawner_.signal_group(process(instance), number), IsOk());
}

std::string TwoInstances::metrics(const InstanceId& instance) {
  return world.send(admin_ports_.at(instance).value(), "GET", "/metrics").body;
}

std::size_t TwoInstances::descriptors_of(const InstanceId& instance) {
  const std::filesystem::path folder(fmt::format("/proc/{}/fd", process(instance).pid));
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder),
                                                std::filesystem::directory_iterator()));
}

}  // namespace voicectl
