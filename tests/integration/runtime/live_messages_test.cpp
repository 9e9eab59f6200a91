// SPDX-License-Identifier: Apache-2.0
// Messages on WebSockets: held against docs/reference/websocket.schema.json, and continued.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "base/json.h"
#include "base/sqlite.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kOrder = R"({"customer_name":"Ann","order_type":"Takeaway",)"
                               R"("items":[{"item_name":"margherita pizza","quantity":2}]})";

/// As much of JSON Schema as our schema uses; another keyword is a problem, not a pass.
class SchemaCheck {
 public:
  explicit SchemaCheck(Json schema) : root_(std::move(schema)) {}

  std::vector<std::string> problems(const Json& value) const {
    std::vector<std::string> out;
    check(root_, value, "$", out);
    return out;
  }
  bool describes(const std::string& type) const { return root_["$defs"].contains(type); }

 private:
  using Problems = std::vector<std::string>;

  bool fits(const Json& schema, const Json& value) const {
    Problems ignored;
    check(schema, value, "", ignored);
    return ignored.empty();
  }

  void check(const Json& schema, const Json& value, const std::string& at, Problems& out) const {
    static const std::set<std::string> kNotes = {"$schema", "title", "description", "$defs",
                                                 "then"};
    for (const auto& [keyword, rule] : schema.items()) {
      if (kNotes.contains(keyword)) {
        continue;
      }
      if (keyword == "$ref") {
        check(root_.at(Json::json_pointer(rule.get<std::string>().substr(1))), value, at, out);
      } else if (keyword == "allOf") {
        for (const Json& one : rule) {
          check(one, value, at, out);
        }
      } else if (keyword == "if") {
        if (fits(rule, value)) {
          check(schema.at("then"), value, at, out);
        }
      } else if (keyword == "properties") {
        for (const auto& [key, inner] : rule.items()) {
          if (value.contains(key)) {
            check(inner, value.at(key), at + "." + key, out);
          }
        }
      } else if (keyword == "items") {
        for (const Json& item : value) {
          check(rule, item, at + "[]", out);
        }
      } else if (!holds(keyword, rule, schema, value)) {
        out.push_back(at + " breaks '" + keyword + "': " + value.dump().substr(0, 120));
      }
    }
  }

  bool holds(const std::string& keyword,
             const Json& rule,
             const Json& schema,
             const Json& value) const {
    if (keyword == "type") {
      const Json types = rule.is_array() ? rule : Json(std::vector<Json>{rule});
      return std::any_of(types.begin(), types.end(),
                         [&](const Json& type) { return has_type(type, value); });
    }
    if (keyword == "const") {
      return value == rule;
    }
    if (keyword == "enum") {
      return std::find(rule.begin(), rule.end(), value) != rule.end();
    }
    if (keyword == "not") {
      return !fits(rule, value);
    }
    if (keyword == "oneOf") {
      return std::count_if(rule.begin(), rule.end(),
                           [&](const Json& one) { return fits(one, value); }) == 1;
    }
    if (keyword == "pattern") {
      return value.is_string() &&
             std::regex_search(value.get<std::string>(), std::regex(rule.get<std::string>()));
    }
    if (keyword == "minimum") {
      return value.is_number() && value.get<double>() >= rule.get<double>();
    }
    if (keyword == "required") {
      return std::all_of(rule.begin(), rule.end(),
                         [&](const Json& key) { return value.contains(key.get<std::string>()); });
    }
    if (keyword == "additionalProperties") {
      return std::all_of(value.items().begin(), value.items().end(), [&](const auto& entry) {
        return schema.at("properties").contains(entry.key());
      });
    }
    return false;
  }

  static bool has_type(const Json& type, const Json& value) {
    return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
           (type == "string" && value.is_string()) || (type == "null" && value.is_null()) ||
           (type == "boolean" && value.is_boolean()) ||
           (type == "integer" && value.is_number_integer());
  }

  Json root_;
};

SchemaCheck load_schema() {
  std::ifstream file(VOICECTL_SOURCE_DIR "/docs/reference/websocket.schema.json");
  std::stringstream text;
  text << file.rdbuf();
  const Result<Json> schema = parse_json(text.str());
  EXPECT_THAT(schema, IsOk());
  return SchemaCheck(schema.has_value() ? *schema : Json::object());
}

