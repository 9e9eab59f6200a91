// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/service.h"

#include <fmt/core.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/control/protocol.h"
#include "tests/integration/runtime/runtime_fixture.h"
#include "tests/support/keeping_sink.h"
#include "tests/support/matchers.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// The daemon's end of a channel, as a script.
class Daemon {
 public:
  Daemon(RuntimeFixture& world, const std::string& path)
      : world_(world), channels_(world.reactor(), world.reactor()) {
    auto channel = channels_.connect(path);
    EXPECT_THAT(channel, IsOk());
    channel_ = std::move(*channel);
    channel_->start({[this](const std::string& text, std::vector<UniqueFd> descriptors) {
                       answers_.push_back(*control::decode(text));
                       descriptors_ += descriptors.size();
                     },
                     [this] { gone_ = true; }});
  }

  /// Asks, and gives the last message that answers.
  control::Message ask(std::string_view type,
                       const Json& body,
                       const std::vector<int>& descriptors = {}) {
    const std::uint64_t id = ++last_id_;
    const Status sent = channel_->send(
        control::encode({std::string(type), id, std::nullopt, dump_json(body)}), descriptors);
    EXPECT_THAT(sent, IsOk());
    const auto answered = [this, id] {
      return !answers_.empty() && answers_.back().re == id &&
             answers_.back().type != control::reply::kListener;
    };
    EXPECT_TRUE(world_.run_until(answered));
    return answers_.back();
  }

  std::size_t descriptors() const { return descriptors_; }
  bool is_gone() const { return gone_; }

 private:
  RuntimeFixture& world_;
  PosixFdChannelFactory channels_;
  std::unique_ptr<FdChannel> channel_;
  std::vector<control::Message> answers_;
  std::size_t descriptors_ = 0;
  std::uint64_t last_id_ = 0;
  bool gone_ = false;
};

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    PosixListenerFactory listeners;
    Result<UniqueFd> control = listeners.bind_unix_packets(control_path(), {});
    Result<UniqueFd> admin = listeners.bind_unix(folder_.path("admin.sock"), {});
    Result<UniqueFd> unix_listener = listeners.bind_unix(folder_.path("tenant.sock"), {});
    EXPECT_THAT(control, IsOk());
    EXPECT_THAT(admin, IsOk());
    EXPECT_THAT(unix_listener, IsOk());
    unix_listener_ = std::move(*unix_listener);
    service_.emplace(world_.deps(), log_, std::move(*control), std::move(*admin));
  }

  std::string control_path() const { return folder_.path("control.sock"); }

  static Json hello(std::uint64_t epoch) { return {{"instance", "shared-0"}, {"epoch", epoch}}; }

  control::Message lend(Daemon& daemon, std::uint64_t token) {
    world_.prepare("acme");
    return daemon.ask(control::request::kLend,
                      {{"tenant", "acme"},
                       {"generation", 1},
                       {"token", token},
                       {"config", world_.config_path("acme")},
                       {"data", world_.data_folder("acme")}},
                      {unix_listener_.get(), port_.listener.get()});
  }

  static ErrorCode code_of(const control::Message& message) {
    return control::error_of(message).code();
  }

  TempDir folder_;
  RuntimeFixture world_;
  KeepingSink sink_;
  Log log_{sink_, world_.clock};
  UniqueFd unix_listener_;
  FreePort port_ = bind_free_port();
  std::optional<Service> service_;
};

TEST_F(ServiceTest, TakesARevokedKeyAtOnce) {
  Daemon daemon(world_, control_path());
  daemon.ask(control::request::kHello, hello(1));
  lend(daemon, 1);
  const HttpHeaders staff = {{"X-API-Key", "acme-staff"}};
  EXPECT_EQ(world_.send(port_.number, "GET", "/api/sessions", "", staff).status, 200);

  world_.write_keys("acme", Json::array());
  EXPECT_EQ(daemon.ask(control::request::kReloadKeys, {{"tenant", "acme"}}).type,
            control::reply::kOk);

  EXPECT_EQ(world_.send(port_.number, "GET", "/api/sessions", "", staff).status, 401);
  EXPECT_EQ(code_of(daemon.ask(control::request::kReloadKeys, {{"tenant", "nobody"}})),
            ErrorCode::kNotFound);
}

