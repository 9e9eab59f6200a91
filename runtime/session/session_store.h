// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/units.h"
#include "runtime/session/session.h"
#include "runtime/session/session_event.h"
#include "runtime/session/stored_values.h"

namespace voicectl::runtime {

/// Everything that one request changes. It becomes durable as a whole or not at all.
struct StoreBatch {
  /// When it was decided.
  WallTime at;
  std::vector<Session> sessions;
  std::vector<SessionEvent> events;
  /// REQUIRES: `sessions` has their session if there are any.
  std::vector<BusinessRecord> records;
  std::vector<InboxEntry> inbox;
  /// New entries, and known ones as they are now.
  std::vector<OutboxEntry> outbox;
  /// Entries that were delivered or dropped; ids that are not there are no error.
  std::vector<std::uint64_t> outbox_done;
  std::vector<Customer> customers;
  std::optional<StoredResponse> response;
  /// Answers older than this are dropped along the way.
  std::optional<WallTime> drop_responses_before;
  /// What has outlived its time. A session that the outbox owes something to meanwhile stays.
  Expired expired = {};
};

/// What an instance takes into memory when it begins to serve a tenant.
struct StoreContents {
  /// Live sessions, and some that ended lately.
  std::vector<Session> sessions;
  std::vector<StoredResponse> responses;
  /// Appointments that are not over.
  std::vector<Booking> bookings;
  /// Number of the tenant's last event.
  std::uint64_t last_tenant_seq = 0;
  /// Sessions since the beginning of the month that count as usage.
  std::uint64_t sessions_this_month = 0;
  /// Pending entries in the order of their ids.
  std::vector<OutboxEntry> outbox;
  /// Highest id that any entry ever had.
  std::uint64_t last_outbox_id = 0;
  /// Idempotency keys of dead entries: no new entry may have one of them.
  std::vector<std::string> dead_outbox_keys = {};
};

struct SessionQuery {
  std::optional<SessionStatus> status;
  /// `next` of the page before; empty begins with the newest.
  std::string after;
  std::uint32_t limit = 50;
  /// Only sessions created at or after this, and before this: days that follow each other have no
  /// session in common and miss none.
  std::optional<WallTime> created_after = {};
  std::optional<WallTime> created_before = {};
};

struct SessionPage {
  std::vector<Session> sessions;
  /// Where the next page begins; empty at the end.
  std::string next;
};

/// A page's place in the order newest first: "<milliseconds>.<session>".
std::string page_cursor(const Session& session);

/// Keeps the sessions of one tenant.
///
/// Every write carries the fencing token that the store was opened with, and is refused when a
/// later holder has been there.
/// Batches become durable in the order of the calls. A read sees every batch whose success was told
/// before it was asked for, and may see later ones.
/// THREADS: loop thread only. Completions run in a later turn, and not after the store's death.
class SessionStore {
 public:
  virtual ~SessionStore() = default;

  /// Opens, or opens again after a failure, and reads what is needed in memory.
  /// ERRORS: kFenced; kCorrupt; kResourceExhausted (disk full); kPermissionDenied; kUnavailable.
  virtual void open(WallTime now, Completion<StoreContents> done) = 0;

  /// Success means that the batch survives loss of power. After a failure nothing is written
  /// until `open` succeeds, and every batch behind it fails too.
  /// ERRORS: as `open`.
  virtual void commit(StoreBatch batch, std::function<void(Status)> done) = 0;

  virtual void list_sessions(SessionQuery query, Completion<SessionPage> done) = 0;
  virtual void find_session(const SessionId& id, Completion<std::optional<Session>> done) = 0;
  virtual void find_session_by_call(const std::string& call_id,
                                    Completion<std::optional<Session>> done) = 0;

  /// Events of a session with a number above `after`, in order, at most `limit`.
  virtual void read_session_events(const SessionId& id,
                                   std::uint64_t after,
                                   std::uint32_t limit,
                                   Completion<std::vector<SessionEvent>> done) = 0;
  /// Events of the tenant with a tenant-wide number above `after`, in order, at most `limit`.
  virtual void read_tenant_events(std::uint64_t after,
                                  std::uint32_t limit,
                                  Completion<std::vector<SessionEvent>> done) = 0;

  virtual void list_outbox(OutboxQuery query, Completion<std::vector<OutboxEntry>> done) = 0;
  virtual void find_outbox(std::uint64_t id, Completion<std::optional<OutboxEntry>> done) = 0;

  virtual void list_records(RecordQuery query, Completion<std::vector<KeptRecord>> done) = 0;
  /// By its own id or by its external one.
  virtual void find_record(const std::string& id, Completion<std::optional<KeptRecord>> done) = 0;
  virtual void find_customer(const std::string& phone,
                             Completion<std::optional<Customer>> done) = 0;

  /// Usage of the calendar month (UTC) that `within` lies in. It follows from the sessions that
  /// were written, by their creation, and outlives them.
  virtual void read_usage(WallTime within, Completion<UsageTotal> done) = 0;
  /// Over sessions created at or after `from` and before `to`.
  virtual void read_analytics(WallTime from, WallTime to, Completion<Analytics> done) = 0;

  /// What has outlived its time, for a batch that takes it away: at most `limit` of each kind, the
  /// oldest first. Never a session that lives or that the outbox owes something to, nor the
  /// tenant's last event, whose number must not be given again. Events go from the oldest on
  /// without leaving any out, and before their sessions.
  virtual void find_expired(ExpiryQuery query, Completion<Expired> done) = 0;
  /// Finishes what was asked before, then lets the holder of `next` in and writes nothing more;
  /// what is asked is refused until `open`. Reads still work.
  /// ERRORS: as `commit`.
  virtual void release(FencingToken next, std::function<void(Status)> done) = 0;
  /// The next `open` takes the store over with this token.
  virtual void renew(FencingToken token) = 0;

  /// Finishes what was asked before, then closes the files.
  virtual void close(std::function<void()> done) = 0;

  /// What it holds of this process's memory for itself, as of its last write; 0 where that is not
  /// known.
  virtual Bytes memory() const { return {}; }
};

}  // namespace voicectl::runtime
