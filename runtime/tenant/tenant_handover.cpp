// SPDX-License-Identifier: Apache-2.0
// How a tenant leaves a process, and how it comes into one, while its connections stay open.
#include <array>
#include <utility>

#include "runtime/tenant/tenant_inner.h"

namespace voicectl::runtime {
namespace {

/// For peers that have their last answer and have not hung up yet.
constexpr Duration kGoodbyeGrace = std::chrono::milliseconds(2500);
constexpr Duration kGoneCheck = std::chrono::milliseconds(50);

constexpr std::array kTraffic{Traffic::kApi, Traffic::kWebhook};
constexpr std::array kReasons{BusyReason::kTenant,   BusyReason::kKey,     BusyReason::kStranger,
                              BusyReason::kInFlight, BusyReason::kForgery, BusyReason::kSockets};

Error moving() {
  return {ErrorCode::kUnavailable, "cannot change sessions: the tenant is moving; try again"};
}

/// The name as this process keeps it, for the life of the process.
template <typename All>
std::string_view own_name(const All& all, std::string_view name) {
  for (const auto one : all) {
    if (name_of(one) == name) {
      return name_of(one);
    }
  }
  return name_of(all.front());
}

}  // namespace

void TenantHost::quiesce() {
  inner_->server.stop_accepting();
  inner_->server.park();
  inner_->outbox.rest();
}

bool TenantHost::is_quiet() const {
  return inner_->counters->requests_in_progress == 0 && inner_->outbox.is_at_rest();
}

void TenantHost::unquiesce() {
  inner_->outbox.wake();
  inner_->server.unpark();
  inner_->serve_listeners();
}

TenantCarry TenantHost::Inner::carry() const {
  TenantCarry carried;
  carried.counts.requests = counters->requests;
  carried.counts.tool_calls = counters->tool_calls;
  carried.counts.requests_total = counters->requests_total;
  carried.counts.tool_calls_total = counters->tool_calls_total;
  for (const auto& [key, count] : counters->refusals) {
    carried.counts.refusals.emplace(std::pair(std::string(key.first), std::string(key.second)),
                                    count);
  }
  carried.shares = scope.traffic.shares();
  carried.forgeries = scope.forgeries.memory();
  carried.event_lag = book.event_lag();
  carried.outbox = outbox.counts();
  carried.sides = outbox.side_counts();
  carried.erpnext = erp.figures();
  carried.promised = erp.promised();
  carried.promises = erp.tools().promises();
  return carried;
}

void TenantHost::Inner::go_on_with(const TenantCarry& carried) {
  counters->requests = carried.counts.requests;
  counters->tool_calls = carried.counts.tool_calls;
  counters->requests_total = carried.counts.requests_total;
  counters->tool_calls_total = carried.counts.tool_calls_total;
  for (const auto& [key, count] : carried.counts.refusals) {
    counters->refusals[{own_name(kTraffic, key.first), own_name(kReasons, key.second)}] += count;
  }
  scope.traffic.go_on_with(carried.shares);
  scope.forgeries.go_on_with(carried.forgeries);
  book.count_lag_from(carried.event_lag);
  outbox.count_from(carried.outbox, carried.sides);
  erp.go_on_with(carried.promised, carried.promises, carried.erpnext);
}

void TenantHost::release(FencingToken next, Completion<TenantCarry> done) {
  inner_->outbox.stop();
  inner_->sessions.finish_customers([this, next, done = std::move(done)] {
    inner_->book.suspend(moving());
    inner_->store.release(next, [this, done](const Status& released) {
      released.has_error() ? done(released.error()) : done(inner_->carry());
    });
  });
}

void TenantHost::begin_copy() {
  inner_->server.begin_copy();
}

std::size_t TenantHost::changes() const {
  return inner_->server.changes();
}

ConnectionChanges TenantHost::take_changes(std::size_t most, std::size_t most_bytes) {
  return inner_->server.take_changes(most, most_bytes);
}

void TenantHost::end_copy() {
  inner_->server.end_copy();
}

std::size_t TenantHost::freeze() {
  if (inner_->gate) {
    // From here on another process may have them, and we are not to leave them to a third.
    inner_->gate->close();
  }
  return inner_->server.freeze();
}

void TenantHost::take_back(FencingToken token, std::function<void(Status)> done) {
  const WorkScope scope(inner_->account.get());
  inner_->lease.token = token;
  inner_->store.renew(token);
  if (inner_->gate) {
    inner_->gate->open();
  }
  inner_->server.thaw();
  inner_->book.reopen([this, done = std::move(done)](const Status& outcome) {
    inner_->server.unpark();
    inner_->serve_listeners();
    inner_->live.review();
    inner_->outbox.wake();
    done(outcome);
  });
}

void TenantHost::leave(std::function<void()> done) {
  inner_->outbox.stop();
  inner_->server.let_go([this, done = std::move(done)] {
    inner_->store.close(
        [this, done] { inner_->wait_gone(inner_->deps.reactor.now() + kGoodbyeGrace, done); });
  });
}

void TenantHost::Inner::wait_gone(MonoTime until, std::function<void()> done) {
  if (server.connections() == 0 || deps.reactor.now() >= until) {
    done();
    return;
  }
  close_timer = deps.reactor.call_after(kGoneCheck, [this, until, done = std::move(done)] {
    close_timer.reset();
    wait_gone(until, done);
  });
}

Result<std::unique_ptr<TenantHost>> TenantHost::prepare(const TenantDeps& deps,
                                                        Offload& offload,
                                                        TenantLease lease,
                                                        Notice notice) {
  VC_TRY(LoadedConfig loaded, load_config(deps.files, lease.config_path));
  VC_TRY(require_descriptors(lease));
  const WorkAccountPtr account = open_account(deps);
  const WorkScope scope(account.get());
  std::unique_ptr<TenantHost> host(new TenantHost(std::make_unique<Inner>(
      deps, offload, std::move(lease), std::move(notice), std::move(loaded))));
  host->inner_->server.hold();
  host->inner_->live.hold();
  return host;
}

void TenantHost::open_prepared(TenantCarry carried, std::function<void(Status)> done) {
  const WorkScope scope(inner_->account.get());
  inner_->outbox.hold();
  inner_->book.open(
      [this, carried = std::move(carried), done = std::move(done)](const Status& outcome) {
        if (outcome.has_value()) {
          inner_->go_on_with(carried);
          // A timer must not change what the other process may yet go on with.
          inner_->book.suspend(moving());
          // What cannot be read now was read when this began.
          (void)reload_keys();
        }
        done(outcome);
      });
}

Status TenantHost::adopt(CopyId id, UniqueFd socket, ConnectionState state) {
  inner_->misfit.reset();
  VC_TRY(inner_->server.adopt_copy(id, std::move(socket), std::move(state)));
  return inner_->misfit ? Status(*inner_->misfit) : ok_status();
}

Status TenantHost::drop(CopyId id) {
  return inner_->server.drop_copy(id);
}

void TenantHost::drop_copies(std::function<void()> done) {
  inner_->server.let_go(std::move(done));
}

void TenantHost::go() {
  const WorkScope scope(inner_->account.get());
  inner_->book.go_on();
  // A key may have been revoked meanwhile. What cannot be read now was read when this began.
  (void)reload_keys();
  inner_->server.go();
  inner_->live.go();
  inner_->serve_listeners();
  inner_->outbox.wake();
}

}  // namespace voicectl::runtime