class LiveMessagesTest : public ::testing::Test {
 protected:
  void SetUp() override { acme_ = std::move(*world_.open("acme")); }
  void TearDown() override { world_.close(acme_); }

  std::string live(const std::string& session, const std::string& query) {
    return "/ws/sessions/" + session + "?token=acme-staff" + query;
  }
  std::vector<std::string> first_texts(const std::string& path, std::size_t count) {
    WebSocketClient client(world_.reactor(), acme_.port, path);
    EXPECT_TRUE(world_.run_until([&] { return client.texts().size() >= count; }));
    return client.texts();
  }

  RuntimeFixture world_;
  RuntimeFixture::Served acme_;
  std::size_t joined_ = 0;
};

TEST_F(LiveMessagesTest, AreAsTheSchemaSays) {
  const SchemaCheck schema = load_schema();
  const std::string session = member(world_.create_session(acme_).body, "session_id");
  world_.post_event(acme_, "call.started", "call-1", session);
  world_.post_event(acme_, "call.joined", "call-1", session);
  world_.run_tool(acme_, session, kOrder);
  world_.run_tool(acme_, session, R"({"customer_name":"Ann"})");
  world_.post_event(acme_, "call.ended", "call-1", session);
  world_.ultravox.status = 403;
  world_.create_session(acme_);

  std::vector<std::string> all = first_texts(live(session, ""), 9);
  for (const std::string& text : first_texts("/ws/staff?after=0&token=acme-staff", 11)) {
    all.push_back(text);
  }
  all.push_back(first_texts(live(session, "&after=99"), 1).front());

  for (const std::string& text : all) {
    const Result<Json> message = parse_json(text);
    ASSERT_THAT(message, IsOk()) << text;
    EXPECT_THAT(schema.problems(*message), IsEmpty()) << text;
    const std::string type = member(text, "type");
    EXPECT_TRUE(type == "stream.reload" || schema.describes(type)) << type;
  }
}

TEST_F(LiveMessagesTest, TheSchemaDescribesEveryTypeOfEvent) {
  const SchemaCheck schema = load_schema();
  for (int i = 0; i <= static_cast<int>(EventType::kSessionFailed); ++i) {
    const auto type = static_cast<EventType>(i);
    EXPECT_TRUE(schema.describes(std::string(name_of(type)))) << name_of(type);
  }
}

TEST_F(LiveMessagesTest, TheSchemaIsNotSatisfiedByEverything) {
  const SchemaCheck schema = load_schema();
  const std::string session = member(world_.create_session(acme_).body, "session_id");
  const Json good = *parse_json(first_texts(live(session, ""), 1).front());
  ASSERT_THAT(schema.problems(good), IsEmpty());

  Json without = good;
  without["data"].erase("customer_name");
  Json more = good;
  more["secret"] = "x";
  Json zero = good;
  zero["seq"] = 0;
  for (const Json& bad : {without, more, zero, Json::object(), *parse_json(R"({"type":"x"})")}) {
    EXPECT_FALSE(schema.problems(bad).empty()) << bad.dump();
  }
}

TEST_F(LiveMessagesTest, ANumberThatDoesNotExistMeansToReloadAndThenToGoOn) {
  const std::string session = member(world_.create_session(acme_).body, "session_id");
  WebSocketClient staff(world_.reactor(), acme_.port, "/ws/staff?after=1000&token=acme-staff");
  ASSERT_TRUE(world_.run_until([&] { return !staff.texts().empty(); }));

  world_.post_event(acme_, "call.joined", "call-1", session);

  ASSERT_TRUE(world_.run_until([&] { return staff.texts().size() >= 2; }));
  EXPECT_EQ(staff.texts()[0], R"({"type":"stream.reload","reason":"unknown"})");
  EXPECT_EQ(member(staff.texts()[1], "type"), "call.joined");
}

