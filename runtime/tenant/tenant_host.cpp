// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/tenant_host.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "base/json.h"
#include "runtime/tenant/choose_store.h"
#include "runtime/tenant/origins.h"
#include "runtime/tenant/session_requests.h"
#include "runtime/tenant/tenant_inner.h"

namespace voicectl::runtime {
namespace {

constexpr std::size_t kMaxConfig = 4U << 20;

/// WebSocket close code of a server that is being replaced (RFC 6455 registry).
constexpr std::uint16_t kServiceRestart = 1012;

/// How long requests may take to be finished when a tenant is closed. Longer than a request to
/// Ultravox may take, so that no session is created and then not handed out.
constexpr Duration kRequestGrace = std::chrono::seconds(12);

/// How long peers may take after that to read their answers, to answer a close frame, and to hang
/// up. New connections wait all the while, and a peer that does not gains nothing by more time.
constexpr Duration kGoodbyeGrace = std::chrono::milliseconds(500);

/// How often it is looked whether they have. The server does not tell.
constexpr Duration kCloseCheck = std::chrono::milliseconds(5);

/// The keys of a tenant as their file has them.
Result<std::vector<ApiKey>> load_keys(FileSystem& files, const TenantConfig& config) {
  VC_TRY(const std::optional<std::string> text, files.read(config.keys_file, kMaxConfig));
  if (!text) {
    // No key was ever made.
    return std::vector<ApiKey>();
  }
  Result<std::vector<ApiKey>> keys = parse_tenant_keys(*text, config.tenant);
  if (keys.has_error()) {
    return keys.error().with_context(fmt::format("reading '{}'", config.keys_file));
  }
  return keys;
}

Result<TenantConfig> read_config(FileSystem& files, const std::string& path) {
  VC_TRY(const std::optional<std::string> text, files.read(path, kMaxConfig));
  if (!text) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("cannot find the tenant configuration '{}'", path));
  }
  Result<TenantConfig> config = parse_tenant_config(*text);
  if (config.has_error()) {
    return config.error().with_context(fmt::format("reading '{}'", path));
  }
  if (!config->keys_file.empty()) {
    VC_TRY(config->api_keys, load_keys(files, *config));
  }
  return config;
}

}  // namespace

Result<LoadedConfig> load_config(FileSystem& files, const std::string& path) {
  VC_TRY(TenantConfig config, read_config(files, path));
  VC_TRY(TimeZone zone, load_time_zone(files, config.business.time_zone));
  VC_TRY(SiteClocks clocks, load_clocks(files, config, zone));
  return LoadedConfig{std::move(config), std::move(zone), std::move(clocks)};
}

WorkAccountPtr open_account(const TenantDeps& deps) {
  return deps.meter == nullptr ? nullptr : deps.meter->open();
}

Status require_descriptors(const TenantLease& lease) {
  // Two to accept with, one to wait with, and one to spare. They are free again at once.
  constexpr std::size_t kNeeded = 4;
  const UniqueFd& any = lease.tcp_listener.is_open() ? lease.tcp_listener : lease.unix_listener;
  std::vector<UniqueFd> free;
  for (std::size_t i = 0; any.is_open() && i < kNeeded; ++i) {
    // The lease keeps the listener open, so it takes no time to close a duplicate.
    free.emplace_back(any.duplicate().release());
    if (!free.back().is_open()) {
      return Error(ErrorCode::kResourceExhausted,
                   "cannot serve the tenant: this process has no descriptors left");
    }
  }
  return ok_status();
}

