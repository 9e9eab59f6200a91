// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/record_updates.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_reactor.h"

namespace voicectl::runtime {
namespace {

using ::testing::SizeIs;

Session a_session() {
  const TenantId tenant = *TenantId::parse("acme");
  return {make_session_id(tenant, "0123456789abcdef"), tenant};
}

KeptRecord an_order() {
  KeptRecord kept{{}, a_session().session, SimWallClock::kStart};
  kept.record.id = "DOC-00001";
  kept.record.data = R"({"total_amount":"19.98","estimated_time":25})";
  return kept;
}

RecordUpdate an_update(const std::string& status, const std::string& modified) {
  return {"DOC-00001", status, modified, std::nullopt};
}

TEST(RecordUpdatesTest, ReadsWhatErpnextSends) {
  const Result<RecordUpdate> update =
      parse_record_update(R"({"doctype":"Voice Restaurant Order","name":"DOC-1","status":"Ready",)"
                          R"("modified":"2026-12-01 09:00:00.000001","estimated_time":"5"})");

  ASSERT_THAT(update, IsOk());
  EXPECT_EQ(update->name, "DOC-1");
  EXPECT_EQ(update->estimated_time, 5);
}

TEST(RecordUpdatesTest, ReadsTheShorterFormToo) {
  const Result<RecordUpdate> update =
      parse_record_update(R"({"order_id":"DOC-1","status":"Ready","estimated_time":5})");

  ASSERT_THAT(update, IsOk());
  EXPECT_EQ(update->name, "DOC-1");
}

TEST(RecordUpdatesTest, RefusesWhatIsNoUpdate) {
  for (const std::string& body :
       {std::string("[]"), std::string("{}"), std::string("nonsense"),
        std::string(R"({"name":"","status":"x"})"), std::string(R"({"name":"x"})"),
        std::string(R"({"name":5,"status":"x"})"),
        R"({"name":")" + std::string(1000, 'x') + R"(","status":"x"})"}) {
    EXPECT_THAT(parse_record_update(body), FailsWith(ErrorCode::kInvalidArgument)) << body;
  }
}

TEST(RecordUpdatesTest, AcceptsEachOfSeveralSecrets) {
  const std::string body = R"({"name":"DOC-1","status":"Ready"})";
  const std::vector<Secret> secrets = {Secret("new"), Secret("old")};

  for (const char* secret : {"new", "old"}) {
    EXPECT_THAT(verify_erpnext_signature(secrets, body, hmac_sha256_base64(secret, body)), IsOk());
  }
  EXPECT_TRUE(
      verify_erpnext_signature(secrets, body, hmac_sha256_base64("gone", body)).has_error());
}

TEST(RecordUpdatesTest, AcceptsNothingWithoutSecrets) {
  const std::string body = "{}";

  EXPECT_TRUE(verify_erpnext_signature({}, body, hmac_sha256_base64("", body)).has_error());
  EXPECT_TRUE(
      verify_erpnext_signature({Secret("")}, body, hmac_sha256_base64("", body)).has_error());
}

TEST(RecordUpdatesTest, AcceptsNoneOfTenThousandForgeries) {
  SeededRandom random(11);
  const std::string body = R"({"name":"DOC-1","status":"Ready","modified":"2026-12-01 09:00:00"})";
  const std::string signature = hmac_sha256_base64("secret", body);
  const std::vector<Secret> secrets = {Secret("secret"), Secret("second")};
  int accepted = 0;

  for (int i = 0; i < 10'000; ++i) {
    std::string forged_body = body;
    std::string forged = signature;
    switch (random.below(5)) {
      case 0:
        forged_body[random.below(body.size())] ^= static_cast<char>(1U << random.below(7));
        break;
      case 1:
        forged[random.below(forged.size())] ^= static_cast<char>(1U << random.below(7));
        break;
      case 2:
        forged = forged.substr(0, random.below(forged.size()));
        break;
      case 3:
        forged += static_cast<char>('!' + random.below(90));
        break;
      default:
        forged = hmac_sha256_base64("secret" + random.token(1 + random.below(4)), body);
    }
    accepted += verify_erpnext_signature(secrets, forged_body, forged).has_value() ? 1 : 0;
  }

  EXPECT_EQ(accepted, 0);
}

TEST(RecordUpdatesTest, TellsCustomerAndStaff) {
  const Change change =
      change_for(an_order(), an_update("Ready", "2026-12-01 09:00:00"), a_session());

  ASSERT_THAT(change.events, SizeIs(1));
  EXPECT_EQ(change.events[0].type, EventType::kOrderUpdated);
  const Json data = Json::parse(change.records.at(0).data);
  EXPECT_EQ(data.at("status"), "Ready");
  EXPECT_EQ(data.at("total_amount"), "19.98");
}

TEST(RecordUpdatesTest, KnowsARepetitionByWhenTheDocumentWasChanged) {
  KeptRecord kept = an_order();
  const RecordUpdate update = an_update("Ready", "2026-12-01 09:00:00.000002");
  ASSERT_TRUE(is_news(kept, update));

  kept.record = change_for(kept, update, a_session()).records.front();

  EXPECT_FALSE(is_news(kept, update));
  EXPECT_FALSE(is_news(kept, an_update("Placed", "2026-12-01 09:00:00.000001")));
  EXPECT_TRUE(is_news(kept, an_update("Ready", "2026-12-01 09:00:00.000003")));
}

TEST(RecordUpdatesTest, EndsInOneStateWhateverTheOrder) {
  std::vector<RecordUpdate> updates;
  for (const char* status : {"Placed", "Preparing", "Ready", "Delivered"}) {
    const std::string number = std::to_string(updates.size());
    updates.push_back(an_update(status, "2026-12-01 09:00:00.00000" + number));
  }
  std::vector<std::size_t> order = {0, 1, 2, 3, 0, 3};
  std::sort(order.begin(), order.end());
  int histories = 0;

  do {
    KeptRecord kept = an_order();
    for (const std::size_t i : order) {
      if (is_news(kept, updates[i])) {
        kept.record = change_for(kept, updates[i], a_session()).records.front();
      }
    }
    ++histories;
    EXPECT_EQ(Json::parse(kept.record.data).at("status"), "Delivered");
  } while (std::next_permutation(order.begin(), order.end()));

  EXPECT_EQ(histories, 180);
}

}  // namespace
}  // namespace voicectl::runtime
