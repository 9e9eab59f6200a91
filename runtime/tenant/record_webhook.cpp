// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "runtime/tenant/admission.h"
#include "runtime/tenant/webhook_api.h"

/// What ERPNext tells of orders, appointments and tickets.
namespace voicectl::runtime {
namespace {

/// Records whose last news are remembered beside the store.
constexpr std::size_t kDecisionsKept = 256;

}  // namespace

void WebhookApi::take_record_update(const std::shared_ptr<Exchange>& exchange) {
  const HttpRequest& request = exchange->request();
  const Result<std::vector<Secret>> secrets = erp_.webhook_secrets();
  if (secrets.has_error()) {
    exchange->refuse(secrets.error());
    return;
  }
  const Status verified = verify_erpnext_signature(
      *secrets, request.body, request.header(kErpnextSignatureHeader).value_or(""));
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
    // An order that was not taken by voice, or one whose answer is still on its way: kept.
    Change change;
    change.inbox.push_back(inbox_entry(update, exchange->request().body, scope_.clock.now()));
    commit_update(exchange, std::move(change));
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
        // What is being made durable counts: two that come together must not both be news.
        KeptRecord known = kept;
        const auto deciding = deciding_.find(kept.record.id);
        if (deciding != deciding_.end() && is_news(known, deciding->second) && *session) {
          known.record = change_for(known, deciding->second, **session).records.front();
        }
        Change change;
        if (*session && is_news(known, update)) {
          change = change_for(known, update, **session);
          change.inbox.push_back(inbox_entry(update, exchange->request().body, scope_.clock.now()));
          RecordUpdate decided = update;
          decided.name = kept.record.id;
          deciding_.insert_or_assign(kept.record.id, std::move(decided));
        }
        commit_update(exchange, std::move(change));
      });
}

void WebhookApi::commit_update(const std::shared_ptr<Exchange>& exchange, Change change) {
  const std::string record = change.records.empty() ? "" : change.records.front().id;
  // No news commit nothing, but are acknowledged only behind the commit of the news.
  scope_.book.commit(std::move(change), [this, exchange, record,
                                         alive = std::weak_ptr(self_)](const Status& outcome) {
    if (alive.expired()) {
      return;
    }
    if (outcome.has_error()) {
      deciding_.erase(record);
      exchange->refuse(outcome.error());
      return;
    }
    // Not forgotten at once: another delivery may have read the record before this commit.
    if (deciding_.size() > kDecisionsKept && deciding_.begin()->first != record) {
      deciding_.erase(deciding_.begin());
    }
    exchange->answer(HttpResponse{204, {}, {}});
  });
}

}  // namespace voicectl::runtime