TenantHost::Inner::Inner(
    const TenantDeps& of, Offload& offload, TenantLease with, Notice tell, LoadedConfig loaded)
    : deps(of),
      lease(std::move(with)),
      notice(std::move(tell)),
      config(std::make_shared<const TenantConfig>(std::move(loaded.config))),
      store_owner(choose_store(*config,
                               {deps.reactor, deps.random, offload, lease.data_folder, lease.token,
                                [this](const std::string& warning) { store_warning = warning; }})),
      store(*store_owner),
      book({deps.reactor, deps.clock, deps.random, store, hub, deps.instance},
           {[this](const Error& error, std::optional<Duration>) {
              was_broken = true;
              outbox.stop();
              notice(error);
            },
            [this](const StoreContents& contents) { adopt_store(contents); }}),
      outbox({deps.reactor, deps.clock, deps.random, store, book,
              [this](const OutboxEntry& entry) {
                if (deps.on_dead_effect) {
                  deps.on_dead_effect(config->tenant, entry);
                }
              }}),
      memory([this](const StoredResponse& stored) { return render_stored(*config, stored); }),
      backend(config->business, loaded.zone, {}, deps.clock, deps.random),
      erp({deps.reactor, deps.clock, book, outbox, deps.http, deps.files,
           [this](const std::string& record) { news.on_record_known(record); }},
          *config,
          std::move(loaded.clocks)),
      scope{deps.reactor, deps.clock, deps.random, config, std::move(loaded.zone), hub,
            store,        book,       outbox,      memory, make_client(),          counters},
      calls(scope.ultravox,
            deps.clock,
            book,
            {[this](const Session& session) { return erp.on_session_news(session, "transcript"); },
             [this](const Session& session,
                    const ultravox::Call& call,
                    const std::vector<ultravox::CallMessage>& messages) {
               return erp.outcomes_of(session, call, messages);
             },
             [this](const std::string& record) { news.on_record_known(record); },
             [this](const SessionId& session) {
               return make_instruction_marks(config->tool_secret, session);
             }}),
      news({store, book, outbox, [this] { return records_may_come(); }}),
      poll({deps.reactor, deps.clock, deps.random, store, book, news,
            [this] { return erp.has_site(); },
            [this](const std::string& doctype,
                   const std::vector<std::string>& names,
                   Completion<ErpnextAnswer> done) {
              erp.read_documents(doctype, names, std::move(done));
            }}),
      events(scope, erp),
      sessions(scope, erp),
      watch(scope, sessions, events, {}),
      webhooks(scope, backend, erp, news, events),
      live(scope),
      insight(scope),
      retention({deps.reactor, deps.clock, store, book, [this] { return config->retention; }}),
      gatekeeper(scope),
      server(
          deps.reactor,
          {[this](HttpRequest request, std::shared_ptr<Responder> responder) {
             take(std::move(request), std::move(responder));
           },
           [this](const std::string& tag,
                  const std::string& note,
                  const std::shared_ptr<WebSocket>& socket) { take_adopted(tag, note, socket); }}) {
  outbox.add(std::string(kCallEffects), calls);
  outbox.add(std::string(RecordNews::kKind), news);
  erp.add_to(outbox);
  if (deps.parking != nullptr) {
    gate.emplace(*deps.parking, config->tenant.str());
    server.keep_at(*gate);
  }
}

/// An order that the site has made, and we do not know yet: its answer is on its way, or the call
/// in which the site made it has not been read.
bool TenantHost::Inner::records_may_come() const {
  const bool is_direct =
      config->backend.kind == BackendKind::kErpnext && config->backend.mode == BackendMode::kDirect;
  return outbox.waits_for(RemoteTools::kPrefix) ||
         (is_direct && (book.table().live() > 0 || outbox.waits_for(kFetchCall)));
}

std::shared_ptr<ultravox::UltravoxClient> TenantHost::Inner::make_client() const {
  ultravox::UltravoxOptions options;
  options.endpoint = config->ultravox.endpoint;
  options.timeout = deps.ultravox_timeout;
  // No file is for the stand-in, which asks for no key.
  options.api_key = config->ultravox.api_key_file.empty()
                        ? ultravox::fixed_api_key(Secret())
                        : ultravox::api_key_from_file(deps.files, config->ultravox.api_key_file);
  return std::make_shared<ultravox::UltravoxClient>(deps.reactor, deps.http, std::move(options));
}

void TenantHost::Inner::adopt_store(const StoreContents& contents) {
  if (std::exchange(was_broken, false)) {
    notice(std::nullopt);
  }
  memory.load(contents.responses);
  backend.restore(contents.bookings);
  outbox.resume(contents);
  news.resume(contents.outbox);
  watch.watch_unfinished();
}

void TenantHost::Inner::take(HttpRequest request, std::shared_ptr<Responder> responder) {
  RouteMatch match = match_route(request.method, request.path);
  const std::string allowed = match.allowed;
  const auto exchange = std::make_shared<Exchange>(std::move(request), std::move(responder),
                                                   std::move(match), counters);
  if (is_preflight(exchange->request()) && !allowed.empty()) {
    gatekeeper.answer_preflight(exchange, allowed);
    return;
  }
  if (exchange->route() != nullptr) {
    gatekeeper.check(exchange, [this, exchange] { carry_out(exchange); });
    return;
  }
  if (allowed.empty()) {
    exchange->refuse(404, "not_found", "cannot find anything at that path");
    return;
  }
  HttpResponse response =
      error_response(405, "method_not_allowed", "cannot use that method here; allowed: " + allowed);
  response.headers.emplace_back("Allow", allowed);
  exchange->answer(std::move(response));
}

