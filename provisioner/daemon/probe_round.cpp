// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/probe_round.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace voicectl {

ProbeTarget probe_target_of(const RecordedTenant& tenant, const DaemonPaths& paths) {
  return ProbeTarget{
      .socket = paths.tenant_socket(tenant.spec.tenant),
      .host = tenant.routes.empty() ? tenant.spec.tenant.str() : tenant.routes.front()};
}

void ask_each(HttpProbe& probe,
              const std::vector<ProbeTarget>& targets,
              std::function<void(std::vector<Status>)> done) {
  struct Round {
    HttpProbe& probe;
    std::vector<ProbeTarget> targets;
    std::function<void(std::vector<Status>)> done;
    std::vector<Status> answers{};
    std::size_t next = 0;
    std::size_t left = 0;

    static void ask_next(const std::shared_ptr<Round>& round) {
      const std::size_t i = round->next++;
      round->probe.ask(round->targets[i], kProbeTimeout, [round, i](const Status& answer) {
        round->answers[i] = answer;
        if (--round->left == 0) {
          round->done(std::move(round->answers));
        } else if (round->next < round->targets.size()) {
          ask_next(round);
        }
      });
    }
  };
  if (targets.empty()) {
    done({});
    return;
  }
  auto round = std::make_shared<Round>(Round{probe, targets, std::move(done)});
  round->answers.assign(targets.size(), ok_status());
  round->left = targets.size();
  while (round->next < std::min(targets.size(), kProbesInFlight)) {
    Round::ask_next(round);
  }
}

}  // namespace voicectl
