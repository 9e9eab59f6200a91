// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/erpnext/erpnext_backend.h"

#include <fmt/core.h>

#include <boost/hana/functional/overload.hpp>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

namespace voicectl::runtime {
namespace {

/// What the site has, why the business says no, or why neither is known.
using Found = std::variant<const Json*, Refusal, Error>;

/// Tells `done`, with what `read` makes of what the site has.
template <typename Outcome, typename Read>
void tell(const Completion<Outcome>& done, Found found, const Read& read) {
  std::visit(boost::hana::overload([&](const Json* content) { done(read(*content)); },
                                   [&](Refusal& refusal) { done(Outcome(std::move(refusal))); },
                                   [&](const Error& error) { done(error); }),
             found);
}

}  // namespace

/// One request with what is made of its answer.
struct ErpnextBackend::Task {
  std::string_view doctype;
  std::string_view method;
  JsonText body;
  RequestMark mark;
  std::function<void(Found)> done;
};

ErpnextBackend::ErpnextBackend(ErpnextClient& client, SiteClocks clocks)
    : client_(client), clocks_(std::move(clocks)), self_(std::make_shared<ErpnextBackend*>(this)) {}

void ErpnextBackend::place_order(const OrderRequest& request, Completion<OrderOutcome> done) {
  run({"Voice Restaurant Order", kPlaceOrderMethod, render_order(request), request.mark,
       [request, done = std::move(done)](Found found) {
         tell(done, std::move(found),
              [&](const Json& content) { return order_outcome(content, request); });
       }});
}

void ErpnextBackend::book_appointment(const AppointmentRequest& request,
                                      Completion<AppointmentOutcome> done) {
  Result<JsonText> body = render_appointment(request, clocks_);
  if (body.has_error()) {
    done(AppointmentOutcome(Refusal{"I'm sorry, which day and time would suit you?"}));
    return;
  }
  run({"Voice Appointment", kBookAppointmentMethod, std::move(*body), request.mark,
       [this, request, done = std::move(done)](Found found) {
         tell(done, std::move(found),
              [&](const Json& content) { return appointment_outcome(content, request, clocks_); });
       }});
}

void ErpnextBackend::create_ticket(const TicketRequest& request, Completion<TicketOutcome> done) {
  run({"Voice Support Ticket", kCreateTicketMethod, render_ticket(request), request.mark,
       [request, done = std::move(done)](Found found) {
         tell(done, std::move(found),
              [&](const Json& content) { return ticket_outcome(content, request); });
       }});
}

void ErpnextBackend::run(Task task) {
  const auto shared = std::make_shared<Task>(std::move(task));
  const bool maybe_there = shared->mark.repetition == Repetition::kPossible;
  maybe_there ? look_up(shared, WhenMissing::kAsk) : ask(shared);
}

void ErpnextBackend::ask(const std::shared_ptr<Task>& task) {
  const std::string method = std::string(kErpnextMethods).append(task->method);
  client_.call_method(
      method, std::move(task->body),
      [this, task, alive = std::weak_ptr(self_)](const Result<ErpnextAnswer>& answer) {
        if (alive.expired()) {
          return;
        }
        if (answer.has_error()) {
          task->done(answer.error());
          return;
        }
        switch (answer->verdict) {
          case ErpnextVerdict::kOk:
            task->done(answer->content.get());
            return;
          case ErpnextVerdict::kDuplicate:
            look_up(task, WhenMissing::kFail);
            return;
          case ErpnextVerdict::kInvalid:
          case ErpnextVerdict::kMissing:
            task->done(refusal_in_words(answer->words));
            return;
          case ErpnextVerdict::kBusy:
          case ErpnextVerdict::kAway:
          case ErpnextVerdict::kHiccup:
          case ErpnextVerdict::kStale:
          case ErpnextVerdict::kUnauthorized:
          case ErpnextVerdict::kForbidden:
          case ErpnextVerdict::kGarbled:
          case ErpnextVerdict::kBroken:
            task->done(error_of(*answer, fmt::format("call '{}'", task->method)));
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
      task->done(answer.error());
      return;
    }
    if (answer->verdict != ErpnextVerdict::kOk) {
      task->done(error_of(
          *answer, fmt::format("look for '{}' among '{}'", task->mark.reference, task->doctype)));
      return;
    }
    const Json& found = *answer->content;
    const bool is_list = found.is_array();
    if (is_list && !found.empty()) {
      task->done(&found.front());
    } else if (is_list && when_missing == WhenMissing::kAsk) {
      ask(task);
    } else {
      task->done(Error(ErrorCode::kConflict,
                       fmt::format("cannot find '{}' among '{}' although ERPNext says that it is "
                                   "there",
                                   task->mark.reference, task->doctype)));
    }
  };
  client_.find(std::string(task->doctype), std::string(kReferenceField), task->mark.reference,
               take);
}

}  // namespace voicectl::runtime