void TenantHost::Inner::carry_out(const std::shared_ptr<Exchange>& exchange) {
  switch (exchange->route()->operation) {
    case Operation::kShowHealth:
      return show_health(exchange);
    case Operation::kCreateSession:
      return sessions.create(exchange);
    case Operation::kListSessions:
      return sessions.list(exchange);
    case Operation::kShowSession:
      return show_session(exchange);
    case Operation::kEndSession:
      return sessions.end(exchange);
    case Operation::kFollowSession:
      return with_session(exchange, [this, exchange](const Session& session) {
        live.follow_session(exchange, session);
      });
    case Operation::kFollowTenant:
      return live.follow_tenant(exchange);
    case Operation::kShowUsage:
      return insight.show_usage(exchange);
    case Operation::kShowAnalytics:
      return insight.show_analytics(exchange);
    case Operation::kListRecords:
      return insight.list_records(exchange);
    case Operation::kTakeCallEvent:
      return webhooks.take_call_event(exchange);
    case Operation::kTakeRecordUpdate:
      return webhooks.take_record_update(exchange);
    case Operation::kRunTool:
      return webhooks.run_tool(exchange);
  }
}

void TenantHost::Inner::show_health(const std::shared_ptr<Exchange>& exchange) const {
  const bool writable = !book.broken();
  exchange->answer(
      json_response(writable ? 200 : 503, dump_json(Json{{"status", writable ? "ok" : "read_only"},
                                                         {"tenant", config->tenant.str()},
                                                         {"instance", deps.instance.str()},
                                                         {"sessions", book.table().live()}})));
}

void TenantHost::Inner::show_session(const std::shared_ptr<Exchange>& exchange) {
  with_session(exchange, [exchange](const Session& session) {
    exchange->answer(json_response(200, to_public_text(session)));
  });
}

void TenantHost::Inner::with_session(const std::shared_ptr<Exchange>& exchange,
                                     std::function<void(const Session&)> found) {
  const Result<SessionId> id = SessionId::parse(exchange->parameter("session"));
  if (id.has_error()) {
    exchange->refuse(404, "not_found", "cannot find the session");
    return;
  }
  book.fetch(*id,
             [exchange, found = std::move(found)](const Result<std::optional<Session>>& session) {
               const Status problem = require_found(session);
               if (problem.has_error()) {
                 exchange->refuse(problem.error());
                 return;
               }
               found(**session);
             });
}

void TenantHost::Inner::wait_for_connections(Deadlines until, std::function<void()> done) {
  const MonoTime now = deps.reactor.now();
  const bool busy = counters->requests_in_progress > 0;
  if (busy) {
    until.goodbyes = now + kGoodbyeGrace;
  }
  const bool over = now >= (busy ? until.requests : until.goodbyes);
  if (server.connections() == 0 || over) {
    outbox.stop();
    sessions.finish_customers([this, done = std::move(done)] { store.close(done); });
    return;
  }
  close_timer = deps.reactor.call_after(kCloseCheck, [this, until, done = std::move(done)] {
    close_timer.reset();
    wait_for_connections(until, done);
  });
}

void TenantHost::Inner::serve_listeners() {
  for (const UniqueFd* listener : {&lease.unix_listener, &lease.tcp_listener}) {
    if (listener->is_open()) {
      server.serve(listener->duplicate());
    }
  }
}

TenantHost::TenantHost(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}

TenantHost::~TenantHost() = default;

void TenantHost::open(const TenantDeps& deps,
                      Offload& offload,
                      TenantLease lease,
                      Notice notice,
                      Completion<std::unique_ptr<TenantHost>> done) {
  Result<LoadedConfig> loaded = load_config(deps.files, lease.config_path);
  if (const Status possible = require_descriptors(lease); possible.has_error()) {
    loaded = possible.error();
  }
  if (loaded.has_error()) {
    deps.reactor.post([done = std::move(done), error = loaded.error()] { done(error); });
    return;
  }
  const WorkAccountPtr account = open_account(deps);
  const WorkScope scope(account.get());
  // The opening owns the host until it is over: nobody else knows of it yet.
  const auto host =
      std::make_shared<std::unique_ptr<TenantHost>>(new TenantHost(std::make_unique<Inner>(
          deps, offload, std::move(lease), std::move(notice), std::move(*loaded))));
  Inner& inner = *(*host)->inner_;
  inner.book.open([host, &inner, done = std::move(done)](const Status& outcome) {
    if (outcome.has_error()) {
      // Not destroyed here: this very callback belongs to it.
      inner.deps.reactor.post([host] {});
      done(outcome.error());
      return;
    }
    // A key may have been revoked while the store was being opened.
    if (const Status keys = (*host)->reload_keys(); keys.has_error()) {
      inner.deps.reactor.post([host] {});
      done(keys.error());
      return;
    }
    inner.serve_listeners();
    done(std::move(*host));
  });
}

