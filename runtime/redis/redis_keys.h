// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "runtime/session/session.h"
#include "runtime/session/stored_values.h"

namespace voicectl::runtime {

/// How a tenant's name stands in its keys.
enum class RedisKeyStyle {
  kPlain,       ///< business:mario-pizza:...
  kOneHashSlot  ///< business:{mario-pizza}:..., for a cluster: all keys of a tenant on one node
};

/// One of the keys that a tenant has once, and what must be there if anything is.
struct RedisFixedKey {
  std::string name;
  std::string_view type;
};

/// The names of a tenant's keys: all begin with "business:<tenant>:" or "usage:<tenant>:". Only
/// names that were checked when they entered (TenantId, SessionId), numbers and our own words
/// become part of a key; everything else is kept inside values.
class RedisKeys {
 public:
  explicit RedisKeys(const TenantId& tenant, RedisKeyStyle style = RedisKeyStyle::kPlain);

  /// "<token>.<writes>": who holds the store, and how many transactions it has had.
  const std::string& fence() const { return names_->fence; }
  /// Whose data this is: a tenant's name may be given again, its sessions may not.
  const std::string& owner() const { return names_->owner; }
  /// Every session as we need it: hash, session -> JSON. For ever.
  const std::string& sessions() const { return names_->sessions; }
  /// Sessions by their creation; and those of one status.
  const std::string& sessions_by_time() const { return names_->sessions_by_time; }
  const std::string& sessions_with(SessionStatus status) const {
    return names_->sessions_with[static_cast<std::size_t>(status)];
  }
  /// Sessions that are over, by when they were written last.
  const std::string& sessions_by_end() const { return names_->sessions_by_end; }
  /// Call -> session.
  const std::string& calls() const { return names_->calls; }
  /// What other programs read: JSON with the public names, kept for an hour after the last change.
  std::string session(const SessionId& id) const { return own("session:", id.str()); }
  /// Where the conversation stands, with its last turns; kept as long.
  std::string context(const SessionId& id) const { return own("context:", id.str()); }
  /// Stream; the tenant-wide number is the id of the entry.
  const std::string& events() const { return names_->events; }
  /// Tenant-wide numbers by the session's own.
  std::string events_of(const SessionId& id) const { return own("events:", id.str()); }
  const std::string& records() const { return names_->records; }
  const std::string& records_by_time() const { return names_->records_by_time; }
  const std::string& records_by_external_id() const { return names_->records_by_external_id; }
  /// Appointments by their end.
  const std::string& bookings() const { return names_->bookings; }
  const std::string& inbox() const { return names_->inbox; }
  /// Its fields by when they came.
  const std::string& inbox_by_time() const { return names_->inbox_by_time; }
  const std::string& outbox() const { return names_->outbox; }
  const std::string& outbox_with(OutboxEntry::State state) const {
    return names_->outbox_with[static_cast<std::size_t>(state)];
  }
  /// Highest id that any entry ever had.
  const std::string& outbox_last() const { return names_->outbox_last; }
  const std::string& customers() const { return names_->customers; }
  /// The answers of one minute; they go away by themselves.
  std::string requests(std::int64_t minute) const;

  /// One record per session that is over, and how many sessions count. `month` is "2026-11".
  std::string usage(std::string_view month) const;
  std::string usage_count(std::string_view month) const;
  /// The months that have records.
  const std::string& usage_months() const { return names_->usage_months; }

  /// What all keys begin with.
  const std::string& business_prefix() const { return business_; }
  const std::string& usage_prefix() const { return usage_; }

  /// Everything above that takes no argument or one of few: what is looked at before anything is
  /// written, and watched meanwhile.
  std::vector<RedisFixedKey> fixed() const;

 private:
  /// What a tenant has once, and is asked for all the time.
  struct Names {
    std::string fence, owner, sessions, sessions_by_time, sessions_by_end, calls, events, records,
        records_by_time, records_by_external_id, bookings, inbox, inbox_by_time, outbox,
        outbox_last, customers, usage_months;
    std::array<std::string, 5> sessions_with;
    std::array<std::string, 2> outbox_with;
  };

  std::string own(std::string_view what, std::string_view which = {}) const;

  std::string business_;
  std::string usage_;
  std::shared_ptr<const Names> names_;
};

/// "2026-11", in UTC.
std::string usage_month(WallTime at);

}  // namespace voicectl::runtime