TEST_F(ServiceTest, ServesATenantFromLendToReclaim) {
  Daemon daemon(world_, control_path());
  EXPECT_EQ(daemon.ask(control::request::kHello, hello(1)).type, control::reply::kReady);

  EXPECT_EQ(lend(daemon, 1).type, control::reply::kOk);
  EXPECT_EQ(world_.send(port_.number, "GET", "/health").status, 200);
  EXPECT_THAT(daemon.ask(control::request::kStats, Json::object()).body,
              HasSubstr(R"("tenant":"acme")"));
  EXPECT_EQ(daemon.ask(control::request::kReclaim, {{"tenant", "acme"}, {"token", 1}}).type,
            control::reply::kOk);

  EXPECT_THAT(daemon.ask(control::request::kStats, Json::object()).body,
              HasSubstr(R"("tenants":[])"));
}

TEST_F(ServiceTest, TellsASampleOfWhatATenantHasCost) {
  Daemon daemon(world_, control_path());
  daemon.ask(control::request::kHello, hello(1));
  lend(daemon, 1);
  const auto sample = [&] {
    return *parse_json(daemon.ask(control::request::kStats, {{"sample", true}}).body);
  };
  const Json before = sample()["tenants"][0];
  EXPECT_THAT(before["latency"], IsEmpty());
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(world_.send(port_.number, "GET", "/health").status, 200);
  }

  const Json told = sample();
  const Json after = told["tenants"][0];

  EXPECT_GT(after["cpu_us"].get<std::int64_t>(), before["cpu_us"].get<std::int64_t>());
  EXPECT_GE(after["received"].get<std::int64_t>(), 20 * 40);
  EXPECT_GE(after["sent"].get<std::int64_t>(), 20 * 40);
  EXPECT_EQ(after["in_flight"], 0);
  EXPECT_FALSE(after.contains("events_total")) << "what is nothing is not told";
  EXPECT_GT(after["memory"].get<std::int64_t>(), 32 * 1024) << "its database alone has that";
  EXPECT_LT(after["memory"].get<std::int64_t>(), 4 * 1024 * 1024);
  std::uint64_t requests = 0;
  for (std::size_t i = 1; i < after["latency"].size(); i += 2) {
    requests += after["latency"][i].get<std::uint64_t>();
  }
  EXPECT_EQ(requests, 20U);
  EXPECT_EQ(told["loop_lag"].size() % 2, 0U);
  EXPECT_FALSE(told.contains("next"));
  EXPECT_THAT(sample()["tenants"][0]["latency"], IsEmpty()) << "it was told before";
}

TEST_F(ServiceTest, TellsTheTenantsBehindAName) {
  Daemon daemon(world_, control_path());
  daemon.ask(control::request::kHello, hello(1));
  lend(daemon, 1);

  EXPECT_THAT(daemon.ask(control::request::kStats, {{"sample", true}, {"after", "acmd"}}).body,
              HasSubstr(R"("tenant":"acme")"));
  EXPECT_THAT(daemon.ask(control::request::kStats, {{"sample", true}, {"after", "acme"}}).body,
              HasSubstr(R"("tenants":[])"));
}

TEST_F(ServiceTest, TellsOfOneTenantAloneWhenItIsAskedSo) {
  Daemon daemon(world_, control_path());
  daemon.ask(control::request::kHello, hello(1));
  lend(daemon, 1);

  EXPECT_THAT(daemon.ask(control::request::kStats, {{"tenant", "acme"}}).body,
              HasSubstr(R"("tenant":"acme")"));
  for (const Json& other : {Json{{"tenant", "beta"}}, Json{{"after", "acme"}}}) {
    EXPECT_THAT(daemon.ask(control::request::kStats, other).body, HasSubstr(R"("tenants":[])"));
  }
}

