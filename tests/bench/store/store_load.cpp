// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/store/store_load.h"

#include <fmt/core.h>

#include <string>
#include <utility>

namespace voicectl::bench {

using runtime::BusinessRecord;
using runtime::OutboxEntry;
using runtime::Session;
using runtime::SessionStatus;
using runtime::StoreBatch;

namespace {

constexpr std::string_view kParameters =
    R"({"customer_name":"Alex Rivera","items":[{"item_name":"Margherita Pizza","quantity":2},)"
    R"({"item_name":"Garlic Bread","quantity":1}],"order_type":"Takeaway"})";
constexpr std::string_view kResult =
    R"({"order_id":"order-oiktnfo73t","total_amount":"46.97","estimated_time":15})";

}  // namespace

StoreLoad::StoreLoad(AsioReactor& reactor,
                     runtime::SessionStore& store,
                     WallTime now,
                     std::size_t in_flight,
                     std::size_t sessions)
    : reactor_(reactor), store_(store), now_(now), in_flight_(in_flight) {
  const TenantId tenant = *TenantId::parse("acme");
  for (std::size_t i = 0; i < sessions; ++i) {
    Session session(runtime::make_session_id(tenant, fmt::format("{:016}", i)), tenant);
    session.status = SessionStatus::kActive;
    session.created_at = now;
    session.business_type = "restaurant";
    session.ultravox_call_id = fmt::format("2fc40e99-078d-493b-8396-{:012}", i);
    session.join_url = "wss://voice.ultravox.ai/calls/" + session.ultravox_call_id;
    session.customer_name = "Alex Rivera";
    session.customer_phone = "+15550100123";
    sessions_.push_back(std::move(session));
  }
}

StoreBatch StoreLoad::next_batch() {
  ++number_;
  Session& session = sessions_[number_ % sessions_.size()];
  ++session.tool_calls;
  session.last_tool_call =
      runtime::ToolCallRecord{"placeOrder", std::string(kParameters), std::string(kResult), now_};
  StoreBatch batch;
  batch.at = now_;
  for (const char* type : {"tool.called", "order.created"}) {
    batch.events.push_back(
        {session.session, ++session.last_seq, 0, type, now_, std::string(kParameters)});
  }
  batch.events[0].tenant_seq = 2 * number_ - 1;
  batch.events[1].tenant_seq = 2 * number_;
  batch.sessions.push_back(session);
  batch.records.push_back({BusinessRecord::Kind::kOrder, fmt::format("order-{}", number_),
                           std::nullopt, std::string(kParameters)});
  OutboxEntry entry;
  entry.id = number_;
  entry.session = session.session.str();
  entry.kind = "erpnext.place_order";
  entry.idempotency_key = fmt::format("order-{}", number_);
  entry.payload = kParameters;
  batch.outbox.push_back(std::move(entry));
  if (number_ > in_flight_) {
    batch.outbox_done.push_back(number_ - in_flight_);
  }
  batch.response =
      runtime::StoredResponse{fmt::format("POST /webhook/acme/tools/placeOrder {}", number_), 200,
                              std::string(kResult), now_};
  return batch;
}

void StoreLoad::send() {
  ++waiting_;
  const MonoTime sent = reactor_.now();
  store_.commit(next_batch(), [this, sent](const Status& outcome) {
    --waiting_;
    const MonoTime now = reactor_.now();
    outcome.has_error() ? ++figures_.failures : ++figures_.batches;
    figures_.latency.record(now - sent);
    if (now < end_) {
      send();
    } else if (waiting_ == 0) {
      figures_.length = now - begin_;
      done_();
    }
  });
}

void StoreLoad::run(Duration length, std::function<void()> done) {
  done_ = std::move(done);
  begin_ = reactor_.now();
  end_ = begin_ + length;
  for (std::size_t i = 0; i < in_flight_; ++i) {
    send();
  }
}

}  // namespace voicectl::bench
