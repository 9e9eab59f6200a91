// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/os/reactor.h"
#include "base/result.h"
#include "provisioner/apply/recorded_state.h"
#include "provisioner/apply/tenant_files.h"
#include "provisioner/daemon/event_log.h"
#include "provisioner/plan/action.h"

namespace voicectl {

/// How often the daemon looks whether a file of a key is another one: who rotates a key wants the
/// old one out of use soon.
inline constexpr std::chrono::seconds kKeyInterval{15};

/// How long it waits to try again a key that could not be installed.
inline constexpr BackoffPolicy kKeyWait{.first = kKeyInterval, .cap = std::chrono::minutes(15)};

/// Files of others that hold keys: the platform's at Ultravox, and the tenants' at their ERPNext.
/// They may get a new content at any time, and nobody tells; so they are looked at again and again.
///
/// THREADS: loop thread only.
class KeyWatch {
 public:
  struct Deps {
    Reactor& reactor;
    const RecordedState& recorded;
    const TenantFiles& files;
    EventLog& events;
    /// Carries out one action, for a reason. ERRORS: kConflict while something else is carried out.
    std::function<Status(const Action&, std::string, Completion<void>)> run;
  };
  explicit KeyWatch(Deps deps);

  /// Begins to look, and does so for ever.
  void begin();

  /// How the file of the platform's Ultravox key stands; nullopt without a platform.
  std::optional<TenantFiles::KeyState> look_at_platform() const;
  /// Tenants whose credentials stand so.
  std::vector<TenantId> tenants_with(TenantFiles::KeyState state) const;

 private:
  /// Whose key it is; nullopt: the platform's.
  using Owner = std::optional<TenantId>;
  struct Trouble {
    int failures = 0;
    MonoTime again{};
  };

  /// Whose files hold other keys than are in use, those to be tried later left out.
  std::vector<Owner> due() const;
  /// One after the other, then looks again later.
  void install(const std::shared_ptr<std::vector<Owner>>& owners);
  void note(const Owner& owner, const Status& outcome);

  Deps deps_;
  std::map<Owner, Trouble> troubles_;
};

}  // namespace voicectl
