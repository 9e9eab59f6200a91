// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <list>
#include <map>

#include "base/ids.h"
#include "base/result.h"
#include "base/units.h"

namespace voicectl {

/// The highest fencing token that an instance met, for each tenant: what is older is refused.
///
/// Tokens of the tenants that it holds are all kept, and of those that it let go only the youngest.
/// A forgotten one is still refused, because no token at or below the highest forgotten one is
/// taken for a tenant that is not known. That costs nobody anything: tokens grow over all tenants
/// (provisioner/apply/placement_actions.h), so that a new one is above every one that was met.
class TokenBook {
 public:
  /// Tenants let go of whose tokens are kept one by one.
  static constexpr std::size_t kMostReleased = 8192;

  explicit TokenBook(std::size_t most_released = kMostReleased) : most_released_(most_released) {}

  /// Notes the token.
  /// ERRORS: kFenced for one that is below what was met for the tenant, or may be.
  Status admit(const TenantId& tenant, FencingToken token);

  /// The tenant is here from now on. REQUIRES: a token was admitted for it.
  void hold(const TenantId& tenant);
  /// It is not here any more.
  void release(const TenantId& tenant);

  /// Tokens that are kept.
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    FencingToken token;
    bool is_held = false;
    /// Its place among the released ones; unused while it is held.
    std::list<TenantId>::iterator place;
  };

  void forget_oldest();

  std::size_t most_released_;
  std::map<TenantId, Entry> entries_;
  /// Who was let go of, or asked about, longest ago comes first.
  std::list<TenantId> released_;
  /// Highest token of those forgotten.
  FencingToken floor_;
};

}  // namespace voicectl
