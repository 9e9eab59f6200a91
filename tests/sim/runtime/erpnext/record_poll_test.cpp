// SPDX-License-Identifier: Apache-2.0
#include "runtime/webhook/record_poll.h"

#include <algorithm>

#include "base/json.h"
#include "tests/sim/runtime/erpnext/simulated_tenant.h"

namespace voicectl::runtime {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Longer than from one look to the next.
constexpr Duration kALook = RecordPoll::kInterval + RecordPoll::kSpread + 1s;

class RecordPollSim : public ::testing::Test {
 protected:
  RecordPollSim() {
    tenant.world.settle();
    watch();
  }
  ~RecordPollSim() override { watched.reset(); }

  struct Watched {
    explicit Watched(RecordPollSim& test)
        : process(*test.tenant.process_),
          news({process.store, process.book, *process.outbox, [] { return false; }}),
          poll({process.loop, test.tenant.clock, test.tenant.random, process.store, process.book,
                news, [&test] { return test.has_site; },
                [this](const std::string& doctype,
                       const std::vector<std::string>& names,
                       Completion<ErpnextAnswer> done) {
                  process.client.read(doctype, names, std::move(done));
                }}) {}

    SimulatedTenant::Process& process;
    RecordNews news;
    RecordPoll poll;
  };
  void watch() { watched.emplace(*this); }

  /// The update of an order as its webhook brings it.
  void send_webhook(const RecordUpdate& update) {
    const KeptRecord kept = tenant.disk.records.at(update.name);
    Change change = watched->news.decide(kept, update, tenant.session());
    tenant.process_->book.commit(std::move(change),
                                 [](const Status& outcome) { EXPECT_TRUE(outcome.has_value()); });
    tenant.world.settle();
  }
  RecordUpdate change(const std::string& name, const std::string& status) {
    const std::optional<Json> document = tenant.site.change(name, {{"status", status}});
    return *parse_record_update(dump_json(*document));
  }
  /// What was told of records, as "DOC-00001 Ready".
  std::vector<std::string> told() const {
    std::vector<std::string> out;
    for (const SessionEvent& event : tenant.disk.events) {
      if (event.type == "order.updated") {
        const Json data = *parse_json(event.data);
        out.push_back(string_or(data, "id", "") + " " + string_or(data, "status", ""));
      }
    }
    return out;
  }
  std::size_t lists_asked() const {
    const auto& requests = tenant.site.requests;
    return static_cast<std::size_t>(
        std::count(requests.begin(), requests.end(), "GET /api/resource/Voice Restaurant Order"));
  }