TEST_F(LiveMessagesTest, ANumberWhoseSuccessorsAreGoneMeansToReload) {
  const std::string session = member(world_.create_session(acme_).body, "session_id");
  world_.post_event(acme_, "call.joined", "call-1", session);
  world_.close(acme_);
  {
    auto database = SqliteDatabase::open(world_.data_folder("acme") + "/tenant.db");
    ASSERT_THAT(database, IsOk());
    auto gone = database->prepare("DELETE FROM events WHERE seq < 3");
    ASSERT_THAT(gone, IsOk());
    ASSERT_THAT(gone->run(), IsOk());
  }
  acme_ = std::move(*world_.open("acme", FencingToken{2}));

  EXPECT_EQ(first_texts(live(session, "&after=1"), 1).front(),
            R"({"type":"stream.reload","reason":"too_old"})");
  EXPECT_EQ(member(first_texts(live(session, "&after=2"), 1).front(), "type"), "call.joined");
}

TEST_F(LiveMessagesTest, ASessionWhoseEventsOutlivedTheirTimeMeansToReload) {
  const std::string old = member(world_.create_session(acme_).body, "session_id");
  world_.send(acme_, "DELETE", "/api/sessions/" + old, "", {{"X-API-Key", "acme-staff"}});
  const std::string young = member(world_.create_session(acme_).body, "session_id");
  world_.clock.advance(std::chrono::hours(24 * 100));
  StoreBatch removal;
  removal.at = world_.clock.now();
  removal.expired.events_through = 3;
  std::optional<Status> removed;
  acme_.host->store().commit(std::move(removal), [&](const Status& got) { removed = got; });
  ASSERT_TRUE(world_.run_until([&] { return removed.has_value(); }));
  ASSERT_THAT(*removed, IsOk());

  EXPECT_EQ(first_texts(live(old, "&after=1"), 1).front(),
            R"({"type":"stream.reload","reason":"too_old"})");
  EXPECT_EQ(first_texts("/ws/staff?after=1&token=acme-staff", 1).front(),
            R"({"type":"stream.reload","reason":"too_old"})");
  EXPECT_EQ(member(first_texts(live(young, "&after=0"), 1).front(), "type"), "session.created");
}

TEST_F(LiveMessagesTest, AReplayIsAsFastAsItIsReadHoweverMuchWasMissed) {
  const std::string session = member(world_.create_session(acme_).body, "session_id");
  world_.close(acme_);
  // More than sockets take without being read, in what one page of the store has.
  constexpr std::size_t kMissed = 450;
  {
    auto database = SqliteDatabase::open(world_.data_folder("acme") + "/tenant.db");
    ASSERT_THAT(database, IsOk());
    auto more = database->prepare(
        "WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < ?2) "
        "INSERT INTO events (tenant_seq, session, seq, type, at, data) SELECT i, ?1, i, "
        "'call.joined', 0, json_object('call_id', hex(zeroblob(16000))) FROM n");
    ASSERT_THAT(more, IsOk());
    more->bind(1, session).bind(2, std::int64_t{kMissed});
    ASSERT_THAT(more->run(), IsOk());
    auto last =
        database->prepare("UPDATE sessions SET document = json_set(document, '$.last_seq', ?1)");
    ASSERT_THAT(last, IsOk());
    last->bind(1, std::int64_t{kMissed});
    ASSERT_THAT(last->run(), IsOk());
  }
  acme_ = std::move(*world_.open("acme", FencingToken{2}));
  for (const std::string& path :
       {std::string("/ws/staff?after=0&token=acme-staff"), live(session, "&after=0")}) {
    WebSocketClient client(world_.reactor(), acme_.port, path);
    ASSERT_TRUE(world_.run_until([&] { return !client.texts().empty(); }));
    // What happens meanwhile comes behind.
    const std::size_t all = kMissed + ++joined_;
    const std::string call = "call-1";
    world_.post_event(acme_, joined_ == 1 ? "call.started" : "call.joined", call, session);

    EXPECT_TRUE(
        world_.run_until([&] { return client.texts().size() >= all || client.close_code() != 0; }));

    EXPECT_EQ(client.close_code(), 0) << client.close_reason();
    ASSERT_EQ(client.texts().size(), all);
    for (std::size_t i = 0; i < all; ++i) {
      const std::string begin = R"({"seq":)" + std::to_string(i + 1) + ",";
      ASSERT_TRUE(client.texts()[i].starts_with(begin)) << path << client.texts()[i].substr(0, 40);
    }
  }
}

}  // namespace
}  // namespace voicectl::runtime
