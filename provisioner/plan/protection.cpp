// SPDX-License-Identifier: Apache-2.0
#include "provisioner/plan/protection.h"

#include <fmt/core.h>

#include <algorithm>

namespace voicectl {
namespace {

/// Names for a message, not more of them than a person reads.
class Names {
 public:
  void add(const TenantId& tenant) {
    constexpr std::size_t kMostShown = 5;
    if (++count_ <= kMostShown) {
      text_ += (text_.empty() ? "'" : ", '") + tenant.str() + "'";
    }
  }
  bool empty() const { return count_ == 0; }
  std::string str() const {
    constexpr std::size_t kMostShown = 5;
    return count_ <= kMostShown ? text_ : fmt::format("{} and {} more", text_, count_ - kMostShown);
  }

 private:
  std::size_t count_ = 0;
  std::string text_;
};

Error protected_from(std::string_view deed, const Names& names) {
  return {ErrorCode::kPermissionDenied,
          fmt::format("cannot {} {}: protected; apply 'protect: false' for it first", deed,
                      names.str())};
}

}  // namespace

Status check_protection(const std::optional<DesiredState>& before, const DesiredState& wanted) {
  Names deleted;
  Names demoted;
  const DesiredState none;
  for (const TenantSpec& tenant : (before ? *before : none).tenants) {
    if (!tenant.protect) {
      continue;
    }
    const TenantSpec* const after = find_tenant(wanted, tenant.tenant);
    if (after == nullptr) {
      deleted.add(tenant.tenant);
    } else if (after->protect && tenant.tier == Tier::kDedicated &&
               after->tier != Tier::kDedicated) {
      demoted.add(tenant.tenant);
    }
  }
  if (!deleted.empty()) {
    return protected_from("delete", deleted);
  }
  return demoted.empty() ? ok_status() : Status(protected_from("demote", demoted));
}

namespace {

/// Where sessions are, whoever may read them.
std::string place_of(const StoreSpec& store) {
  return store.kind == SessionStoreKind::kRedis ? store.redis_url
                                                : std::string(name_of(store.kind));
}

}  // namespace

std::vector<SevereAct> severe_acts(const std::optional<PlatformSpec>& before,
                                   const PlatformSpec& wanted) {
  std::vector<SevereAct> out;
  if (!before) {
    return out;
  }
  if (before->domain != wanted.domain) {
    out.push_back({fmt::format("This moves every tenant from {} to {}: their addresses change.",
                               before->domain, wanted.domain),
                   before->domain});
  }
  if (const std::string from = place_of(before->store), to = place_of(wanted.store); from != to) {
    out.push_back({fmt::format("This takes every tenant to another session store ({} -> {}): "
                               "sessions that are there now stay behind.",
                               from, to),
                   before->domain});
  }
  return out;
}

Status check_agreement(const Plan& plan,
                       const std::vector<SevereAct>& severe,
                       const Agreement& agreement) {
  if (plan.empty()) {
    return ok_status();
  }
  for (const SevereAct& act : severe) {
    const auto& words = agreement.words;
    if (std::find(words.begin(), words.end(), act.confirmation) == words.end()) {
      return Error(
          ErrorCode::kPermissionDenied,
          fmt::format("cannot apply this plan without being told so: {} It needs the word '{}' "
                      "among what is confirmed",
                      act.what, act.confirmation));
    }
  }
  if (const std::size_t deleted = plan.summary.tenants_deleted; deleted > agreement.deletions) {
    return Error(
        ErrorCode::kPermissionDenied,
        fmt::format("cannot delete {} tenant{} without being told so: {} may be deleted, so "
                    "allow {}",
                    deleted, deleted == 1 ? "" : "s", agreement.deletions, deleted));
  }
  return ok_status();
}

}  // namespace voicectl
