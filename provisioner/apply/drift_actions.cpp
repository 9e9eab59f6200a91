// SPDX-License-Identifier: Apache-2.0
#include "provisioner/apply/drift_actions.h"

#include <fmt/core.h>

#include <csignal>
#include <map>
#include <utility>

#include "base/crypto.h"
#include "provisioner/apply/tenant_actions.h"

namespace voicectl {
namespace {

/// As the largest file that is written.
constexpr std::size_t kMostText = 16U << 20;

}  // namespace

Status DriftActions::clear_the_way(const std::vector<ExpectedFile>& expected) {
  for (const ExpectedFile& file : expected) {
    VC_TRY(const std::optional<FileFacts> seen, deps_.scan.look(file.path));
    // Links are replaced in one step, sockets are bound by who needs them, and what cannot be made
    // anew is a person's: a link to another disk, say.
    const bool is_ours_to_clear =
        (file.kind == FileKind::kFile || file.kind == FileKind::kFolder) &&
        file.repair != DriftRepair::kNone;
    if (seen && seen->kind != file.kind && is_ours_to_clear) {
      VC_TRY(deps_.written.set_aside(file.path));
    }
    if (seen && file.kind == FileKind::kLink && seen->kind != FileKind::kLink) {
      VC_TRY(deps_.written.set_aside(file.path));
    }
  }
  return ok_status();
}

Status DriftActions::keep_texts(const std::vector<ExpectedFile>& expected) {
  for (const ExpectedFile& file : expected) {
    std::vector<std::string> right = file.texts;
    if (!file.same_as.empty()) {
      VC_TRY(const std::optional<std::string> twin, deps_.files.read(file.same_as, kMostText));
      right.push_back(sha256_hex(twin.value_or("")));
    }
    if (!right.empty()) {
      VC_TRY(deps_.written.keep_unless(file.path, right));
    }
  }
  return ok_status();
}

Status DriftActions::restore_platform(const std::vector<ExpectedFile>& expected) {
  for (const ExpectedFile& file : expected) {
    VC_TRY(const std::optional<FileFacts> seen, deps_.scan.look(file.path));
    if (!seen && file.kind == FileKind::kFolder && file.repair != DriftRepair::kNone) {
      VC_TRY(deps_.files.make_directory(file.path, FileMode{file.mode}));
    }
  }
  return deps_.certificates.publish_all();
}

Result<std::string> DriftActions::restore_tenant(const TenantId& tenant,
                                                 const std::vector<ExpectedFile>& expected) {
  VC_TRY(const RecordedTenant recorded, require_tenant(deps_.recorded, tenant));
  // Without what its files are made from they are a person's to put back; its routes are not.
  bool has_sources = false;
  for (const ExpectedFile& file : expected) {
    for (const std::string& source : file.made_from) {
      VC_TRY(const std::optional<FileFacts> seen, deps_.scan.look(source));
      has_sources = has_sources || (seen && seen->kind == FileKind::kFile);
    }
  }
  const std::optional<PlatformSpec>& platform = deps_.recorded.snapshot().platform;
  std::string left;
  if (recorded.has_data && platform && has_sources) {
    const Status restored = deps_.tenant_files.restore(recorded, *platform, deps_.keys);
    if (restored.has_error()) {
      if (!deps_.tenant_files.is_own_trouble(restored.error(), *platform)) {
        return restored.error();
      }
      left = restored.error().text();  // what waits for this is not only the tenant's
    }
    if (deps_.reload_keys) {
      deps_.reload_keys(tenant);  // a file that was edited may have been read
    }
  }
  if (!recorded.routes.empty()) {
    VC_TRY(deps_.edge.publish_recorded_route(recorded));
  }
  return left;
}

Status DriftActions::restore_access(const std::vector<ExpectedFile>& expected, Which which) {
  const std::map<std::string, AcceptedDrift>& adoptions = deps_.recorded.snapshot().adoptions;
  for (const ExpectedFile& file : expected) {
    if (which == Which::kFolders && file.kind != FileKind::kFolder) {
      continue;
    }
    VC_TRY(const std::optional<FileFacts> seen, deps_.scan.look(file.path));
    if (!seen || seen->kind != file.kind || file.kind == FileKind::kLink) {
      continue;
    }
    const auto adopted = adoptions.find("access/" + file.name);
    if (adopted != adoptions.end() && adopted->second.state == access_state(*seen)) {
      continue;
    }
    const UserIds owner{file.uid.value_or(seen->uid), file.gid.value_or(seen->gid)};
    if (seen->mode != file.mode || !(owner == UserIds{seen->uid, seen->gid})) {
      VC_TRY(deps_.scan.set_access(file.path, *seen, FileMode{file.mode}, owner));
    }
  }
  return ok_status();
}

Result<std::string> DriftActions::restore_all(const RestoreFiles& action) {
  const std::vector<ExpectedFile> expected = deps_.expected(action.tenant);
  // Who is not root sees nothing in a folder that is closed to its owner too.
  VC_TRY(restore_access(expected, Which::kFolders));
  VC_TRY(clear_the_way(expected));
  VC_TRY(keep_texts(expected));
  std::string left;
  if (action.tenant) {
    VC_TRY(left, restore_tenant(*action.tenant, expected));
  } else {
    VC_TRY(restore_platform(expected));
  }
  VC_TRY(restore_access(expected, Which::kAll));
  return left;
}

void DriftActions::perform(const RestoreFiles& action, OnActionDone done) {
  const Result<std::string> restored = restore_all(action);
  if (restored.has_error()) {
    done(failed(restored.error()));
    return;
  }
  done(ActionOutcome{ok_status(), {}, *restored});
}

void DriftActions::perform(const EndProcess& action, OnActionDone done) {
  const std::optional<ProcessIdentity> who = deps_.processes.identify(action.pid);
  if (!who || who->start_ticks != action.start_ticks) {
    done(ActionOutcome{ok_status(), {}});
    return;
  }
  struct Ending {
    OnActionDone done;
    std::optional<TimerId> timer;
  };
  const auto ending = std::make_shared<Ending>(Ending{std::move(done), std::nullopt});
  const Status watched = deps_.processes.adopt(*who, [this, ending](const ProcessExit&) {
    if (ending->timer) {
      deps_.reactor.cancel(*ending->timer);
    }
    ending->done(ActionOutcome{ok_status(), {}});
  });
  const auto signal = [this, action](int number) {
    return deps_.scan.signal_process(action.pid, action.start_ticks, number);
  };
  const Status told = watched.has_error() ? watched : signal(SIGTERM);
  if (told.has_error()) {
    // One that is gone by now has nothing to be told; another one may still be watched.
    const bool is_gone = told.error().code() == ErrorCode::kNotFound;
    std::exchange(ending->done,
                  [](const ActionOutcome&) {})(ActionOutcome{is_gone ? ok_status() : told, {}});
    return;
  }
  ending->timer = deps_.reactor.call_after(kStrayGrace, [this, pid = action.pid, signal, ending] {
    (void)signal(SIGKILL);  // its end is what is waited for
    ending->timer = deps_.reactor.call_after(kStrayEnd, [pid, ending] {
      ending->timer.reset();
      // It ends when the kernel lets it; whoever plans next sees whether it has.
      std::exchange(ending->done, [](const ActionOutcome&) {})(ActionOutcome{
          Error(ErrorCode::kTimeout,
                fmt::format("cannot end process {}: it was killed and does not go; see what it "
                            "waits for in /proc/{}/stack",
                            pid, pid)),
          {}});
    });
  });
}

void DriftActions::perform(const RecordAdoption& action, OnActionDone done) {
  RecordedChange change;
  if (action.adoption) {
    change.put_adoptions.push_back(*action.adoption);
  } else {
    change.drop_adoptions.push_back(action.name);
  }
  done(ActionOutcome{ok_status(), std::move(change)});
}

}  // namespace voicectl
