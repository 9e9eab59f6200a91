// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "base/json.h"

namespace voicectl::runtime {

/// One answer to control::request::kStats: as many tenants as a message holds, in the order of
/// their names, and where the next page begins.
class StatsPage {
 public:
  /// Whether there is no room for another tenant.
  bool is_full() const { return tenants_.size() > kMostBytes; }
  /// REQUIRES: not full; its name is behind those before.
  void add(const std::string& tenant, const Json& told);
  /// There are others behind the last one.
  void lead_on() { leads_on_ = true; }

  /// The body of the answer; `more` is an object with what else it says, 16 KiB at most.
  std::string finish(const Json& more) const;

 private:
  /// A message holds 128 KiB. The last tenant goes beyond this, by 8 KiB at most.
  static constexpr std::size_t kMostBytes = std::size_t{96} * 1024;

  /// Each is printed once, so that what it takes is known.
  std::string tenants_;
  std::string last_;
  bool leads_on_ = false;
};

}  // namespace voicectl::runtime
