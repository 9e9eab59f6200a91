// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "runtime/tenant/admission.h"
#include "runtime/tenant/webhook_api.h"

/// What ERPNext tells of orders, appointments and tickets.
namespace voicectl::runtime {

void WebhookApi::take_record_update(const std::shared_ptr<Exchange>& exchange) {
  if (admit_unproven(scope_, exchange) == Admission::kRefused) {
    return;
  }
  const HttpRequest& request = exchange->request();
  const Result<std::vector<Secret>> secrets = erp_.webhook_secrets();
  if (secrets.has_error()) {
    exchange->refuse(secrets.error());
    return;
  }
  const Status verified = verify_erpnext_signature(
      *secrets, request.body, request.header(kErpnextSignatureHeader).value_or(""));
  note_proof(scope_, *exchange, verified.has_error() ? Proof::kWrong : Proof::kRight);
  if (verified.has_error()) {
    exchange->refuse(401, "unauthorized", "cannot accept the webhook: its signature does not fit");
    return;
  }
  if (admit(scope_, exchange, Traffic::kWebhook) == Admission::kRefused) {
    return;
  }
  const Result<RecordUpdate> update = parse_record_update(request.body);
  if (update.has_error()) {
    exchange->refuse(update.error());
    return;
  }
  if (scope_.book.broken()) {
    exchange->refuse(*scope_.book.broken());
    return;
  }
  scope_.store.find_record(
      update->name, [this, exchange, update = *update,
                     alive = std::weak_ptr(self_)](const Result<std::optional<KeptRecord>>& found) {
        if (!alive.expired()) {
          apply_update(exchange, update, found);
        }
      });
}

void WebhookApi::apply_update(const std::shared_ptr<Exchange>& exchange,
                              const RecordUpdate& update,
                              const Result<std::optional<KeptRecord>>& found) {
  if (found.has_error()) {
    exchange->refuse(found.error());
    return;
  }
  if (!*found) {
    // An order that was not taken by voice, or one whose answer is still on its way.
    Change change;
    change.inbox.push_back(inbox_entry(update, exchange->request().body, scope_.clock.now()));
    commit_update(exchange, std::move(change),
                  news_.keep_waiting(update, exchange->request().body));
    return;
  }
  scope_.book.fetch(
      (*found)->session, [this, exchange, update, kept = **found, alive = std::weak_ptr(self_)](
                             const Result<std::optional<Session>>& session) {
        if (alive.expired()) {
          return;
        }
        if (session.has_error()) {
          exchange->refuse(session.error());
          return;
        }
        Change change = news_.decide(kept, update, *session);
        if (!change.records.empty()) {
          change.inbox.push_back(inbox_entry(update, exchange->request().body, scope_.clock.now()));
        }
        commit_update(exchange, std::move(change), {});
      });
}

void WebhookApi::commit_update(const std::shared_ptr<Exchange>& exchange,
                               Change change,
                               std::vector<NewEffect> effects) {
  const std::string record = change.records.empty() ? "" : change.records.front().id;
  // No news commit nothing, but are acknowledged only behind the commit of the news.
  scope_.outbox.commit(
      std::move(change), std::move(effects),
      [this, exchange, record, alive = std::weak_ptr(self_)](const Status& outcome) {
        if (alive.expired()) {
          return;
        }
        if (outcome.has_error()) {
          news_.forget(record);
          exchange->refuse(outcome.error());
          return;
        }
        exchange->answer(HttpResponse{204, {}, {}});
      });
}

}  // namespace voicectl::runtime
