// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/os/asio_reactor.h"
#include "base/os/file_system.h"
#include "base/os/unique_fd.h"
#include "base/os/work_account.h"
#include "base/random.h"
#include "base/result.h"
#include "base/units.h"
#include "runtime/backend/erpnext/erpnext_client.h"
#include "runtime/net/http_client.h"
#include "runtime/net/http_server.h"
#include "runtime/outbox/outbox.h"
#include "runtime/parking/gift_reader.h"
#include "runtime/parking/parking_lot.h"
#include "runtime/session/session.h"
#include "runtime/session/session_book.h"
#include "runtime/session/session_store.h"
#include "runtime/tenant/config.h"
#include "runtime/tenant/exchange.h"
#include "runtime/tenant/tenant_carry.h"

namespace voicectl::runtime {

/// What every tenant of a process uses. All of it outlives the tenants.
struct TenantDeps {
  AsioReactor& reactor;
  const WallClock& clock;
  Random& random;
  FileSystem& files;
  HttpClient& http;
  InstanceId instance;
  /// Where WebSockets are kept against the death of this process; null: nowhere.
  parking::ParkingLot* parking = nullptr;
  /// Counts processor time; null: nobody does.
  WorkMeter* meter = nullptr;
  /// How long Ultravox may take for an answer.
  Duration ultravox_timeout = std::chrono::seconds(10);
  /// Learns of effects that were given up. May be empty.
  std::function<void(const TenantId& tenant, const OutboxEntry& entry)> on_dead_effect{};
};

/// What became of the WebSockets of a process that died.
struct RecoveredCount {
  std::uint64_t kept = 0;
  /// Closed, because it was not certain what their peers had had; by parking::name_of.
  std::map<std::string, std::uint64_t> doubtful;

  std::uint64_t all_doubtful() const;
  RecoveredCount& operator+=(const RecoveredCount& other);
};

/// What an instance is lent for a tenant.
struct TenantLease {
  FencingToken token;
  std::string config_path;
  std::string data_folder;
  UniqueFd unix_listener;
  UniqueFd tcp_listener;
};

/// Memory of this process that a tenant holds, as far as that can be said: at least so much. Not in
/// it: requests that are being answered, what waits for other systems, what its listeners and
/// sockets cost the kernel.
struct TenantMemory {
  /// The tenant itself: whatever it does, it costs so much.
  std::uint64_t own = 0;
  /// Sessions at hand: the live ones, and the last that ended.
  std::uint64_t sessions = 0;
  /// Connections, WebSockets too, with what waits in their buffers.
  std::uint64_t connections = 0;
  /// Answers of the last minutes, for requests that are repeated.
  std::uint64_t answers = 0;
  /// Its database's pages, schema and statements; 0 with a store that is elsewhere.
  std::uint64_t database = 0;

  std::uint64_t total() const { return own + sessions + connections + answers + database; }
};

/// Numbers for operators.
struct TenantLoad {
  std::size_t sessions = 0;
  std::size_t connections = 0;
  std::size_t websockets = 0;
  EventLag event_lag;
  std::shared_ptr<const TenantCounters> counters;
  bool writable = false;
  /// Of processes that died.
  RecoveredCount recovered{};
  /// Spent in its handlers, as last settled by the meter; absent without one.
  std::optional<Duration> processor_time{};
  HttpServer::Bytes bytes{};
  TenantMemory memory{};
  DeadEffects dead{};
};

/// More numbers: what is owed to other systems, and how they answer. Costs a look at every effect
/// that waits.
struct TenantEffects {
  std::vector<SideFigures> sides;
  ErpnextFigures erpnext;
  std::uint64_t promises = 0;
};

/// Everything of one tenant in one object: its listeners, connections, sessions, events, store and
/// business logic. What it holds of the process is let go with it.
///
/// THREADS: loop thread only.
class TenantHost {
 public:
  /// The store failed (with the error), or works again (nullopt). Nobody else reports it.
  using Notice = std::function<void(const std::optional<Error>& error)>;

  /// Opens the store, then begins to accept. `done` runs once. `offload` is for this tenant's
  /// disk; tenants may share one.
  /// ERRORS: kNotFound (no configuration file); kInvalidArgument (what it says); kFenced; those of
  /// the store.
  static void open(const TenantDeps& deps,
                   Offload& offload,
                   TenantLease lease,
                   Notice notice,
                   Completion<std::unique_ptr<TenantHost>> done);

