// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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
  std::string fence() const { return own("fence"); }
  /// Whose data this is: a tenant's name may be given again, its sessions may not.
  std::string owner() const { return own("owner"); }
  /// Every session as we need it: hash, session -> JSON. For ever.
  std::string sessions() const { return own("sessions"); }
  /// Sessions by their creation; and those of one status.
  std::string sessions_by_time() const { return own("sessions:by_time"); }
  std::string sessions_with(SessionStatus status) const;
  /// Sessions that are over, by when they were written last.
  std::string sessions_by_end() const { return own("sessions:by_end"); }
  /// Call -> session.
  std::string calls() const { return own("calls"); }
  /// What other programs read: JSON with the public names, kept for an hour after the last change.
  std::string session(const SessionId& id) const { return own("session:" + id.str()); }
  /// Where the conversation stands, with its last turns; kept as long.
  std::string context(const SessionId& id) const { return own("context:" + id.str()); }
  /// Stream; the tenant-wide number is the id of the entry.
  std::string events() const { return own("events"); }
  /// Tenant-wide numbers by the session's own.
  std::string events_of(const SessionId& id) const { return own("events:" + id.str()); }
  std::string records() const { return own("records"); }
  std::string records_by_time() const { return own("records:by_time"); }
  std::string records_by_external_id() const { return own("records:external"); }
  /// Appointments by their end.
  std::string bookings() const { return own("records:bookings"); }
  std::string inbox() const { return own("inbox"); }
  /// Its fields by when they came.
  std::string inbox_by_time() const { return own("inbox:by_time"); }
  std::string outbox() const { return own("outbox"); }
  std::string outbox_with(OutboxEntry::State state) const;
  /// Highest id that any entry ever had.
  std::string outbox_last() const { return own("outbox:last"); }
  std::string customers() const { return own("customers"); }
  /// The answers of one minute; they go away by themselves.
  std::string requests(std::int64_t minute) const;

  /// One record per session that is over, and how many sessions count. `month` is "2026-11".
  std::string usage(std::string_view month) const;
  std::string usage_count(std::string_view month) const;
  /// The months that have records.
  std::string usage_months() const { return usage_ + "months"; }

  /// What all keys begin with.
  const std::string& business_prefix() const { return business_; }
  const std::string& usage_prefix() const { return usage_; }

  /// Everything above that takes no argument or one of few: what is looked at before anything is
  /// written, and watched meanwhile.
  std::vector<RedisFixedKey> fixed() const;

 private:
  std::string own(std::string_view what) const { return business_ + std::string(what); }

  std::string business_;
  std::string usage_;
};

/// "2026-11", in UTC.
std::string usage_month(WallTime at);

}  // namespace voicectl::runtime
