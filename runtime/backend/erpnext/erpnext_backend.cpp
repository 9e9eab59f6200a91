// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/erpnext/erpnext_backend.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace voicectl::runtime {
namespace {

template <typename Outcome>
std::function<void(Refusal)> refuse_with(const Completion<Outcome>& done) {
  return [done](Refusal refusal) { done(Outcome(std::move(refusal))); };
}

template <typename Outcome>
std::function<void(const Error&)> fail_with(const Completion<Outcome>& done) {
  return [done](const Error& error) { done(error); };
}

}  // namespace

/// One request with what is made of its answer.
struct ErpnextBackend::Task {
  std::string_view doctype;
  std::string_view method;
  JsonText body;
  RequestMark mark;
  std::function<void(const Json& content)> take;
  std::function<void(Refusal)> refuse;
  std::function<void(const Error&)> fail;
};

ErpnextBackend::ErpnextBackend(ErpnextClient& client, SiteClocks clocks)
    : client_(client), clocks_(std::move(clocks)), self_(std::make_shared<ErpnextBackend*>(this)) {}

void ErpnextBackend::place_order(const OrderRequest& request, Completion<OrderOutcome> done) {
  run({"Voice Restaurant Order", kPlaceOrderMethod, render_order(request), request.mark,
       [request, done](const Json& content) { done(order_outcome(content, request)); },
       refuse_with(done), fail_with(done)});
}

void ErpnextBackend::book_appointment(const AppointmentRequest& request,
                                      Completion<AppointmentOutcome> done) {
  Result<JsonText> body = render_appointment(request, clocks_);
  if (body.has_error()) {
    done(AppointmentOutcome(Refusal{"I'm sorry, which day and time would suit you?"}));
    return;
  }
  run({"Voice Appointment", kBookAppointmentMethod, std::move(*body), request.mark,
       [this, request, done](const Json& content) {
         done(appointment_outcome(content, request, clocks_));
       },
       refuse_with(done), fail_with(done)});
}

void ErpnextBackend::create_ticket(const TicketRequest& request, Completion<TicketOutcome> done) {
  run({"Voice Support Ticket", kCreateTicketMethod, render_ticket(request), request.mark,
       [request, done](const Json& content) { done(ticket_outcome(content, request)); },
       refuse_with(done), fail_with(done)});
}

void ErpnextBackend::run(Task task) {
  const auto shared = std::make_shared<Task>(std::move(task));
  const bool maybe_there = shared->mark.repetition == Repetition::kPossible;
  maybe_there ? look_up(shared, WhenMissing::kAsk) : ask(shared);
}

void ErpnextBackend::ask(const std::shared_ptr<Task>& task) {
  const std::string method = std::string(kErpnextMethods) + std::string(task->method);
  client_.call_method(
      method, std::move(task->body),
      [this, task, alive = std::weak_ptr(self_)](const Result<ErpnextAnswer>& answer) {
        if (alive.expired()) {
          return;
        }
        if (answer.has_error()) {
          task->fail(answer.error());
          return;
        }
        switch (answer->verdict) {
          case ErpnextVerdict::kOk:
            task->take(*answer->content);
            return;
          case ErpnextVerdict::kDuplicate:
            look_up(task, WhenMissing::kFail);
            return;
          case ErpnextVerdict::kInvalid:
          case ErpnextVerdict::kMissing:
            task->refuse(refusal_in_words(answer->words));
            return;
          case ErpnextVerdict::kBusy:
          case ErpnextVerdict::kAway:
          case ErpnextVerdict::kHiccup:
          case ErpnextVerdict::kStale:
          case ErpnextVerdict::kUnauthorized:
          case ErpnextVerdict::kForbidden:
          case ErpnextVerdict::kGarbled:
          case ErpnextVerdict::kBroken:
            task->fail(error_of(*answer, fmt::format("call '{}'", task->method)));
            return;
        }
      });
}

void ErpnextBackend::look_up(const std::shared_ptr<Task>& task, WhenMissing when_missing) {
  const auto take = [this, task, when_missing,
                     alive = std::weak_ptr(self_)](const Result<ErpnextAnswer>& answer) {
    if (alive.expired()) {
      return;
    }
    if (answer.has_error()) {
      task->fail(answer.error());
      return;
    }
    if (answer->verdict != ErpnextVerdict::kOk) {
      task->fail(error_of(
          *answer, fmt::format("look for '{}' among '{}'", task->mark.reference, task->doctype)));
      return;
    }
    const Json& found = *answer->content;
    const bool is_list = found.is_array();
    if (is_list && !found.empty()) {
      task->take(found.front());
    } else if (is_list && when_missing == WhenMissing::kAsk) {
      ask(task);
    } else {
      task->fail(Error(ErrorCode::kConflict,
                       fmt::format("cannot find '{}' among '{}' although ERPNext says that it is "
                                   "there",
                                   task->mark.reference, task->doctype)));
    }
  };
  client_.find(std::string(task->doctype), std::string(kReferenceField), task->mark.reference,
               take);
}

}  // namespace voicectl::runtime
