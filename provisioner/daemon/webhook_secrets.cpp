// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/webhook_secrets.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/backoff.h"
#include "base/json.h"
#include "provisioner/daemon/key_watch.h"

namespace voicectl {

WebhookSecretRotation::WebhookSecretRotation(Deps deps)
    : deps_(deps), self_(std::make_shared<WebhookSecretRotation*>(this)) {}

Status WebhookSecretRotation::check(const TenantId& tenant, std::chrono::seconds overlap) const {
  const RecordedTenant* const recorded = deps_.recorded.find_tenant(tenant);
  if (recorded == nullptr || !recorded->has_data) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot find tenant '{}', or it has no folder yet", tenant.str()));
  }
  if (overlap < std::chrono::seconds(0) || overlap > kLongestSecretOverlap) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot rotate a secret with that overlap: allowed are 0 to 90 days");
  }
  // What is applied now may be writing the same file.
  if (deps_.loop.is_busy() || deps_.loop.is_stopping()) {
    return Error(ErrorCode::kConflict,
                 "cannot rotate a secret now: an apply is running; try again when it has finished");
  }
  return ok_status();
}

void WebhookSecretRotation::rotate(const TenantId& tenant,
                                   std::chrono::seconds overlap,
                                   Completion<WallTime> done) {
  if (const Status possible = check(tenant, overlap); possible.has_error()) {
    done(possible.error());
    return;
  }
  const Result<WallTime> ends =
      deps_.files.rotate_webhook_secret(tenant, deps_.wall.now(), overlap);
  if (ends.has_error()) {
    done(ends.error());
    return;
  }
  deps_.events.add("secret.rotated", "tenant/" + tenant.str(),
                   dump_json({{"accepted_until", format_wall_time(*ends)}}));
  deliver(tenant, [this, tenant, ends = *ends, done](const Status& delivered) {
    const Status taken = delivered.has_error() ? delivered : is_taken(tenant);
    if (delivered.has_error()) {
      try_again(tenant, 1);
    }
    if (taken.has_error()) {
      done(Error(ErrorCode::kUnavailable,
                 fmt::format("cannot use the new webhook secret of '{}' yet, which is tried "
                             "again: {}",
                             tenant.str(), taken.error().text())));
    } else {
      done(ends);
    }
  });
}

void WebhookSecretRotation::deliver(const TenantId& tenant, Completion<void> done) {
  const Status begun =
      deps_.loop.run_single(InstallKey{tenant}, "its webhook secret was rotated", done);
  if (begun.has_error()) {
    done(begun);
  }
}

void WebhookSecretRotation::try_again(const TenantId& tenant, int failures) {
  // One that was rotated again meanwhile is waited for already.
  if (!waiting_.insert(tenant).second) {
    return;
  }
  deps_.reactor.call_after(backoff_without_jitter(kKeyWait, failures),
                           [this, tenant, failures, alive = std::weak_ptr(self_)] {
                             if (!alive.expired()) {
                               waiting_.erase(tenant);
                               finish(tenant, failures);
                             }
                           });
}

void WebhookSecretRotation::finish(const TenantId& tenant, int failures) {
  const RecordedTenant* const recorded = deps_.recorded.find_tenant(tenant);
  if (recorded == nullptr || !recorded->has_data || deps_.loop.is_stopping()) {
    return;
  }
  const Result<bool> is_open = deps_.files.has_undelivered_secrets(*recorded);
  if (is_open.has_value() && !*is_open) {
    return;
  }
  deliver(tenant, [this, tenant, failures](const Status& delivered) {
    if (delivered.has_error()) {
      // Another apply in its way says nothing of how long it takes.
      const bool was_tried = delivered.error().code() != ErrorCode::kConflict;
      try_again(tenant, was_tried ? failures + 1 : failures);
    }
  });
}

void WebhookSecretRotation::finish_all() {
  for (const auto& [tenant, recorded] : deps_.recorded.snapshot().tenants) {
    if (!recorded.has_data) {
      continue;
    }
    const Result<bool> is_open = deps_.files.has_undelivered_secrets(recorded);
    if (is_open.has_value() && *is_open) {
      // Not from within the end of what runs; and one after the other.
      deps_.loop.when_idle([this, name = tenant, alive = std::weak_ptr(self_)] {
        if (!alive.expired()) {
          finish(name, 0);
        }
      });
    }
  }
}

Status WebhookSecretRotation::is_taken(const TenantId& tenant) const {
  return deps_.loop.is_outdated(tenant)
             ? Status(Error(ErrorCode::kUnavailable, "cannot see its instance take it"))
             : ok_status();
}

}  // namespace voicectl