  ~TenantHost();
  TenantHost(const TenantHost&) = delete;
  TenantHost& operator=(const TenantHost&) = delete;

  /// Takes the configuration file as it is now. On failure everything stays as it was.
  /// ERRORS: as `open`, without those of the store.
  Status reconfigure(const std::string& config_path);

  /// Takes the API keys as their file has them now, and closes the WebSockets that were opened with
  /// one that is no longer there. On failure everything stays as it was.
  /// ERRORS: kNotFound, kInvalidArgument; those of reading.
  Status reload_keys();

  /// Stops accepting, finishes requests, closes WebSockets with 1012, flushes the store. Then
  /// `done` runs, and only destruction may follow.
  void close(std::function<void()> done);

  const TenantConfig& config() const;
  FencingToken token() const;
  /// A newer right to the same tenant. ERRORS: kFenced if it is older.
  Status renew(FencingToken token);
  /// Accepts on these from now on, and no more on those before: the daemon may have bound the
  /// tenant anew. Connections stay.
  void listen(UniqueFd unix_listener, UniqueFd tcp_listener);
  /// Borrowed, to be duplicated; what `open` or `listen` was given.
  const UniqueFd& unix_listener() const;
  const UniqueFd& tcp_listener() const;

  /// Goes on with WebSockets of a process that died; those in doubt are closed.
  RecoveredCount recover(std::vector<parking::ParkedConnection> connections);

  // The tenant goes to another process. Before `release`, `unquiesce` makes as if nothing had been
  // begun; after it, `take_back` does.

  /// Accepts nothing more and takes no further request; what was taken is finished, WebSockets are
  /// served.
  void quiesce();
  /// Every request is answered, and nothing goes to another system.
  bool is_quiet() const;
  void unquiesce();
  /// Writes what is decided, then lets the holder of `next` write instead of us. Answers what is in
  /// memory only. REQUIRES: it is quiet. ERRORS: as SessionStore::commit.
  void release(FencingToken next, Completion<TenantCarry> done);
  // See HttpServer for these: connections are told of while they are served, until `freeze`.
  void begin_copy();
  std::size_t changes() const;
  ConnectionChanges take_changes(std::size_t most, std::size_t most_bytes);
  void end_copy();
  std::size_t freeze();
  /// Serves again, with the newer token, what was frozen or not. An error is the store's; then the
  /// tenant is served as after any failure of its store.
  void take_back(FencingToken token, std::function<void(Status)> done);
  /// Another process has it. Lets go of the connections that went there, lets those end that are
  /// ending, then runs `done`; only destruction may follow.
  void leave(std::function<void()> done);

  // The tenant comes from another process. Nothing is accepted, read or written before `go`.

  /// As `open`, but leaves the store alone: another process still has it.
  static Result<std::unique_ptr<TenantHost>> prepare(const TenantDeps& deps,
                                                     Offload& offload,
                                                     TenantLease lease,
                                                     Notice notice);
  /// Opens the store and goes on with what the other process had in memory. ERRORS: as `open`.
  void open_prepared(TenantCarry carried, std::function<void(Status)> done);
  /// See HttpServer::adopt_copy. Also before the store is open.
  /// ERRORS: kInvalidArgument for a WebSocket that nothing here can serve; kCorrupt.
  Status adopt(CopyId id, UniqueFd socket, ConnectionState state);
  Status drop(CopyId id);
  /// None of them is served here after all. A few in each turn; `done` runs after the last.
  void drop_copies(std::function<void()> done);
  void go();

  TenantLoad load() const;
  /// Latencies of requests since this was last asked.
  LatencyHistogram take_latency();
  TenantEffects effects() const;
  SessionStore& store();
  /// What the store's configuration puts at risk; empty if nothing is known of.
  const std::string& store_warning() const;
  Outbox& outbox();
  void end_session(const SessionId& id, std::string reason, Completion<Session> done);

 private:
  struct Inner;
  explicit TenantHost(std::unique_ptr<Inner> inner);

  std::unique_ptr<Inner> inner_;
};

}  // namespace voicectl::runtime
