// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/tool_dispatch.h"

#include <fmt/core.h>

#include <boost/hana/functional/overload.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/json_text.h"
#include "runtime/webhook/remote_tools.h"

namespace voicectl::runtime {
namespace {

void note_effect(Session& session, const ToolCall& call, const ToolEffect& effect, WallTime now) {
  session.last_tool_call =
      ToolCallRecord{std::string(call.tool->name), call.body, effect.answer, now};
  session.step = "collecting";
  if (!effect.events.empty()) {
    session.extracted_data = call.body;
  }
  if (effect.record) {
    session.step = "done";
    session.business_outcome = name_of(effect.events.front().type);
    session.reference_doctype = effect.doctype;
    session.reference_document = effect.record->id;
  }
}

NewEvent tool_called(const ToolCall& call, const ToolEffect& effect) {
  constexpr std::size_t kWords = 64;
  JsonText out(kWords + call.body.size() + effect.answer.size());
  return {EventType::kToolCalled, out.text("tool", call.tool->name)
                                      .json("parameters", call.body)
                                      .json("result", effect.answer)
                                      .take()};
}

Error no_session(const SessionId& id) {
  return {ErrorCode::kNotFound,
          fmt::format("cannot run a tool: there is no session '{}'", id.str())};
}

}  // namespace

Change change_of_tool(const Session& session,
                      const ToolCall& call,
                      ToolEffect effect,
                      WallTime now) {
  Change change;
  change.session = session;
  ++change.session->tool_calls;
  note_effect(*change.session, call, effect, now);
  change.events.push_back(tool_called(call, effect));
  for (NewEvent& event : effect.events) {
    change.events.push_back(std::move(event));
  }
  if (effect.record) {
    change.records.push_back(std::move(*effect.record));
  }
  return change;
}

void ask_tool(Backend& backend,
              const std::shared_ptr<const ToolRequest>& request,
              Completion<ToolEffect> done) {
  const auto answer_with = [&request, &done](const auto& asked) {
    // `asked` lies in the request.
    return [request, &asked, done = std::move(done)](auto outcome) {
      done(outcome.has_error() ? Result<ToolEffect>(outcome.error())
                               : Result<ToolEffect>(effect_of(*outcome, asked)));
    };
  };
  std::visit(
      boost::hana::overload(
          [&](const OrderRequest& order) { backend.place_order(order, answer_with(order)); },
          [&](const AppointmentRequest& appointment) {
            backend.book_appointment(appointment, answer_with(appointment));
          },
          [&](const TicketRequest& ticket) { backend.create_ticket(ticket, answer_with(ticket)); },
          [&](const Refusal& refusal) { done(effect_of(refusal)); }),
      *request);
}

ToolDispatch::ToolDispatch(SessionBook& book,
                           Backend& backend,
                           RemoteTools& remote,
                           const WallClock& clock)
    : book_(book),
      backend_(backend),
      remote_(remote),
      clock_(clock),
      self_(std::make_shared<ToolDispatch*>(this)) {}

void ToolDispatch::run(ToolCall call, Completion<std::string> done) {
  // It stays with its session, twice.
  constexpr std::size_t kMaxParameters = std::size_t{64} << 10;
  if (call.body.size() > kMaxParameters) {
    done(Error(ErrorCode::kInvalidArgument,
               fmt::format("cannot run a tool: its parameters have {} bytes; at most {} are taken",
                           call.body.size(), kMaxParameters)));
    return;
  }
  const Result<Json> parameters = parse_json(call.body);
  if (parameters.has_error()) {
    done(parameters.error().with_context("reading the parameters of a tool"));
    return;
  }
  // A tool whose result could not be kept is not run: the business would act on it in vain.
  if (book_.broken()) {
    done(*book_.broken());
    return;
  }
  const Session* session = book_.find(call.session);
  if (session == nullptr) {
    done(no_session(call.session));
    return;
  }
  if (!is_live(session->status)) {
    done(Error(ErrorCode::kConflict,
               fmt::format("cannot run a tool: session '{}' has ended", call.session.str())));
    return;
  }
  call.body = dump_json(*parameters);
  ToolRequest request = read_tool_request(*call.tool, *parameters);
  const bool is_question = std::holds_alternative<Refusal>(request);
  if (backend_.reach() == Backend::Reach::kBeyond && !is_question) {
    remote_.run({std::move(call), std::move(request)}, std::move(done));
    return;
  }
  run_here(std::make_shared<const ToolCall>(std::move(call)),
           std::make_shared<const ToolRequest>(std::move(request)), std::move(done));
}

void ToolDispatch::run_here(std::shared_ptr<const ToolCall> call,
                            const std::shared_ptr<const ToolRequest>& request,
                            Completion<std::string> done) {
  ask_tool(backend_, request,
           [this, call = std::move(call), done = std::move(done),
            alive = std::weak_ptr(self_)](Result<ToolEffect> effect) {
             if (alive.expired()) {
               return;
             }
             if (effect.has_error()) {
               done(effect.error());
               return;
             }
             store(*call, std::move(*effect), done);
           });
}

void ToolDispatch::store(const ToolCall& call, ToolEffect effect, Completion<std::string> done) {
  const Session* session = book_.find(call.session);
  if (session == nullptr) {
    done(no_session(call.session));
    return;
  }
  const std::string answer = effect.answer;
  Change change = change_of_tool(*session, call, std::move(effect), clock_.now());
  if (call.request_key) {
    change.response = StoredResponse{*call.request_key, 200, answer, clock_.now()};
  }
  book_.commit(std::move(change), [answer, done = std::move(done)](const Status& outcome) {
    done(outcome.has_error() ? Result<std::string>(outcome.error()) : Result<std::string>(answer));
  });
}

}  // namespace voicectl::runtime
