// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/runtime/erpnext/simulated_tenant.h"

#include <algorithm>

#include "base/check.h"
#include "runtime/net/request_target.h"

namespace voicectl::runtime {
namespace {

constexpr const char* kUrl = "https://erp.example.com";

ErpnextSettings a_site() {
  ErpnextSettings settings;
  settings.url = kUrl;
  settings.company = "Acme";
  return settings;
}

Session a_session() {
  const TenantId tenant = *TenantId::parse("acme");
  Session session(make_session_id(tenant, "0123456789abcdef"), tenant);
  session.status = SessionStatus::kActive;
  session.created_at = SimWallClock::kStart;
  return session;
}

}  // namespace

SimulatedTenant::Process::Process(SimulatedTenant& tenant)
    : loop(tenant.world),
      store(loop, tenant.disk, FencingToken{1}),
      book({loop, tenant.clock, tenant.random, store, hub, *InstanceId::parse("shared-0")},
           {[this](const Error&, std::optional<Duration>) { outbox->stop(); },
            [this](const StoreContents& contents) { outbox->resume(contents); }}),
      client({loop,
              [&tenant](HttpCall call, Completion<HttpResponse> done) {
                tenant.transport(call, done);
              },
              [] { return Result<Secret>(Secret("key:secret")); }},
             a_site()),
      backend(client, {}),
      tools({loop, tenant.clock, book,
             outbox.emplace(Outbox::Deps{loop, tenant.clock, tenant.random, store, book}),
             backend}),
      archive(client, book),
      dispatch(book, backend, tools, tenant.clock) {
  outbox->add(std::string(RemoteTools::kPrefix), tools);
  outbox->add(std::string(SessionArchive::kKind), archive);
}

SimulatedTenant::SimulatedTenant() {
  const Session session = a_session();
  disk.sessions.insert_or_assign(session.session.str(), session);
  start();
}

void SimulatedTenant::start() {
  process_.emplace(*this);
  process_->book.open([](const Status& outcome) { VC_CHECK(outcome.has_value(), "it opens"); });
}

void SimulatedTenant::kill() {
  process_->loop.kill();
  process_.reset();
}

void SimulatedTenant::order(const std::string& request_key, const std::string& item) {
  ToolCall call{a_session().session, find_tool(BusinessType::kRestaurant, "placeOrder"),
                R"({"customer_name":"Ann","order_type":"Takeaway","items":[{"item_name":")" + item +
                    R"(","quantity":1}]})",
                request_key.empty() ? std::nullopt : std::optional(request_key)};
  process_->dispatch.run(std::move(call), [this](const Result<std::string>& answer) {
    answers.push_back(answer.has_error() ? "error: " + answer.error().text() : *answer);
  });
}

/// The other system lives on when our process dies, and so does what is on its way to it.
void SimulatedTenant::transport(const HttpCall& call, const Completion<HttpResponse>& done) {
  const Result<RequestTarget> target =
      parse_request_target(call.url.substr(std::string(kUrl).size()));
  VC_CHECK(target.has_value(), "the client asks for a path that is one");
  const HttpRequest request{call.method,  target->path, target->query,
                            call.headers, call.body,    std::nullopt};
  SimReactorView* const asking = &process_->loop;
  const auto arrives = std::max(world.now() + one_way, site_busy_until);
  const MonoTime gives_up = world.now() + call.timeout;
  const auto answered = std::make_shared<bool>(false);
  // Registered with the process: it hears nothing any more once it is dead.
  const auto tell = std::make_shared<std::function<void(Result<HttpResponse>)>>();
  const auto heard = std::make_shared<std::optional<Result<HttpResponse>>>();
  asking->call_at(arrives + one_way, [heard, answered, done] {
    if (!*answered && *heard) {
      *answered = true;
      done(**heard);
    }
  });
  asking->call_at(gives_up, [answered, done] {
    if (!*answered) {
      *answered = true;
      done(Error(ErrorCode::kTimeout, "cannot wait any longer"));
    }
  });
  world.call_at(arrives, [this, request, heard] { *heard = site.answer(request); });
}

std::vector<std::string> SimulatedTenant::event_types() const {
  std::vector<std::string> types;
  for (const SessionEvent& event : disk.events) {
    types.push_back(event.type);
  }
  return types;
}

}  // namespace voicectl::runtime
