// SPDX-License-Identifier: Apache-2.0
#include "provisioner/instances/instance_manager.h"

#include <fmt/core.h>

#include <utility>

#include "base/check.h"
#include "provisioner/instances/adoption.h"
#include "provisioner/instances/process_file.h"
#include "provisioner/instances/supervised_instance.h"

namespace voicectl {
namespace {

Error unknown(const InstanceId& instance) {
  return Error(ErrorCode::kNotFound,
               fmt::format("cannot ask instance '{}': there is none of that name", instance.str()));
}

}  // namespace

InstanceManager::InstanceManager(const Deps& deps, Settings settings, InstanceCallbacks callbacks)
    : supervision_(std::make_unique<Supervision>(
          Supervision{.deps = deps,
                      .settings = std::move(settings),
                      .callbacks = std::move(callbacks),
                      .forget = [this](const InstanceId& instance) { forget(instance); }})) {
  if (ConnectionKeeper* const keeper = supervision_->deps.keeper) {
    keeper->when_lanes_are_lost([this, alive = std::weak_ptr(supervision_->alive)] {
      if (!alive.expired()) {
        open_lanes();
      }
    });
  }
}

void InstanceManager::open_lanes() {
  for (const auto& [id, instance] : instances_) {
    instance->open_lane();
  }
}

InstanceManager::~InstanceManager() = default;

void InstanceManager::start(const InstanceOptions& options, Completion<InstanceReady> done) {
  VC_CHECK(supervision_->deps.reactor.in_loop(), "instances belong to the loop");
  const SupervisedInstance* known = find(options.instance);
  if (known != nullptr && known->state() != InstanceState::kStopped &&
      known->options().admin_port != options.admin_port) {
    return supervision_->answer<InstanceReady>(
        std::move(done),
        Error(ErrorCode::kConflict,
              fmt::format("cannot start instance '{}' with admin port {}: it has port {}; stop it "
                          "first",
                          options.instance.str(), options.admin_port.value(),
                          known->options().admin_port.value())));
  }
  find_or_make(options).start(std::move(done));
}

void InstanceManager::stop(const InstanceId& instance, Duration grace, Completion<void> done) {
  if (SupervisedInstance* known = find(instance)) {
    return known->stop(grace, std::move(done));
  }
  // What an earlier run left there.
  supervision_->answer<void>(std::move(done), supervision_->deps.files.remove(
                                                  supervision_->settings.paths.folder(instance)));
}

std::optional<Port> InstanceManager::noted_port(const InstanceId& instance) const {
  const std::optional<ProcessFile> file = read_process_file(
      supervision_->deps.files, supervision_->settings.paths.process_file(instance));
  return file ? std::optional(file->admin_port) : std::nullopt;
}

void InstanceManager::lend(const LendOptions& options, Completion<void> done) {
  if (SupervisedInstance* known = find(options.instance)) {
    return known->lend(options, std::move(done));
  }
  supervision_->answer<void>(std::move(done), unknown(options.instance));
}

void InstanceManager::when_reachable(const InstanceId& instance, std::function<void()> then) {
  if (SupervisedInstance* known = find(instance)) {
    return known->when_reachable(std::move(then));
  }
  then();
}

void InstanceManager::reclaim(const InstanceId& instance,
                              const TenantId& tenant,
                              FencingToken token,
                              Completion<void> done) {
  if (SupervisedInstance* known = find(instance)) {
    return known->reclaim(tenant, token, std::move(done));
  }
  supervision_->answer<void>(std::move(done), ok_status());
}

void InstanceManager::hand_over(const InstanceId& instance,
                                const handoff::HandOverOrder& order,
                                int peer,
                                OnHandOverProgress on_progress,
                                Completion<handoff::HandOverReport> done) {
  if (SupervisedInstance* known = find(instance)) {
    return known->hand_over(order, peer, std::move(on_progress), std::move(done));
  }
  supervision_->answer<handoff::HandOverReport>(std::move(done), unknown(instance));
}

void InstanceManager::receive(const LendOptions& options,
                              int peer,
                              Duration timeout,
                              Completion<void> done) {
  if (SupervisedInstance* known = find(options.instance)) {
    return known->receive(options, peer, timeout, std::move(done));
  }
  supervision_->answer<void>(std::move(done), unknown(options.instance));
}

void InstanceManager::reconfigure(const InstanceId& instance,
                                  const TenantId& tenant,
                                  Generation generation,
                                  const std::string& config_path,
                                  Completion<void> done) {
  if (SupervisedInstance* known = find(instance)) {
    return known->reconfigure(tenant, generation, config_path, std::move(done));
  }
  supervision_->answer<void>(std::move(done), unknown(instance));
}

void InstanceManager::give_up(const InstanceId& instance,
                              const ProcessIdentity& process,
                              const Error& why) {
  if (SupervisedInstance* const known = find(instance)) {
    known->give_up(process, why);
  }
}

void InstanceManager::doubt(const InstanceId& instance, const ProcessIdentity& process, Doubt how) {
  if (SupervisedInstance* const known = find(instance)) {
    known->doubt(process, how);
  }
}

void InstanceManager::trust(const InstanceId& instance, const ProcessIdentity& process) {
  if (SupervisedInstance* const known = find(instance)) {
    known->trust(process);
  }
}

void InstanceManager::request(const InstanceId& instance,
                              std::string_view type,
                              std::string body,
                              Duration timeout,
                              Completion<std::string> done) {
  SupervisedInstance* known = find(instance);
  if (known == nullptr) {
    return supervision_->answer<std::string>(std::move(done), unknown(instance));
  }
  known->ask(
      ControlLink::Question{.type = std::string(type), .body = std::move(body), .timeout = timeout},
      std::move(done));
}

void InstanceManager::adopt(std::vector<AdoptRecord> records, Completion<AdoptReport> done) {
  VC_CHECK(!adoption_, "adoption is the first thing after a start, once");
  adoption_ = std::make_unique<Adoption>(
      *supervision_,
      [this](const InstanceOptions& options, FoundInstance found) {
        Status adopted = find_or_make(options).adopt(std::move(found));
        if (adopted.has_error()) {
          instances_.erase(options.instance);
        }
        return adopted;
      },
      [this](const InstanceId& instance, Duration grace, Completion<void> ended) {
        stop(instance, grace, std::move(ended));
      });
  adoption_->begin(std::move(records), std::move(done));
}

std::vector<InstanceView> InstanceManager::observe() const {
  std::vector<InstanceView> out;
  out.reserve(instances_.size());
  for (const auto& [id, instance] : instances_) {
    out.push_back(instance->view());
  }
  return out;
}

void InstanceManager::detach() {
  const Error why(ErrorCode::kCancelled, "cannot go on: the daemon lets go of its instances");
  if (adoption_) {
    adoption_->cancel(why);
  }
  for (const auto& [id, instance] : instances_) {
    instance->detach(why);
  }
  instances_.clear();
}

SupervisedInstance* InstanceManager::find(const InstanceId& instance) {
  const auto known = instances_.find(instance);
  return known == instances_.end() ? nullptr : known->second.get();
}

SupervisedInstance& InstanceManager::find_or_make(const InstanceOptions& options) {
  std::unique_ptr<SupervisedInstance>& known = instances_[options.instance];
  // A stopped one is about to be forgotten; its options were another start's.
  if (!known || known->state() == InstanceState::kStopped) {
    known = std::make_unique<SupervisedInstance>(*supervision_, options);
  }
  return *known;
}

void InstanceManager::forget(const InstanceId& instance) {
  supervision_->post([this, instance] {
    const SupervisedInstance* known = find(instance);
    if (known != nullptr && known->state() == InstanceState::kStopped) {
      instances_.erase(instance);
    }
  });
}

}  // namespace voicectl