Status TenantHost::reconfigure(const std::string& config_path) {
  VC_TRY(LoadedConfig loaded, load_config(inner_->deps.files, config_path));
  if (loaded.config.tenant != inner_->config->tenant) {
    return Error(
        ErrorCode::kInvalidArgument,
        fmt::format("cannot configure tenant '{}' from '{}': the file is of tenant '{}'",
                    inner_->config->tenant.str(), config_path, loaded.config.tenant.str()));
  }
  const bool other_service = !(loaded.config.ultravox == inner_->config->ultravox);
  inner_->config = std::make_shared<const TenantConfig>(std::move(loaded.config));
  inner_->lease.config_path = config_path;
  inner_->scope.config = inner_->config;
  inner_->scope.zone = loaded.zone;
  inner_->backend.reconfigure(inner_->config->business, std::move(loaded.zone));
  inner_->erp.reconfigure(*inner_->config, std::move(loaded.clocks));
  inner_->live.review();
  if (other_service) {
    inner_->old_clients.push_back(std::exchange(inner_->scope.ultravox, inner_->make_client()));
  }
  return ok_status();
}

Status TenantHost::reload_keys() {
  const TenantConfig& present = *inner_->config;
  if (present.keys_file.empty()) {
    return ok_status();
  }
  VC_TRY(std::vector<ApiKey> keys, load_keys(inner_->deps.files, present));
  if (keys == present.api_keys) {
    inner_->live.review_if_serving();
    return ok_status();
  }
  auto next = std::make_shared<TenantConfig>(present);
  next->api_keys = std::move(keys);
  inner_->config = std::move(next);
  inner_->scope.config = inner_->config;
  inner_->live.review();
  inner_->scope.traffic.keep_only(inner_->config->api_keys);
  return ok_status();
}

void TenantHost::close(std::function<void()> done) {
  inner_->server.stop_accepting();
  inner_->server.drain(kServiceRestart, "service restart");
  const MonoTime now = inner_->deps.reactor.now();
  inner_->wait_for_connections({now + kRequestGrace, now + kGoodbyeGrace}, std::move(done));
}

const TenantConfig& TenantHost::config() const {
  return *inner_->config;
}

FencingToken TenantHost::token() const {
  return inner_->lease.token;
}

Status TenantHost::renew(FencingToken token) {
  if (token < inner_->lease.token) {
    return Error(ErrorCode::kFenced,
                 fmt::format("cannot take tenant '{}' with token {}: it is held with token {}",
                             inner_->config->tenant.str(), token.value, inner_->lease.token.value));
  }
  inner_->lease.token = token;
  return ok_status();
}

void TenantHost::listen(UniqueFd unix_listener, UniqueFd tcp_listener) {
  inner_->server.stop_accepting();
  inner_->lease.unix_listener = std::move(unix_listener);
  inner_->lease.tcp_listener = std::move(tcp_listener);
  inner_->serve_listeners();
}

const UniqueFd& TenantHost::unix_listener() const {
  return inner_->lease.unix_listener;
}

const UniqueFd& TenantHost::tcp_listener() const {
  return inner_->lease.tcp_listener;
}

TenantLoad TenantHost::load() const {
  return {inner_->book.table().live(),
          inner_->server.connections(),
          inner_->server.websockets(),
          inner_->book.event_lag(),
          inner_->counters,
          !inner_->book.broken(),
          inner_->recovered,
          inner_->account ? std::optional(inner_->account->processor_time()) : std::nullopt,
          inner_->server.bytes(),
          {.own = sizeof(Inner) + sizeof(TenantCounters),
           .sessions = inner_->book.table().bytes(),
           .connections = inner_->server.memory(),
           .answers = inner_->memory.bytes(),
           .database = inner_->store.memory().count},
          inner_->outbox.dead()};
}

LatencyHistogram TenantHost::take_latency() {
  return inner_->counters->take_latency();
}

TenantEffects TenantHost::effects() const {
  return {inner_->outbox.figures(), inner_->erp.figures(), inner_->erp.tools().promises()};
}

const std::string& TenantHost::store_warning() const {
  return inner_->store_warning;
}

SessionStore& TenantHost::store() {
  return inner_->store;
}

Outbox& TenantHost::outbox() {
  return inner_->outbox;
}

void TenantHost::end_session(const SessionId& id, std::string reason, Completion<Session> done) {
  inner_->sessions.end_session(id, std::move(reason), std::move(done));
}

}  // namespace voicectl::runtime
