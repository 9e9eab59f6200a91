// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/key_watch.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"

namespace voicectl {

KeyWatch::KeyWatch(Deps deps) : deps_(std::move(deps)) {}

std::optional<TenantFiles::KeyState> KeyWatch::look_at_platform() const {
  const std::optional<PlatformSpec>& platform = deps_.recorded.snapshot().platform;
  return platform ? std::optional(deps_.files.look_at_ultravox_key(*platform)) : std::nullopt;
}

std::vector<TenantId> KeyWatch::tenants_with(TenantFiles::KeyState state) const {
  std::vector<TenantId> out;
  for (const auto& [tenant, recorded] : deps_.recorded.snapshot().tenants) {
    if (recorded.has_data && deps_.files.look_at_credentials(recorded.spec) == state) {
      out.push_back(tenant);
    }
  }
  return out;
}

std::vector<KeyWatch::Owner> KeyWatch::due() const {
  std::vector<Owner> out;
  const auto add = [&](const Owner& owner) {
    const auto trouble = troubles_.find(owner);
    if (trouble == troubles_.end() || trouble->second.again <= deps_.reactor.now()) {
      out.push_back(owner);
    }
  };
  if (look_at_platform() == TenantFiles::KeyState::kNew) {
    add(std::nullopt);
  }
  for (const TenantId& tenant : tenants_with(TenantFiles::KeyState::kNew)) {
    add(tenant);
  }
  return out;
}

void KeyWatch::begin() {
  deps_.reactor.call_after(kKeyInterval,
                           [this] { install(std::make_shared<std::vector<Owner>>(due())); });
}

/// Each alone: whatever else is to be done has its own time.
void KeyWatch::install(const std::shared_ptr<std::vector<Owner>>& owners) {
  if (owners->empty()) {
    begin();
    return;
  }
  const Owner owner = std::move(owners->back());
  owners->pop_back();
  const std::string reason =
      owner ? "credentials at its ERPNext have changed" : "the Ultravox key has changed";
  const auto installed = [this, owner, owners](const Status& outcome) {
    note(owner, outcome);
    // Not from within the end of the action: it still counts as running.
    deps_.reactor.post([this, owners] { install(owners); });
  };
  if (deps_.run(InstallKey{owner}, reason, installed).has_error()) {
    begin();  // something else is carried out
  }
}

void KeyWatch::note(const Owner& owner, const Status& outcome) {
  const std::string subject = owner ? "tenant/" + owner->str() : "platform";
  if (outcome.has_value()) {
    troubles_.erase(owner);
    owner ? deps_.events.add("tenant.credentials_installed", subject)
          : deps_.events.add("platform.key_installed", subject);
    return;
  }
  Trouble& trouble = troubles_[owner];
  trouble.again = deps_.reactor.now() + backoff_without_jitter(kKeyWait, ++trouble.failures);
  if (trouble.failures == 1) {
    const std::string detail = dump_json({{"error", outcome.error().text()}});
    owner ? deps_.events.add("tenant.credentials_not_installed", subject, detail)
          : deps_.events.add("platform.key_not_installed", subject, detail);
  }
}

}  // namespace voicectl
