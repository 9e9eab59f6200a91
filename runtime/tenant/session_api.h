// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/os/reactor.h"
#include "runtime/tenant/customer_book.h"
#include "runtime/tenant/erp_side.h"
#include "runtime/tenant/exchange.h"
#include "runtime/tenant/tenant_scope.h"

namespace voicectl::runtime {

/// Why a session ended whose end was never told.
inline constexpr std::string_view kNeverToldReason = "timeout";

/// Creates, shows and ends sessions. Requests come here authorised.
///
/// THREADS: loop thread only.
class SessionApi {
 public:
  /// REQUIRES: `scope` outlives it.
  SessionApi(TenantScope& scope, ErpSide& erp);
  SessionApi(const SessionApi&) = delete;
  SessionApi& operator=(const SessionApi&) = delete;

  /// 201 with the session, its addresses and its token, once it is durable and has a call.
  void create(const std::shared_ptr<Exchange>& exchange);
  void list(const std::shared_ptr<Exchange>& exchange);
  void end(const std::shared_ptr<Exchange>& exchange);

  /// Ends a session and its call. One that has ended already is success.
  /// ERRORS: kNotFound; as SessionBook::commit.
  void end_session(const SessionId& id, std::string reason, Completion<Session> done);

  /// Whether the session's call is being made here.
  bool is_creating(const SessionId& id) const { return creating_.count(id) > 0; }

  /// Stores what is only remembered so far, then goes on: the store is about to be closed.
  void finish_customers(std::function<void()> then) { customers_.finish(std::move(then)); }

 private:
  struct Creation;

  void recognise(const std::shared_ptr<Creation>& creation);
  void begin(const std::shared_ptr<Creation>& creation);
  void store_new(const std::shared_ptr<Creation>& creation);
  void request_call(const std::shared_ptr<Creation>& creation);
  void take_call(const std::shared_ptr<Creation>& creation, const ultravox::Call& call);
  void fail(const std::shared_ptr<Creation>& creation, const Error& problem, HttpResponse response);
  void finish(const std::shared_ptr<Creation>& creation, Change change, HttpResponse response);
  void change_end(const Session& session,
                  std::string reason,
                  std::optional<StoredResponse> response,
                  Completion<Session> done);
  void hang_up(const std::string& session, const std::string& call_id);

  TenantScope& scope_;
  ErpSide& erp_;
  CustomerBook customers_;
  /// Sessions whose call is being created here.
  std::set<SessionId> creating_;
  std::shared_ptr<SessionApi*> self_;
};

/// The answer to a created session, without its token.
std::string render_created(const TenantConfig& config, const Session& session);

/// A stored answer as it is sent: a created session gets its token, which is stored nowhere.
HttpResponse render_stored(const TenantConfig& config, const StoredResponse& response);

}  // namespace voicectl::runtime
