// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/request_memory.h"

#include <utility>

#include "base/heap_bytes.h"

namespace voicectl::runtime {
namespace {

std::string identity(const std::string& request_key) {
  return std::string(request_identity(request_key));
}

/// With its key's two other places, and a few pointers.
std::size_t bytes_of(const StoredResponse& response) {
  return sizeof(StoredResponse) + 2 * sizeof(std::string) + 8 * sizeof(void*) +
         3 * heap_bytes(response.request_key) + heap_bytes(response.body);
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
  bytes_ = 0;
  for (const StoredResponse& response : responses) {
    remember(response);
  }
}

void RequestMemory::remember(StoredResponse response) {
  const std::string key = identity(response.request_key);
  by_age_.emplace_back(response.at, key);
  bytes_ += bytes_of(response);
  if (const auto known = known_.find(key); known != known_.end()) {
    bytes_ -= bytes_of(known->second);
    known->second = std::move(response);
  } else {
    known_.emplace(key, std::move(response));
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
    response.request_key = *key;
    remember(std::move(response));
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
    if (const auto known = known_.find(by_age_.front().second); known != known_.end()) {
      bytes_ -= bytes_of(known->second);
      known_.erase(known);
    }
    by_age_.pop_front();
  }
}

}  // namespace voicectl::runtime
