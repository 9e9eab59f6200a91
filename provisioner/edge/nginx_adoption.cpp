// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/nginx_adoption.h"

#include <string>
#include <utility>

namespace voicectl {
namespace {

constexpr std::size_t kMostCommandLineBytes = 16U << 10;

}  // namespace

NginxAdoption::NginxAdoption(const NginxEdgeDeps& deps,
                             const NginxEdgeOptions& options,
                             NginxProcess& process)
    : deps_(deps), options_(options), process_(process) {}

void NginxAdoption::run(const std::vector<ProcessIdentity>& known,
                        std::function<void(Outcome)> done) {
  for (const ProcessIdentity& who : known) {
    if (!process_.identity()) {
      (void)process_.adopt(who);  // one that is gone is the usual case after a reboot
    }
  }
  deps_.status.fetch(edge_status_socket(options_.folders),
                     [this, done = std::move(done),
                      alive = std::weak_ptr<bool>(alive_)](const Result<EdgeStatus>& status) {
                       if (!alive.expired()) {
                         judge(status, done);
                       }
                     });
}

void NginxAdoption::judge(const Result<EdgeStatus>& status,
                          const std::function<void(Outcome)>& done) {
  if (!process_.identity() && status.has_value() && is_our_nginx(status->opener_pid)) {
    const std::optional<ProcessIdentity> who = deps_.processes.identify(status->opener_pid);
    // Looked at again under its full identity: between the two looks the number may have changed
    // hands.
    if (who && is_our_nginx(who->pid)) {
      (void)process_.adopt(*who);  // gone meanwhile: then none runs
    }
  }
  Outcome outcome;
  outcome.adopted = process_.identity().has_value();
  if (outcome.adopted && status.has_value() && status->opener_pid == process_.identity()->pid) {
    outcome.fingerprint = status->fingerprint;
  }
  done(std::move(outcome));
}

bool NginxAdoption::is_our_nginx(int pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/cmdline";
  const Result<std::optional<std::string>> line = deps_.files.read(path, kMostCommandLineBytes);
  if (line.has_error() || !line->has_value()) {
    return false;
  }
  return (*line)->find("nginx") != std::string::npos &&
         (*line)->find(edge_folder(options_.folders) + "/") != std::string::npos;
}

}  // namespace voicectl
