// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "provisioner/registry/sqlite_registry.h"
#include "tests/support/registry/contract_registry.h"

namespace voicectl {
namespace {

/// One acknowledged turn: an intent that stays open, an intent that is closed with a tenant, an
/// event, and a revision.
Status write_turn(Registry& registry, std::int64_t turn) {
  const std::string name = "tenant-" + std::to_string(turn);
  const std::vector<JournalEntry> intents = {an_intent(name), an_intent(name + "-open")};
  VC_TRY(const std::vector<std::int64_t> numbers, registry.open_actions(intents));
  RecordedChange change;
  change.put_tenants.push_back(a_recorded_tenant(name));
  VC_TRY(registry.close_actions({ClosedAction{numbers[0], JournalState::kDone, "", change}}));
  VC_TRY(registry.append_events({an_event(name)}));
  DesiredState desired;
  desired.tenants.push_back(a_recorded_tenant(name).spec);
  VC_TRY(registry.accept_desired(desired, Revision{.who = "ann", .why = name}));
  return ok_status();
}

int run(const std::string& path) {
  const Result<std::unique_ptr<Registry>> registry = open_sqlite_registry(path);
  if (registry.has_error()) {
    std::fprintf(stderr, "%s\n", registry.error().text().c_str());
    return 1;
  }
  for (std::int64_t turn = 1;; ++turn) {
    const Status written = write_turn(**registry, turn);
    if (written.has_error()) {
      std::fprintf(stderr, "%s\n", written.error().text().c_str());
      return 2;
    }
    // Only a single write() is sure to be whole in the pipe when the process is killed.
    const std::string line = std::to_string(turn) + "\n";
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) {
      return 3;
    }
  }
}

}  // namespace
}  // namespace voicectl

int main(int argc, char** argv) {
  return argc == 2 ? voicectl::run(argv[1]) : 64;
}