TEST_F(ServiceTest, ShowsRetriesAndDropsWhatATenantOwes) {
  Daemon daemon(world_, control_path());
  daemon.ask(control::request::kHello, hello(1));
  lend(daemon, 1);
  world_.ultravox.hang_up_status = 400;
  for (int i = 0; i < 2; ++i) {
    const HttpResponse made =
        world_.send(port_.number, "POST", "/api/sessions", R"({"customer_name":"Ann"})",
                    {{"X-API-Key", "acme-widget"}});
    world_.send(port_.number, "DELETE", "/api/sessions/" + member(made.body, "session_id"), "",
                {{"X-API-Key", "acme-staff"}});
  }
  const Json dead = {{"tenant", "acme"}, {"state", "dead"}};
  std::string listed;
  EXPECT_TRUE(world_.run_until([&] {
    listed = daemon.ask(control::request::kListOutbox, dead).body;
    return Json::parse(listed).at("entries").size() == 2;
  }));
  EXPECT_THAT(listed, HasSubstr("ultravox.hang_up"));
  const Json entries = Json::parse(listed).at("entries");
  const std::string newest = entries.back().at("id").dump();
  EXPECT_THAT(daemon.ask(control::request::kStats, {{"sample", true}}).body,
              HasSubstr(R"("outbox_dead":{"count":2,"entry":)" + newest +
                        R"(,"given_up":2,"kind":"ultravox.hang_up"})"));
  EXPECT_EQ(std::count_if(sink_.lines.begin(), sink_.lines.end(),
                          [](const std::string& line) {
                            return line.find("outbox.dead tenant=acme") != line.npos;
                          }),
            2);
  const Json first = {{"tenant", "acme"}, {"entry", 1}};
  EXPECT_THAT(daemon.ask(control::request::kShowOutbox, first).body,
              HasSubstr(R"("payload":{"call_id":"call-1"})"));

  world_.ultravox.hang_up_status = 204;
  EXPECT_EQ(daemon.ask(control::request::kDropOutbox, first).type, control::reply::kOk);
  EXPECT_THAT(daemon.ask(control::request::kRetryOutbox, {{"tenant", "acme"}}).body,
              HasSubstr(R"("retried":1)"));

  EXPECT_TRUE(world_.run_until([this] { return world_.ultravox.hung_up.size() == 1; }));
  EXPECT_EQ(world_.ultravox.hung_up[0], "call-2");
  EXPECT_EQ(code_of(daemon.ask(control::request::kRetryOutbox, first)), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(daemon.ask(control::request::kShowOutbox, {{"tenant", "acme"}})),
            ErrorCode::kInvalidArgument);
}

TEST_F(ServiceTest, TakesARepeatedLendOrReclaimForDone) {
  Daemon daemon(world_, control_path());
  daemon.ask(control::request::kHello, hello(1));

  EXPECT_EQ(lend(daemon, 1).type, control::reply::kOk);
  EXPECT_EQ(lend(daemon, 1).type, control::reply::kOk);
  EXPECT_EQ(lend(daemon, 2).type, control::reply::kOk);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(daemon.ask(control::request::kReclaim, {{"tenant", "acme"}, {"token", 2}}).type,
              control::reply::kOk);
  }
}

TEST_F(ServiceTest, AcceptsOnTheListenersThatItWasLentLast) {
  Daemon daemon(world_, control_path());
  daemon.ask(control::request::kHello, hello(1));
  lend(daemon, 1);
  FreePort before = std::exchange(port_, bind_free_port());

  EXPECT_EQ(lend(daemon, 2).type, control::reply::kOk);

  EXPECT_EQ(world_.send(port_.number, "GET", "/health").status, 200);
}

TEST_F(ServiceTest, RefusesLowerTokens) {
  Daemon daemon(world_, control_path());
  daemon.ask(control::request::kHello, hello(1));
  lend(daemon, 5);

  EXPECT_EQ(code_of(lend(daemon, 4)), ErrorCode::kFenced);
  EXPECT_EQ(code_of(daemon.ask(control::request::kReclaim, {{"tenant", "acme"}, {"token", 4}})),
            ErrorCode::kFenced);
}

TEST_F(ServiceTest, HasLetGoOfWhatIsNotThereWhateverTheToken) {
  Daemon daemon(world_, control_path());
  daemon.ask(control::request::kHello, hello(1));
  lend(daemon, 5);
  daemon.ask(control::request::kReclaim, {{"tenant", "acme"}, {"token", 6}});

  EXPECT_EQ(daemon.ask(control::request::kReclaim, {{"tenant", "acme"}, {"token", 4}}).type,
            control::reply::kOk);

  EXPECT_EQ(code_of(lend(daemon, 5)), ErrorCode::kFenced) << "6 was here all the same";
}

TEST_F(ServiceTest, ObeysOnlyTheNewestDaemon) {
  Daemon older(world_, control_path());
  older.ask(control::request::kHello, hello(3));
  Daemon newer(world_, control_path());
  EXPECT_EQ(code_of(newer.ask(control::request::kStats, Json::object())), ErrorCode::kConflict);
  newer.ask(control::request::kHello, hello(4));
  EXPECT_TRUE(world_.run_until([&older] { return older.is_gone(); }));

  Daemon late(world_, control_path());

  EXPECT_EQ(code_of(late.ask(control::request::kHello, hello(3))), ErrorCode::kFenced);
}

