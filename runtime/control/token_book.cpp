// SPDX-License-Identifier: Apache-2.0
#include "runtime/control/token_book.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/check.h"

namespace voicectl {
namespace {

Error fenced(const TenantId& tenant, FencingToken token, FencingToken highest) {
  return {ErrorCode::kFenced, fmt::format("cannot change tenant '{}' with token {}: token {} was "
                                          "here",
                                          tenant.str(), token.value, highest.value)};
}

}  // namespace

Status TokenBook::admit(const TenantId& tenant, FencingToken token) {
  const auto known = entries_.find(tenant);
  if (known == entries_.end()) {
    if (floor_ > FencingToken{} && token <= floor_) {
      return fenced(tenant, token, floor_);
    }
    entries_.emplace(tenant, Entry{token, false, released_.insert(released_.end(), tenant)});
    forget_oldest();
    return ok_status();
  }
  Entry& entry = known->second;
  if (token < entry.token) {
    return fenced(tenant, token, entry.token);
  }
  entry.token = token;
  if (!entry.is_held) {
    released_.splice(released_.end(), released_, entry.place);
  }
  return ok_status();
}

void TokenBook::hold(const TenantId& tenant) {
  const auto known = entries_.find(tenant);
  VC_CHECK(known != entries_.end(), "a tenant comes with a token");
  if (!known->second.is_held) {
    known->second.is_held = true;
    released_.erase(known->second.place);
  }
}

void TokenBook::release(const TenantId& tenant) {
  const auto known = entries_.find(tenant);
  if (known == entries_.end() || !known->second.is_held) {
    return;
  }
  known->second.is_held = false;
  known->second.place = released_.insert(released_.end(), tenant);
  forget_oldest();
}

void TokenBook::forget_oldest() {
  if (released_.size() <= most_released_) {
    return;
  }
  const auto oldest = entries_.find(released_.front());
  floor_ = std::max(floor_, oldest->second.token);
  entries_.erase(oldest);
  released_.pop_front();
}

}  // namespace voicectl