  SimulatedTenant tenant;
  bool has_site = true;
  std::optional<Watched> watched;
};

TEST_F(RecordPollSim, AChangeWhoseWebhookWasLostIsToldOnce) {
  tenant.order("r1");
  tenant.world.advance(kALook);
  ASSERT_THAT(told(), ElementsAre("DOC-00001 Placed"));

  change("DOC-00001", "Ready");
  tenant.world.advance(3 * kALook);

  EXPECT_THAT(told(), ElementsAre("DOC-00001 Placed", "DOC-00001 Ready"));
  EXPECT_EQ(watched->poll.found(), 2U);
}

TEST_F(RecordPollSim, WhatTheWebhookBroughtIsNotToldAgain) {
  tenant.order("r1");
  tenant.world.advance(1s);

  send_webhook(change("DOC-00001", "Ready"));
  tenant.world.advance(3 * kALook);

  EXPECT_THAT(told(), ElementsAre("DOC-00001 Ready"));
  EXPECT_EQ(watched->poll.found(), 0U);
}

TEST_F(RecordPollSim, AWebhookThatComesAfterAllIsNoNewsAnyMore) {
  tenant.order("r1");
  tenant.world.advance(1s);
  const RecordUpdate late = change("DOC-00001", "Ready");
  tenant.world.advance(kALook);

  send_webhook(late);

  EXPECT_THAT(told(), ElementsAre("DOC-00001 Ready"));
}

TEST_F(RecordPollSim, AProcessThatBeginsLearnsWhatTheOneBeforeHasMissed) {
  tenant.order("r1");
  tenant.world.advance(1s);
  watched.reset();
  tenant.kill();
  change("DOC-00001", "Ready");
  tenant.start();
  tenant.world.settle();
  watch();
  tenant.world.advance(kALook);

  EXPECT_THAT(told(), ElementsAre("DOC-00001 Ready"));
}

TEST_F(RecordPollSim, WhatCouldNotBeKeptIsToldOnceItCan) {
  tenant.order("r1");
  tenant.world.advance(1s);
  change("DOC-00001", "Ready");
  tenant.process_->store.fail_next_commit(
      Error(ErrorCode::kResourceExhausted, "cannot write: disk full"));
  tenant.world.advance(kALook);
  ASSERT_EQ(lists_asked(), 1U);
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(watched->poll.found(), 0U);

  // Whose store has failed is opened anew.
  watched.reset();
  tenant.kill();
  tenant.start();
  tenant.world.settle();
  watch();
  tenant.world.advance(kALook);

  EXPECT_THAT(told(), ElementsAre("DOC-00001 Ready"));
}

TEST_F(RecordPollSim, NothingIsAskedWhileNothingIsOpen) {
  tenant.world.advance(3 * kALook);
  EXPECT_THAT(tenant.site.requests, IsEmpty());

  tenant.order("r1");
  tenant.world.advance(1s);
  send_webhook(change("DOC-00001", "Completed"));
  tenant.world.advance(3 * kALook);

  EXPECT_EQ(lists_asked(), 0U) << "it is over";
}

TEST_F(RecordPollSim, NothingIsAskedWithoutASite) {
  tenant.order("r1");
  has_site = false;

  tenant.world.advance(3 * kALook);

  EXPECT_EQ(lists_asked(), 0U);
}

TEST_F(RecordPollSim, ManyAreAskedForAFewAtATime) {
  for (std::size_t i = 0; i < 2 * RecordPoll::kPage + 1; ++i) {
    tenant.order("r" + std::to_string(i));
    tenant.world.advance(1s);
  }
  const std::size_t made = tenant.site.documents("Voice Restaurant Order").size();
  ASSERT_GT(made, RecordPoll::kPage);
  tenant.world.advance(kALook);

  EXPECT_THAT(told(), SizeIs(made));
  EXPECT_EQ(lists_asked(), (made + RecordPoll::kPage - 1) / RecordPoll::kPage);
}

TEST_F(RecordPollSim, AnyNumberThatIsOverHidesNoneThatIsNot) {
  tenant.order("r1");
  tenant.world.advance(1s);
  const KeptRecord open = tenant.disk.records.at("DOC-00001");
  Json data = *parse_json(open.record.data);
  data["status"] = "Delivered";
  for (std::size_t i = 0; i < RecordPoll::kListed + 7; ++i) {
    KeptRecord over = open;
    over.record.id = "over-" + std::to_string(i);
    over.record.external_id = over.record.id;
    over.record.data = dump_json(data);
    over.at = open.at + 1s;
    tenant.disk.records.emplace(over.record.id, over);
  }

  change("DOC-00001", "Ready");
  tenant.world.advance(kALook);

  EXPECT_THAT(told(), ElementsAre("DOC-00001 Ready"));
}

TEST_F(RecordPollSim, ANoToSomeIsNoneToTheOthers) {
  tenant.order("r1");
  tenant.world.advance(1s);
  KeptRecord visit = tenant.disk.records.at("DOC-00001");
  visit.record.kind = BusinessRecord::Kind::kAppointment;
  visit.record.id = "DOC-00002";
  visit.record.external_id = "DOC-00002";
  tenant.disk.records.emplace(visit.record.id, visit);
  tenant.site.before = [](const HttpRequest& request) {
    return request.path.find("Restaurant") == std::string::npos
               ? std::nullopt
               : std::optional(ErpnextStandIn::failure(403, "PermissionError"));
  };

  tenant.world.advance(kALook);

  const auto& requests = tenant.site.requests;
  EXPECT_EQ(std::count(requests.begin(), requests.end(), "GET /api/resource/Voice Appointment"), 1);
}

TEST_F(RecordPollSim, ASiteThatIsAwayIsAskedAgainAtTheNextLook) {
  tenant.order("r1");
  tenant.world.advance(1s);
  tenant.site.before = [](const HttpRequest&) {
    return std::optional(ErpnextStandIn::failure(503, "SessionStopped"));
  };
  tenant.world.advance(kALook);
  EXPECT_THAT(told(), IsEmpty());

  tenant.site.before = nullptr;
  tenant.world.advance(kALook);

  EXPECT_THAT(told(), ElementsAre("DOC-00001 Placed"));
}

TEST_F(RecordPollSim, AnAnswerOfNonsenseIsNoNews) {
  tenant.order("r1");
  tenant.world.advance(1s);
  tenant.site.before = [](const HttpRequest&) {
    return std::optional(HttpResponse{
        200, {}, R"({"data":[7,{"name":"DOC-00001"},{"name":"DOC-09999","status":"Ready"}]})"});
  };

  tenant.world.advance(kALook);

  EXPECT_THAT(told(), IsEmpty());
}

}  // namespace
}  // namespace voicectl::runtime
