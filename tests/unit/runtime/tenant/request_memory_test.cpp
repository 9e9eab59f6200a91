// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/request_memory.h"

#include <gmock/gmock.h>

namespace voicectl::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Keeps what is answered.
class KeepingResponder final : public Responder {
 public:
  explicit KeepingResponder(std::vector<std::string>& answers) : answers_(answers) {}
  void send(HttpResponse response) override { answers_.push_back(response.body); }
  std::shared_ptr<ResponseStream> stream(HttpResponse) override { return nullptr; }
  Result<std::shared_ptr<WebSocket>> upgrade(std::string) override {
    return Error(ErrorCode::kInvalidArgument, "cannot upgrade");
  }

 private:
  std::vector<std::string>& answers_;
};

class RequestMemoryTest : public ::testing::Test {
 protected:
  std::shared_ptr<Exchange> a_request(const std::string& id, const std::string& path = "/x") {
    HttpRequest request;
    request.method = "POST";
    request.path = path;
    if (!id.empty()) {
      request.headers = {{"X-Request-Id", id}};
    }
    return std::make_shared<Exchange>(
        std::move(request), std::make_shared<KeepingResponder>(answers_), RouteMatch{}, counters_);
  }

  std::shared_ptr<Exchange> a_keyed_request(const std::string& key, const std::string& body) {
    HttpRequest request;
    request.method = "POST";
    request.path = "/x";
    request.headers = {{"Idempotency-Key", key}};
    request.body = body;
    return std::make_shared<Exchange>(
        std::move(request), std::make_shared<KeepingResponder>(answers_), RouteMatch{}, counters_);
  }

  StoredResponse a_response(const std::string& body, std::chrono::minutes at = {}) {
    return {"POST /x 1", 200, body, WallTime(at)};
  }

  std::vector<std::string> answers_;
  std::shared_ptr<TenantCounters> counters_ = std::make_shared<TenantCounters>();
  RequestMemory memory_{
      [](const StoredResponse& stored) { return json_response(stored.status, stored.body); }};
};

TEST_F(RequestMemoryTest, GivesARepeatedRequestTheFirstAnswer) {
  const auto first = a_request("1");
  ASSERT_EQ(memory_.begin(first), RequestMemory::Standing::kFirst);
  memory_.finish(first, a_response("done"));

  EXPECT_EQ(memory_.begin(a_request("1")), RequestMemory::Standing::kTaken);
  EXPECT_THAT(answers_, ElementsAre("done", "done"));
}

TEST_F(RequestMemoryTest, LetsARepetitionWaitForTheFirst) {
  const auto first = a_request("1");
  ASSERT_EQ(memory_.begin(first), RequestMemory::Standing::kFirst);

  EXPECT_EQ(memory_.begin(a_request("1")), RequestMemory::Standing::kTaken);
  EXPECT_THAT(answers_, IsEmpty());
  memory_.finish(first, a_response("done"));

  EXPECT_THAT(answers_, ElementsAre("done", "done"));
}

TEST_F(RequestMemoryTest, BeginsAnewWhenThereWasNoEffect) {
  const auto first = a_request("1");
  ASSERT_EQ(memory_.begin(first), RequestMemory::Standing::kFirst);
  memory_.forget(first, json_response(503, "later"));

  EXPECT_EQ(memory_.begin(a_request("1")), RequestMemory::Standing::kFirst);
}

TEST_F(RequestMemoryTest, RefusesAKeyThatWasUsedForAnotherBody) {
  const auto first = a_keyed_request("k", R"({"a":1})");
  ASSERT_EQ(memory_.begin(first), RequestMemory::Standing::kFirst);

  EXPECT_EQ(memory_.begin(a_keyed_request("k", R"({"a":2})")), RequestMemory::Standing::kTaken);
  ASSERT_EQ(answers_.size(), 1U) << "it does not wait for the first one's answer";
  EXPECT_THAT(answers_[0], ::testing::HasSubstr("idempotency_key_reused"));
  StoredResponse response = a_response("done");
  response.request_key = *first->request_key();
  memory_.finish(first, response);
  EXPECT_EQ(memory_.begin(a_keyed_request("k", R"({"a":2})")), RequestMemory::Standing::kTaken);
  EXPECT_EQ(memory_.begin(a_keyed_request("k", R"({"a":1})")), RequestMemory::Standing::kTaken);

  EXPECT_THAT(answers_[2], ::testing::HasSubstr("idempotency_key_reused"));
  EXPECT_EQ(answers_[3], "done");
  EXPECT_EQ(counters_->requests.at({"other", 422}), 2U);
}

TEST_F(RequestMemoryTest, RefusesItToANewProcessThatReadsTheStore) {
  StoredResponse response = a_response("done");
  response.request_key = *a_keyed_request("k", "body")->request_key();
  memory_.load({response});

  EXPECT_EQ(memory_.begin(a_keyed_request("k", "other")), RequestMemory::Standing::kTaken);
  EXPECT_EQ(memory_.begin(a_keyed_request("k", "body")), RequestMemory::Standing::kTaken);
  EXPECT_THAT(answers_[0], ::testing::HasSubstr("idempotency_key_reused"));
  EXPECT_EQ(answers_[1], "done");
}

TEST_F(RequestMemoryTest, TellsRequestsApartByPathAndNumber) {
  ASSERT_EQ(memory_.begin(a_request("1")), RequestMemory::Standing::kFirst);

  EXPECT_EQ(memory_.begin(a_request("2")), RequestMemory::Standing::kFirst);
  EXPECT_EQ(memory_.begin(a_request("1", "/y")), RequestMemory::Standing::kFirst);
}

TEST_F(RequestMemoryTest, TakesEveryRequestWithoutANumberForNew) {
  EXPECT_EQ(memory_.begin(a_request("")), RequestMemory::Standing::kFirst);
  EXPECT_EQ(memory_.begin(a_request("")), RequestMemory::Standing::kFirst);
  EXPECT_EQ(memory_.begin(a_request(std::string(129, 'x'))), RequestMemory::Standing::kFirst);
}

TEST_F(RequestMemoryTest, KnowsWhatTheStoreKept) {
  memory_.load({a_response("from the disk")});

  EXPECT_EQ(memory_.begin(a_request("1")), RequestMemory::Standing::kTaken);
  EXPECT_THAT(answers_, ElementsAre("from the disk"));
}

TEST_F(RequestMemoryTest, ForgetsAnswersAfterTenMinutes) {
  memory_.load({a_response("old")});
  const auto other = a_request("2");
  ASSERT_EQ(memory_.begin(other), RequestMemory::Standing::kFirst);
  memory_.finish(other, a_response("new", std::chrono::minutes(11)));

  EXPECT_EQ(memory_.begin(a_request("1")), RequestMemory::Standing::kFirst);
}

}  // namespace
}  // namespace voicectl::runtime
