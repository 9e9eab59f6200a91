// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/erpnext/erpnext_backend.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "runtime/backend/erpnext/stand_in/erpnext_stand_in.h"
#include "runtime/net/request_target.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/sim_reactor.h"

namespace voicectl::runtime {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

void put(std::string& out, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out += static_cast<char>((number >> shift) & 0xffU);
  }
}

/// A zone five and a half hours ahead of UTC, as a fresh site has it.
TimeZone india() {
  std::string file;
  for (int block = 0; block < 2; ++block) {
    file += "TZif2" + std::string(15, '\0');
    for (const std::uint32_t count : {0U, 0U, 0U, 0U, 1U, 1U}) {
      put(file, count);
    }
    put(file, 19'800);
    file += std::string(3, '\0');
  }
  return *TimeZone::parse(file);
}

class ErpnextBackendTest : public ::testing::Test {
 protected:
  static ErpnextSettings a_site() {
    ErpnextSettings settings;
    settings.url = "https://erp.example.com";
    settings.company = "Mario's Pizza Palace";
    return settings;
  }

  static OrderRequest an_order(const std::string& reference = "vt-1") {
    OrderRequest order;
    order.customer_name = "Ann";
    order.items = {{"Margherita", 2, ""}};
    order.mark.reference = reference;
    return order;
  }

  Result<OrderOutcome> place(const OrderRequest& order) {
    std::optional<Result<OrderOutcome>> outcome;
    backend_.place_order(order, [&outcome](const Result<OrderOutcome>& told) { outcome = told; });
    loop_.settle();
    return outcome.value_or(Error(ErrorCode::kInternal, "cannot tell: no outcome"));
  }

  void transport(const HttpCall& call, const Completion<HttpResponse>& done) {
    calls_.push_back(call);
    const std::string target = call.url.substr(a_site().url.size());
    const Result<RequestTarget> parsed = parse_request_target(target);
    ASSERT_TRUE(parsed.has_value()) << target;
    const HttpRequest request{call.method,  parsed->path, parsed->query,
                              call.headers, call.body,    std::nullopt};
    Result<HttpResponse> response = site_.answer(request);
    if (failure_) {
      response = *std::exchange(failure_, std::nullopt);
    }
    loop_.post([done, response] { done(response); });
  }

  SimReactor loop_;
  ErpnextStandIn site_{ErpnextStandIn::usual_site()};
  std::vector<HttpCall> calls_;
  /// The next answer is lost on its way.
  std::optional<Error> failure_;
  ErpnextClient client_{
      {loop_, [this](HttpCall call, Completion<HttpResponse> done) { transport(call, done); },
       [] { return Result<Secret>(Secret("key:secret")); }},
      a_site()};
  ErpnextBackend backend_{client_, {}};
};

TEST_F(ErpnextBackendTest, PlacesAnOrder) {
  const Result<OrderOutcome> outcome = place(an_order());

  ASSERT_TRUE(outcome.has_value());
  const auto& order = std::get<PlacedOrder>(*outcome);
  EXPECT_EQ(order.order_id, "DOC-00001");
  EXPECT_EQ(order.total.str(), "19.98");
  EXPECT_EQ(order.estimated_time, 25min);
}

TEST_F(ErpnextBackendTest, SendsTokenAndCompanyAndNoCookie) {
  ASSERT_TRUE(place(an_order("vt-1")).has_value());
  ASSERT_TRUE(place(an_order("vt-2")).has_value());

  ASSERT_THAT(calls_, SizeIs(2));
  EXPECT_EQ(find_header(calls_[1].headers, "Authorization"), "token key:secret");
  EXPECT_EQ(find_header(calls_[1].headers, "Accept"), "application/json");
  EXPECT_FALSE(find_header(calls_[1].headers, "Cookie"));
  EXPECT_EQ(site_.documents("Voice Restaurant Order")[1].at("company"), "Mario's Pizza Palace");
}

TEST_F(ErpnextBackendTest, NamesTheSiteInEveryRequestWhereTheAddressDoesNot) {
  ErpnextStandIn::Options options = ErpnextStandIn::usual_site();
  options.site = "mario.example.com";
  site_ = ErpnextStandIn(options);
  EXPECT_TRUE(place(an_order()).has_error());
  EXPECT_FALSE(find_header(calls_.back().headers, "X-Frappe-Site-Name"));
  calls_.clear();
  ErpnextSettings named = a_site();
  named.site = "mario.example.com";
  client_.reconfigure(named, [] { return Result<Secret>(Secret("key:secret")); });
  OrderRequest again = an_order();
  again.mark.repetition = Repetition::kPossible;

  const Result<OrderOutcome> outcome = place(again);

  ASSERT_TRUE(outcome.has_value()) << outcome.error().text();
  EXPECT_TRUE(std::holds_alternative<PlacedOrder>(*outcome));
  // The look and the order.
  ASSERT_THAT(calls_, SizeIs(2));
  for (const HttpCall& call : calls_) {
    EXPECT_EQ(find_header(call.headers, "X-Frappe-Site-Name"), "mario.example.com") << call.url;
  }
}

TEST_F(ErpnextBackendTest, ChangesTheDocumentOfTheAddressWhateverNameIsAmongTheChanges) {
  ASSERT_TRUE(place(an_order("vt-1")).has_value());
  ASSERT_TRUE(place(an_order("vt-2")).has_value());
  bool is_done = false;

  client_.update("Voice Restaurant Order", "DOC-00001",
                 {{"name", "DOC-00002"}, {"status", "Ready"}},
                 [&is_done](const Result<ErpnextAnswer>& answer) { is_done = answer.has_value(); });
  loop_.settle();

  EXPECT_TRUE(is_done);
  EXPECT_EQ(calls_.back().method, "PUT");
  EXPECT_THAT(calls_.back().url, HasSubstr("/Voice%20Restaurant%20Order/DOC-00001"));
  const Json sent = Json::parse(calls_.back().body);
  EXPECT_FALSE(sent.contains("name"));
  EXPECT_EQ(sent.at("company"), "Mario's Pizza Palace");
  const std::vector<Json>& documents = site_.documents("Voice Restaurant Order");
  EXPECT_EQ(documents[0].at("status"), "Ready");
  EXPECT_EQ(documents[0].at("name"), "DOC-00001");
  EXPECT_EQ(documents[1].at("status"), "Placed");
}

TEST_F(ErpnextBackendTest, TakesAnItemThatTheSiteDoesNotKnowForARefusal) {
  // A POST whose item or customer is not there is a 404: the site loads it.
  site_.before = [](const HttpRequest&) {
    return ErpnextStandIn::failure(404, "DoesNotExistError", "Item <b>Margherita</b> not found");
  };
  const Result<OrderOutcome> outcome = place(an_order());
  site_.before = [](const HttpRequest&) {
    return ErpnextStandIn::failure(404, "DoesNotExistError");
  };
  const Result<OrderOutcome> wordless = place(an_order("vt-2"));

  ASSERT_TRUE(outcome.has_value()) << "nothing to be tried again";
  EXPECT_EQ(std::get<Refusal>(*outcome).message, "Item Margherita not found");
  ASSERT_TRUE(wordless.has_value());
  EXPECT_THAT(std::get<Refusal>(*wordless).message, HasSubstr("not possible"));
}

TEST_F(ErpnextBackendTest, TakesADuplicateForTheSuccessThatItIs) {
  ASSERT_TRUE(place(an_order()).has_value());

  const Result<OrderOutcome> again = place(an_order());

  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(std::get<PlacedOrder>(*again).order_id, "DOC-00001");
  EXPECT_THAT(site_.documents("Voice Restaurant Order"), SizeIs(1));
}

TEST_F(ErpnextBackendTest, LooksBeforeItRepeats) {
  failure_ = Error(ErrorCode::kTimeout, "cannot wait any longer");
  EXPECT_EQ(place(an_order()).error().code(), ErrorCode::kTimeout);
  OrderRequest again = an_order();
  again.mark.repetition = Repetition::kPossible;
  site_.requests.clear();

  const Result<OrderOutcome> outcome = place(again);

  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(std::get<PlacedOrder>(*outcome).order_id, "DOC-00001");
  EXPECT_THAT(site_.requests, ElementsAre("GET /api/resource/Voice Restaurant Order"));
}

TEST_F(ErpnextBackendTest, AsksAgainWhatDidNotArrive) {
  OrderRequest again = an_order();
  again.mark.repetition = Repetition::kPossible;

  ASSERT_TRUE(place(again).has_value());

  EXPECT_THAT(site_.effects(), ElementsAre(std::pair("vt-1", 1)));
}

TEST_F(ErpnextBackendTest, DoesNotRepeatWhereItCannotLook) {
  ErpnextStandIn::Options without_field = ErpnextStandIn::usual_site();
  without_field.doctypes["Voice Restaurant Order"].erase("voice_reference");
  site_ = ErpnextStandIn(without_field);
  OrderRequest again = an_order();
  again.mark.repetition = Repetition::kPossible;

  const Result<OrderOutcome> outcome = place(again);

  EXPECT_EQ(outcome.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(site_.documents("Voice Restaurant Order"), IsEmpty());
}

TEST_F(ErpnextBackendTest, SpeaksTheSitesNo) {
  site_.before = [](const HttpRequest&) {
    return ErpnextStandIn::failure(417, "ValidationError", "<b>Margherita</b> is sold&nbsp;out");
  };

  const Result<OrderOutcome> outcome = place(an_order());

  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(std::get<Refusal>(*outcome).message, "Margherita is sold out");
}

TEST_F(ErpnextBackendTest, SpeaksForItselfWhereTheSiteHasNoWords) {
  site_.before = [](const HttpRequest&) { return ErpnextStandIn::failure(417, "ValidationError"); };

  const Result<OrderOutcome> outcome = place(an_order());

  ASSERT_TRUE(outcome.has_value());
  EXPECT_THAT(std::get<Refusal>(*outcome).message, HasSubstr("not possible"));
}

TEST_F(ErpnextBackendTest, LeavesTheSiteAloneForAsLongAsItAsks) {
  site_.before = [](const HttpRequest&) {
    HttpResponse busy = ErpnextStandIn::failure(429, "TooManyRequestsError");
    busy.headers.emplace_back("Retry-After", "3600");
    return std::optional(busy);
  };
  EXPECT_EQ(place(an_order()).error().code(), ErrorCode::kResourceExhausted);
  site_.before = nullptr;

  EXPECT_EQ(place(an_order()).error().code(), ErrorCode::kResourceExhausted);
  EXPECT_THAT(calls_, SizeIs(1));
  EXPECT_EQ(backend_.quiet_for(), 3600s);
  loop_.advance(3600s);
  EXPECT_TRUE(place(an_order()).has_value());
}

TEST_F(ErpnextBackendTest, ReadsARefusalWithinASuccess) {
  site_.before = [](const HttpRequest&) {
    return std::optional(
        json_response(200, R"({"message":{"status":"error","message":"We are <i>closed</i>"}})"));
  };

  const Result<OrderOutcome> outcome = place(an_order());

  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(std::get<Refusal>(*outcome).message, "We are closed");
}

TEST_F(ErpnextBackendTest, DoesNotTakeAnEmptyAnswerForAnOrder) {
  site_.before = [](const HttpRequest&) { return std::optional(json_response(200, "{}")); };

  EXPECT_EQ(place(an_order()).error().code(), ErrorCode::kCorrupt);
}

TEST_F(ErpnextBackendTest, RoundsAmountsThatCameAsBinaryFractions) {
  site_.before = [](const HttpRequest&) {
    return std::optional(
        json_response(200, R"({"message":{"order_id":"O1","total_amount":46.970000000000006}})"));
  };

  EXPECT_EQ(std::get<PlacedOrder>(*place(an_order())).total.str(), "46.97");
}

TEST_F(ErpnextBackendTest, OffersOtherTimes) {
  site_.before = [](const HttpRequest&) {
    return std::optional(json_response(
        200, R"({"message":{"status":"partial","alternative_slots":["2026-12-01 10:00:00",)"
             R"({"date":"2026-12-01","time":"11:00:00"},"nonsense"]}})"));
  };
  AppointmentRequest wish;
  wish.date = "2026-12-01";
  wish.time = "09:00";
  std::optional<AppointmentOutcome> outcome;

  backend_.book_appointment(
      wish, [&outcome](const Result<AppointmentOutcome>& told) { outcome = *told; });
  loop_.settle();

  ASSERT_TRUE(outcome);
  EXPECT_THAT(std::get<Alternatives>(*outcome).local_starts,
              ElementsAre("2026-12-01 10:00", "2026-12-01 11:00"));
}

TEST_F(ErpnextBackendTest, TellsTimesOnTheSitesClockAndReadsThemFromIt) {
  backend_.reconfigure({TimeZone(), india()});
  AppointmentRequest wish;
  wish.service_type = "Checkup";
  wish.date = "2026-12-01";
  wish.time = "09:00";
  std::optional<AppointmentOutcome> outcome;

  backend_.book_appointment(
      wish, [&outcome](const Result<AppointmentOutcome>& told) { outcome = *told; });
  loop_.settle();

  const Json& document = site_.documents("Voice Appointment").front();
  EXPECT_EQ(document.at("appointment_time"), "14:30:00");
  ASSERT_TRUE(outcome);
  EXPECT_EQ(std::get<BookedAppointment>(*outcome).local_start, "2026-12-01 09:00");
}

TEST_F(ErpnextBackendTest, RefusesCredentialsThatAreNone) {
  FakeFileSystem files;
  for (const char* text : {"", "key", "key:", ":secret", "key:se cret", "key:secret:more"}) {
    ASSERT_TRUE(files.replace_atomically("/c", text, FileMode{0600}).has_value());
    EXPECT_TRUE(erpnext_credentials_from_file(files, "/c")().has_error()) << text;
  }
  ASSERT_TRUE(files.replace_atomically("/c", "key:secret\n", FileMode{0600}).has_value());

  EXPECT_EQ(erpnext_credentials_from_file(files, "/c")()->reveal(), "key:secret");
}

TEST_F(ErpnextBackendTest, ShowsTheVoiceServiceAKeyOfItsOwnIfThereIsOne) {
  FakeFileSystem files;
  const auto shown = [&files](const std::string& text) {
    EXPECT_TRUE(files.replace_atomically("/c", text, FileMode{0600}).has_value());
    const Result<Secret> secret = erpnext_direct_credential(files, "/c");
    return secret.has_value() ? secret->reveal() : "none";
  };

  EXPECT_EQ(shown("own:secret\nwebhook hook\ndirect tool:key\n"), "tool:key");
  EXPECT_EQ(shown("own:secret\r\ndirect   tool:key  \r\n"), "tool:key");
  EXPECT_EQ(shown("own:secret\nwebhook hook\n"), "own:secret");
  // A slip in the line is no reason to show the other key.
  EXPECT_EQ(shown("own:secret\ndirect tool\n"), "none");
  EXPECT_EQ(shown("own:secret\ndirect \n"), "none");
  EXPECT_EQ(shown(""), "none");
}

}  // namespace
}  // namespace voicectl::runtime
