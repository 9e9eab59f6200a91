// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/request_memory.h"

namespace voicectl::runtime {
namespace {

std::string identity(const std::string& request_key) {
  return std::string(request_identity(request_key));
}

}  // namespace

HttpResponse refusal_of_reused_key() {
  return error_response(422, "idempotency_key_reused",
                        "cannot answer: this Idempotency-Key was used for another body within the "
                        "last ten minutes; take a new key for a new request");
}

void RequestMemory::load(const std::vector<StoredResponse>& responses) {
  known_.clear();
  by_age_.clear();
  for (const StoredResponse& response : responses) {
    known_.insert_or_assign(identity(response.request_key), response);
    by_age_.emplace_back(response.at, identity(response.request_key));
  }
}

RequestMemory::Standing RequestMemory::begin(const std::shared_ptr<Exchange>& exchange) {
  const std::optional<std::string> key = exchange->request_key();
  if (!key) {
    return Standing::kFirst;
  }
  if (const auto known = known_.find(identity(*key)); known != known_.end()) {
    exchange->answer(known->second.request_key == *key ? render_(known->second)
                                                       : refusal_of_reused_key());
    return Standing::kTaken;
  }
  const auto [waiting, is_first] = waiting_.try_emplace(identity(*key), Waiting{*key, {}});
  if (is_first) {
    return Standing::kFirst;
  }
  if (waiting->second.request_key == *key) {
    waiting->second.others.push_back(exchange);
  } else {
    exchange->answer(refusal_of_reused_key());
  }
  return Standing::kTaken;
}

std::vector<std::shared_ptr<Exchange>> RequestMemory::take_waiting(
    const std::shared_ptr<Exchange>& exchange) {
  std::vector<std::shared_ptr<Exchange>> all;
  if (const auto key = exchange->request_key()) {
    if (auto found = waiting_.extract(identity(*key))) {
      all = std::move(found.mapped().others);
    }
  }
  all.push_back(exchange);
  return all;
}

void RequestMemory::finish(const std::shared_ptr<Exchange>& exchange,
                           StoredResponse response,
                           const HttpHeaders& headers) {
  HttpResponse answer = render_(response);
  for (const auto& header : headers) {
    if (!find_header(answer.headers, header.first)) {
      answer.headers.push_back(header);
    }
  }
  if (const auto key = exchange->request_key()) {
    drop_old(response.at);
    by_age_.emplace_back(response.at, identity(*key));
    known_.insert_or_assign(identity(*key), std::move(response));
  }
  for (const auto& one : take_waiting(exchange)) {
    one->answer(answer);
  }
}

void RequestMemory::forget(const std::shared_ptr<Exchange>& exchange,
                           const HttpResponse& response) {
  for (const auto& one : take_waiting(exchange)) {
    one->answer(response);
  }
}

void RequestMemory::drop_old(WallTime now) {
  const WallTime oldest = now - std::chrono::floor<std::chrono::milliseconds>(kResponsesKept);
  while (!by_age_.empty() && by_age_.front().first < oldest) {
    known_.erase(by_age_.front().second);
    by_age_.pop_front();
  }
}

}  // namespace voicectl::runtime