TEST_F(ServiceTest, ServesOnWithoutADaemonAndGivesTheNextOneTheListeners) {
  {
    Daemon daemon(world_, control_path());
    daemon.ask(control::request::kHello, hello(1));
    lend(daemon, 1);
  }
  EXPECT_EQ(world_.send(port_.number, "GET", "/health").status, 200);

  Daemon next(world_, control_path());
  const control::Message ready = next.ask(control::request::kHello, hello(2));
  next.ask(control::request::kRegain, Json::object());

  EXPECT_THAT(ready.body, HasSubstr(R"("tenants":1)"));
  EXPECT_EQ(next.descriptors(), 2U);
}

TEST_F(ServiceTest, RefusesALendWithoutListenersOrConfiguration) {
  Daemon daemon(world_, control_path());
  daemon.ask(control::request::kHello, hello(1));

  EXPECT_EQ(code_of(daemon.ask(control::request::kLend, {{"tenant", "acme"}, {"token", 1}})),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(daemon.ask(control::request::kLend,
                               {{"tenant", "acme"}, {"token", 1}, {"config", "/nowhere.json"}},
                               {unix_listener_.get(), port_.listener.get()})),
            ErrorCode::kNotFound);
  EXPECT_EQ(code_of(daemon.ask("dance", Json::object())), ErrorCode::kInvalidArgument);
}

TEST_F(ServiceTest, ShowsAndEndsSessions) {
  Daemon daemon(world_, control_path());
  daemon.ask(control::request::kHello, hello(1));
  lend(daemon, 1);
  const HttpResponse created = world_.send(port_.number, "POST", "/api/sessions",
                                           R"({"customer_name":"Ann","customer_phone":"1"})",
                                           {{"X-API-Key", "acme-widget"}});
  const std::string session = member(created.body, "session_id");

  const std::string list = daemon.ask(control::request::kListSessions, Json::object()).body;
  const std::string shown = daemon.ask(control::request::kShowSession, {{"session", session}}).body;
  const std::string ended =
      daemon.ask(control::request::kEndSession, {{"session", session}, {"reason", "test"}}).body;

  EXPECT_THAT(list, HasSubstr(session));
  EXPECT_THAT(shown, HasSubstr(R"("type":"session.ready")"));
  EXPECT_THAT(ended, HasSubstr(R"("end_reason":"test")"));
  EXPECT_EQ(
      code_of(daemon.ask(control::request::kShowSession, {{"session", "other_0123456789abcdef"}})),
      ErrorCode::kNotFound);
}

TEST_F(ServiceTest, ListsTheSessionsOfOneStatus) {
  Daemon daemon(world_, control_path());
  daemon.ask(control::request::kHello, hello(1));
  lend(daemon, 1);
  std::vector<std::string> sessions;
  for (int i = 0; i < 2; ++i) {
    sessions.push_back(
        member(world_
                   .send(port_.number, "POST", "/api/sessions", R"({"customer_name":"Ann"})",
                         {{"X-API-Key", "acme-widget"}})
                   .body,
               "session_id"));
  }
  daemon.ask(control::request::kEndSession, {{"session", sessions[0]}, {"reason", "test"}});
  const auto listed = [&](const char* status) {
    std::vector<std::string> found;
    const control::Message answer =
        daemon.ask(control::request::kListSessions, {{"status", status}});
    const Json page = Json::parse(answer.body);
    for (const Json& one : page.at("sessions")) {
      found.push_back(one.at("session_id"));
    }
    return found;
  };

  EXPECT_THAT(listed("completed"), ::testing::ElementsAre(sessions[0]));
  EXPECT_THAT(listed("ready"), ::testing::ElementsAre(sessions[1]));
  EXPECT_THAT(listed("failed"), IsEmpty());
  EXPECT_EQ(code_of(daemon.ask(control::request::kListSessions, {{"status", "done"}})),
            ErrorCode::kInvalidArgument);
}

TEST_F(ServiceTest, ClosesItsTenantsWhenItStops) {
  Daemon daemon(world_, control_path());
  daemon.ask(control::request::kHello, hello(1));
  lend(daemon, 1);
  bool stopped = false;

  service_->stop([&stopped] { stopped = true; });
  world_.run_until([&stopped] { return stopped; });

  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace voicectl::runtime
