// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/unit/cli/cli_on_fakes.h"

namespace voicectl {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

using ViewCommandsTest = CliTest;

Json instance_json() {
  return {{"instance", "shared-0"}, {"kind", "shared"}, {"state", "ready"}, {"pid", 4242},
          {"port", 21000},          {"tenants", 3},     {"sessions", 7},    {"cpu_percent", 12.5},
          {"rss_bytes", 10485760},  {"uptime_s", 3900}, {"restarts", 1},    {"version", "0.1.0"}};
}

TEST_F(ViewCommandsTest, PsShowsLoadAndAge) {
  daemon_.answer("GET /v1/instances", Json{{"instances", {instance_json()}}});

  EXPECT_EQ(run({"ps"}), ExitCode::kOk);

  EXPECT_EQ(
      out(),
      "INSTANCE  KIND    STATE   PID  TENANTS  SESSIONS    CPU       RSS  UPTIME  RESTARTS\n"
      "shared-0  shared  ready  4242        3         7  12.5%  10.0 MiB   1h05m         1\n");
}

TEST_F(ViewCommandsTest, WidePsShowsWhatTheProcessHolds) {
  Json instance = instance_json();
  instance.update({{"pss_bytes", 5242880}, {"threads", 3}, {"descriptors", 41}});
  Json unknown = instance_json();
  unknown.update({{"instance", "shared-1"}, {"pss_bytes", nullptr}, {"threads", nullptr}});
  daemon_.answer("GET /v1/instances", Json{{"instances", {instance, unknown}}});

  EXPECT_EQ(run({"ps", "-o", "wide"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("     RSS      PSS  THREADS  FDS  UPTIME"));
  EXPECT_THAT(out(), HasSubstr("10.0 MiB  5.0 MiB        3   41   1h05m"));
  EXPECT_THAT(out(), HasSubstr("10.0 MiB        -        -    -   1h05m"));
}

TEST_F(ViewCommandsTest, StatusShowsWhatIsPendingAndWrong) {
  daemon_.answer(
      "GET /v1/status",
      Json{{"daemon",
            {{"version", "0.1.0"}, {"pid", 7}, {"uptime_s", 61}, {"state", "/s"}, {"log", "/l"}}},
           {"platform", nullptr},
           {"edge",
            {{"mode", "none"}, {"probes", {{"answered", 12}, {"failed", 4}, {"unreachable", 1}}}}},
           {"heartbeats", {{"silent", 2}}},
           {"counts", {{"tenants", 1}, {"instances", 2}, {"sessions", 3}}},
           {"pending", {"start shared-0"}},
           {"problems", {"it is \x1b[31mbad"}}});

  EXPECT_EQ(run({"status"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("Daemon     0.1.0, pid 7, up 1m01s\n"));
  EXPECT_THAT(out(), HasSubstr("Platform   nothing applied yet\n"));
  EXPECT_THAT(out(), HasSubstr("Edge       none\n"));
  EXPECT_THAT(out(), HasSubstr("Probes     12 answered, 4 failed, 1 unreachable, 2 silent\n"));
  EXPECT_THAT(out(), HasSubstr("Pending:\n  start shared-0\n"));
  EXPECT_THAT(out(), HasSubstr("Problems:\n  it is ?[31mbad\n"));
}

TEST_F(ViewCommandsTest, StatusTellsOfTheHostAsFarAsItIsKnown) {
  const auto shown = [&](const Json& host) {
    daemon_.answers["GET /v1/status"] = {Json{{"daemon", {{"version", "0.1.0"}}}, {"host", host}}};
    EXPECT_EQ(run({"status"}), ExitCode::kOk);
    return out();
  };

  EXPECT_THAT(
      shown({{"processors", 2},
             {"load", {0.517, 0.4, 12}},
             {"memory_bytes", 8589934592},
             {"memory_available_bytes", 5368709120},
             {"disk_bytes", 42949672960},
             {"disk_available_bytes", 10737418240}}),
      HasSubstr("\nHost       load 0.52 0.40 12.00 on 2 processors, memory 3.0 GiB of 8.0 GiB "
                "used, disk 30.0 GiB of 40.0 GiB used\n"));
  EXPECT_THAT(shown({{"processors", 1},
                     {"load", nullptr},
                     {"memory_bytes", 1024},
                     {"memory_available_bytes", 0}}),
              HasSubstr("\nHost       memory 1.0 KiB of 1.0 KiB used\n"));
  EXPECT_THAT(shown(nullptr), Not(HasSubstr("Host")));
}

Json usage_json(const std::string& subject) {
  Json there = {{"at", "2026-01-01T00:00:00Z"},
                {"at_ms", 1767225600000},
                {"watched_s", 60},
                {"cpu_milli", 120.5},
                {"cpu_most_milli", 310},
                {"memory_bytes", 10485760},
                {"pss_bytes", 5242880},
                {"threads", 3},
                {"descriptors", 41},
                {"loop_lag_ms", 2.5},
                {"sessions", 7},
                {"tenants", 3},
                {"load", 1.25},
                {"memory_size_bytes", 20971520},
                {"disk_bytes", 1073741824},
                {"disk_size_bytes", 2147483648}};
  Json gone = {{"at", "2026-01-01T00:01:00Z"},
               {"at_ms", 1767225660000},
               {"watched_s", 60},
               {"cpu_milli", nullptr}};
  return {{"schema", "voicectl/usage-history/v1"},
          {"subject", subject},
          {"step_s", 60},
          {"points", {there, gone}}};
}

TEST_F(ViewCommandsTest, InstanceLoadShowsWhatItsProcessUsed) {
  daemon_.answer("GET /v1/instances/shared-0/load?since_ms=1767214800000",
                 usage_json("instance/shared-0"));

  EXPECT_EQ(run({"instance", "load", "shared-0", "--since", "3h"}), ExitCode::kOk) << err();

  EXPECT_THAT(out(),
              testing::StartsWith("instance/shared-0 from 2026-01-01T00:00:00Z in steps of"));
  EXPECT_THAT(out(), HasSubstr("at most 31.0%"));
  EXPECT_THAT(out(), HasSubstr("12.1%     31.0%  10.0 MiB  5.0 MiB     2.5ms         7        3"));
  EXPECT_THAT(out(), Not(HasSubstr("00:01:00Z"))) << "it was not there";
  EXPECT_EQ(run({"instance", "load", "../x"}), ExitCode::kUsage);
}

TEST_F(ViewCommandsTest, HostLoadShowsWhatTheMachineDid) {
  daemon_.answer("GET /v1/host/load?since_ms=1767139200000&step_s=600", usage_json("host"));

  EXPECT_EQ(run({"host", "load", "--step", "10m"}), ExitCode::kOk) << err();

  EXPECT_THAT(out(), testing::StartsWith("host from 2026-01-01T00:00:00Z in steps of"));
  EXPECT_THAT(out(), HasSubstr("1.25  12.1%     31.0%  10.0 MiB  20.0 MiB  1.0 GiB  2.0 GiB"));
  EXPECT_EQ(run({"host", "load", "--step", "10m", "-o", "json"}), ExitCode::kOk);
  EXPECT_EQ(Json::parse(out())["points"][1]["cpu_milli"], nullptr);
}

Json why_json() {
  return {{"tenant", "acme"},
          {"tier", "auto"},
          {"plan", "starter"},
          {"instance", "shared-0"},
          {"mode", "on"},
          {"decision",
           {{"kind", nullptr},
            {"rule", "dwell"},
            {"reason", "25 live sessions, at or above the high mark of 20"},
            {"otherwise", {"30s more like this would promote it"}},
            {"measures",
             {{{"name", "sessions"},
               {"unit", "live sessions"},
               {"value", 25.0},
               {"high", 20.0},
               {"low", 5.0},
               {"busy_s", 30},
               {"quiet_s", nullptr}}}}}},
          {"load",
           {{"requests_per_s", 12.34},
            {"events_per_s", 3.21},
            {"in_flight", 2},
            {"p99_ms", 31.5},
            {"p50_ms", nullptr},
            {"cpu_milli", 64}}},
          {"last_day",
           {{"watched_s", 86400},
            {"sessions", 31},
            {"requests", 12345},
            {"cpu_most_milli", 430},
            {"p99_ms", 210.4},
            {"memory_bytes", nullptr}}},
          {"history",
           {{{"at", "2026"},
             {"name", "monitor.not_moved"},
             {"detail", {{"error", "it \x1b[2Jfailed"}}}},
            {{"at", "2025"},
             {"name", "monitor.promotes"},
             {"detail",
              {{"reason", "it was busy"},
               {"measures",
                {{{"unit", "live sessions"}, {"value", 31.0}, {"high", 20.0}, {"low", 5.0}},
                 {{"unit", "mCPU"}, {"value", nullptr}, {"high", 500.0}, {"low", 100.0}}}}}}}}}};
}

TEST_F(ViewCommandsTest, WhyTellsTheRuleTheNumbersAndWhatWouldDiffer) {
  daemon_.answer("GET /v1/tenants/acme/why", why_json());

  EXPECT_EQ(run({"why", "tenant/acme"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("acme is in shared-0 (tier auto, plan starter, monitor on).\n"
                               "It stays where it is (rule dwell): 25 live sessions"));
  EXPECT_THAT(out(), HasSubstr("  - 30s more like this would promote it\n"));
  EXPECT_THAT(out(), HasSubstr("live sessions   25         5         20       30s          -\n"));
  EXPECT_THAT(
      out(),
      HasSubstr("\nLately: 12.3 requests/s, 3.2 events/s, 2 under way, 99 within 31.5ms, "
                "6.4% of a core.\n"
                "In the last day, watched for 1d00h: at most 31 live sessions and 43.0% of a core, "
                "12345 requests, 99 of 100 within 210.4ms"));
  EXPECT_THAT(out(), ContainsRegex("2026 +monitor.not_moved +- +it \\?\\[2Jfailed\n"));
  EXPECT_THAT(out(), ContainsRegex("2025 +monitor.promotes +31 live sessions \\(5/20\\), "
                                   "- mCPU \\(100/500\\) +it was busy\n"));
}

TEST_F(ViewCommandsTest, WhySaysHowMuchOfTheDayWasWatched) {
  Json answer = why_json();
  answer["last_day"]["watched_s"] = 300.4;
  daemon_.answer("GET /v1/tenants/acme/why", answer);

  run({"why", "acme"});

  EXPECT_THAT(out(), HasSubstr("In the last day, watched for 5m00s: at most 31 live sessions"));
}

TEST_F(ViewCommandsTest, WhyOfATenantThatWasNotSeenYetSaysSo) {
  Json answer = why_json();
  answer["decision"] = nullptr;
  answer["instance"] = nullptr;
  answer["history"] = Json::array();
  answer["last_day"] = nullptr;
  daemon_.answer("GET /v1/tenants/acme/why", answer);

  EXPECT_EQ(run({"why", "acme"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("acme is served by no instance yet"));
  EXPECT_THAT(out(), HasSubstr("Nothing was seen of it there yet"));
  EXPECT_THAT(out(), HasSubstr("has decided nothing about it before"));
}

/// Of 2026-01-01, in minutes; who had nothing stands with "instance": null.
Json load_json() {
  constexpr std::int64_t kBegin = 1'767'225'600'000;
  Json busy = {{"at", "2026-01-01T00:00:00Z"},
               {"at_ms", kBegin},
               {"watched_s", 60.0},
               {"instance", "shared-0"},
               {"sessions", 8},
               {"requests", 90},
               {"events", 12},
               {"cpu_milli", 41.25},
               {"cpu_most_milli", 800},
               {"p50_ms", 4.25},
               {"p95_ms", 20.0},
               {"p99_ms", nullptr},
               {"received", 1},
               {"sent", 2048},
               {"memory_bytes", 1048576}};
  Json idle = busy;
  idle.update({{"at_ms", kBegin + 180'000},
               {"instance", nullptr},
               {"sessions", 0},
               {"requests", 0},
               {"cpu_most_milli", 0},
               {"memory_bytes", nullptr}});
  return {{"tenant", "acme"}, {"step_s", 60}, {"points", {busy, idle}}};
}

TEST_F(ViewCommandsTest, LoadOfATenantIsLinesAndNumbers) {
  daemon_.answer("GET /v1/tenants/acme/load?since_ms=1767214800000&step_s=60", load_json());

  EXPECT_EQ(run({"tenant", "load", "acme", "--since", "3h", "--step", "1m"}), ExitCode::kOk);

  EXPECT_EQ(
      out(),
      "acme from 2026-01-01T00:00:00Z in steps of 1m00s, watched for 2m00s:\n"
      "\n"
      "SESSIONS    █··   at most 8\n"
      "REQUESTS/S  █··   at most 1.50\n"
      "CPU         █··   at most 80.0%\n"
      "P99         ····  -\n"
      "MEMORY      █···  at most 1.0 MiB\n"
      "\n"
      "AT                    INSTANCE  SESSIONS  REQUESTS  EVENTS   CPU  MOST CPU   P95  P99   "
      "MEMORY\n"
      "2026-01-01T00:00:00Z  shared-0         8        90      12  4.1%     80.0%  20ms    -  "
      "1.0 MiB\n");
}

TEST_F(ViewCommandsTest, LoadBehindALongGapIsTheNewest) {
  Json answer = load_json();
  Json& later = answer["points"][1];
  later = answer["points"][0];
  later["at"] = "2026-01-01T06:40:00Z";
  later["at_ms"] = later["at_ms"].get<std::int64_t>() + 400 * 60'000;
  later["sessions"] = 20;
  daemon_.answer("GET /v1/tenants/acme/load?since_ms=1767139200000&step_s=60", answer);

  EXPECT_EQ(run({"tenant", "load", "acme", "--step", "1m"}), ExitCode::kOk);

  EXPECT_THAT(out(),
              testing::StartsWith("acme from 2026-01-01T06:40:00Z in steps of 1m00s, watched "
                                  "for 1m00s:\n\nSESSIONS    █  at most 20\n"));
  EXPECT_THAT(out(), HasSubstr("\n2026-01-01T00:00:00Z  shared-0")) << "the table has all";
}

TEST_F(ViewCommandsTest, LoadOfATenantNobodyWatchedSaysSo) {
  daemon_.answer("GET /v1/tenants/acme/load?since_ms=1767139200000",
                 Json{{"tenant", "acme"}, {"step_s", 600}, {"points", Json::array()}});

  EXPECT_EQ(run({"tenant", "load", "acme"}), ExitCode::kOk);

  EXPECT_EQ(out(), "");
  EXPECT_THAT(err(), HasSubstr("Nobody watched in that time"));
  EXPECT_EQ(run({"tenant", "load", "acme", "-o", "json"}), ExitCode::kOk);
  EXPECT_EQ(Json::parse(out())["points"], Json::array());
}

TEST_F(ViewCommandsTest, LoadOfATenantTakesOnlyTheStepsThatAreKept) {
  EXPECT_EQ(run({"tenant", "load", "acme", "--step", "5m"}), ExitCode::kUsage);
  EXPECT_EQ(run({"tenant", "load", "acme", "--since", "soon"}), ExitCode::kUsage);
  EXPECT_EQ(run({"tenant", "load", "../x"}), ExitCode::kUsage);
  EXPECT_TRUE(daemon_.questions.empty());
}

TEST_F(ViewCommandsTest, WhyRefusesWhatIsNoTenant) {
  EXPECT_NE(run({"why", "instance/shared-0"}), ExitCode::kOk);
  EXPECT_TRUE(daemon_.questions.empty());
}

TEST_F(ViewCommandsTest, SessionsAreAskedForByTenantAndNumber) {
  daemon_.answer("GET /v1/sessions?limit=5&tenant=acme", Json{{"sessions",
                                                               {{{"session_id", "acme_1"},
                                                                 {"tenant", "acme"},
                                                                 {"status", "active"},
                                                                 {"customer_name", "Ann"},
                                                                 {"node_server_id", "shared-0"},
                                                                 {"created_at", "2026"},
                                                                 {"duration", nullptr}}}}});

  EXPECT_EQ(run({"session", "list", "--tenant", "acme", "--limit", "5", "-o", "name"}),
            ExitCode::kOk);

  EXPECT_EQ(out(), "session/acme_1\n");
  EXPECT_EQ(run({"session", "list", "--limit", "201"}), ExitCode::kUsage);
}

TEST_F(ViewCommandsTest, SessionsAreAskedForByStatus) {
  daemon_.answer("GET /v1/sessions?limit=50&status=active",
                 Json{{"sessions", {{{"session_id", "acme_1"}, {"status", "active"}}}}});

  EXPECT_EQ(run({"session", "list", "--status", "active", "-o", "name"}), ExitCode::kOk);

  EXPECT_EQ(out(), "session/acme_1\n");
}

TEST_F(ViewCommandsTest, SessionsGoOnBehindACursorInEveryFormat) {
  const Json first = {{"session_id", "acme_2"}, {"created_at", "2026"}};
  daemon_.answer("GET /v1/sessions?limit=1",
                 Json{{"sessions", {first}}, {"next", "1790000000000.acme_2"}});
  daemon_.answer("GET /v1/sessions?limit=1&after=1790000000000.acme_2",
                 Json{{"sessions", {{{"session_id", "acme_1"}}}}});

  for (const char* const format : {"table", "wide", "name"}) {
    EXPECT_EQ(run({"session", "list", "--limit", "1", "-o", format}), ExitCode::kOk);
    EXPECT_THAT(out(), Not(HasSubstr("1790000000000"))) << format;
    EXPECT_THAT(err(), HasSubstr("There are more: add --after '1790000000000.acme_2'.\n"))
        << format;
  }
  EXPECT_EQ(run({"session", "list", "--limit", "1", "-o", "json"}), ExitCode::kOk);
  EXPECT_EQ(Json::parse(out())["next"], "1790000000000.acme_2");
  EXPECT_EQ(err(), "");

  EXPECT_EQ(
      run({"session", "list", "--limit", "1", "--after", "1790000000000.acme_2", "-o", "name"}),
      ExitCode::kOk);
  EXPECT_EQ(out(), "session/acme_1\n");
  EXPECT_EQ(err(), "");
}

TEST_F(ViewCommandsTest, WhoDidNotAnswerIsNamedBesideAListThatIsNotWhole) {
  daemon_.answer("GET /v1/sessions?limit=50",
                 Json{{"sessions", Json::array()},
                      {"problems", {"cannot ask instance 'shared-1': no answer after 5s"}}});

  EXPECT_EQ(run({"session", "list"}), ExitCode::kOk);

  EXPECT_THAT(err(), HasSubstr("voicectl: cannot ask instance 'shared-1'"));
}

TEST_F(ViewCommandsTest, OutboxIsAskedForByTenantAndState) {
  daemon_.answer("GET /v1/outbox?limit=50&tenant=acme&state=dead",
                 Json{{"entries",
                       {{{"tenant", "acme"},
                         {"id", 17},
                         {"kind", "erpnext.tool.placeOrder"},
                         {"state", "dead"},
                         {"attempts", 10},
                         {"next_attempt", nullptr},
                         {"last_error", "cannot: \x1b[31mno"}}}}});

  EXPECT_EQ(run({"outbox", "list", "--tenant", "acme", "--state", "dead"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("erpnext.tool.placeOrder"));
  EXPECT_THAT(out(), HasSubstr("cannot: ?[31mno"));
  EXPECT_EQ(run({"outbox", "list", "--state", "lost"}), ExitCode::kUsage);
}

TEST_F(ViewCommandsTest, OutboxEntriesAreRetriedOneByOneOrAllDeadOnes) {
  daemon_.answer("POST /v1/outbox/acme/17/retry", Json{{"entry", {{"kind", "erpnext.x"}}}});
  daemon_.answer("POST /v1/outbox/acme/18/retry", Json{{"entry", {{"kind", "erpnext.y"}}}});
  daemon_.answer("POST /v1/outbox/acme/retry", Json{{"retried", 3}});

  EXPECT_EQ(run({"outbox", "retry", "acme", "17", "18"}), ExitCode::kOk);
  EXPECT_TRUE(daemon_.was_asked("POST /v1/outbox/acme/18/retry"));
  EXPECT_EQ(run({"outbox", "retry", "acme", "--dead"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("Retrying 3 dead entries of acme.\n"));

  daemon_.answers["POST /v1/outbox/acme/retry"] = {Json{{"retried", 1}}};
  EXPECT_EQ(run({"outbox", "retry", "acme", "--dead"}), ExitCode::kOk);
  EXPECT_EQ(out(), "Retrying 1 dead entry of acme.\n");
}

TEST_F(ViewCommandsTest, DroppingAnOutboxEntryIsAgreedTo) {
  daemon_.answer("DELETE /v1/outbox/acme/17", Json{{"entry", {{"kind", "erpnext.x"}}}});

  EXPECT_EQ(run({"outbox", "drop", "acme", "17", "--yes"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("Dropped entry 17, erpnext.x.\n"));
}

TEST_F(ViewCommandsTest, EndingASessionIsAgreedTo) {
  daemon_.answer("DELETE /v1/sessions/acme_1",
                 Json{{"session", {{"session_id", "acme_1"}, {"status", "completed"}}}});

  EXPECT_EQ(run({"session", "end", "acme_1"}), ExitCode::kUsage);
  EXPECT_FALSE(daemon_.was_asked("DELETE /v1/sessions/acme_1"));

  EXPECT_EQ(run({"session", "end", "acme_1", "--yes"}), ExitCode::kOk);
  EXPECT_EQ(out(), "Session acme_1 is completed.\n");
}

TEST_F(ViewCommandsTest, RestartingAnInstanceIsAgreedToAndFollowed) {
  daemon_.streams["POST /v1/instances/shared-0/restart"] = {
      R"({"type":"started","steps":1})",
      R"({"type":"step","number":0,"state":"done","kind":"lend_listener","subject":"tenant/acme",)"
      R"("text":"move acme from shared-0 to shared-1","took_ms":12})",
      R"({"type":"finished","done":1,"failed":0,"skipped":0,"undone":0,"remedy":""})"};

  daemon_.answer("GET /v1/instances", Json{{"instances", {instance_json()}}});
  daemon_.answer("POST /v1/instances/shared-0/restart/preview", Json{{"plan", plan_json(1)}});

  EXPECT_EQ(run({"instance", "restart", "shared-7", "--yes"}), ExitCode::kNotFound);
  EXPECT_EQ(out(), "");
  EXPECT_EQ(run({"instance", "restart", "shared-0"}), ExitCode::kUsage);
  EXPECT_EQ(run({"instance", "restart", "shared-0", "--dry-run"}), ExitCode::kOk);
  EXPECT_FALSE(daemon_.was_asked("POST /v1/instances/shared-0/restart"));
  EXPECT_THAT(out(), HasSubstr("Plan abcdef012345"));

  EXPECT_EQ(run({"instance", "restart", "shared-0", "--yes"}), ExitCode::kOk);
  EXPECT_THAT(out(), HasSubstr("move acme from shared-0 to shared-1"));
  EXPECT_THAT(out(), HasSubstr("Done: 1 step.\n"));
  EXPECT_EQ(daemon_.body_of("POST /v1/instances/shared-0/restart")["lock"], 7);
}

TEST_F(ViewCommandsTest, ARestartMovesAsManyTenantsAtOnceAsIsSaid) {
  daemon_.streams["POST /v1/instances/shared-0/restart"] = {
      R"({"type":"finished","done":1,"failed":0,"skipped":0,"undone":0,"remedy":""})"};
  daemon_.answer("GET /v1/instances", Json{{"instances", {instance_json()}}});
  daemon_.answer("POST /v1/instances/shared-0/restart/preview", Json{{"plan", plan_json(1)}});
  const auto parallel_of = [this](const std::vector<std::string>& more) {
    daemon_.questions.clear();
    std::vector<std::string> words = {"instance", "restart", "shared-0", "--yes"};
    words.insert(words.end(), more.begin(), more.end());
    EXPECT_EQ(run(words), ExitCode::kOk);
    return integer_or(daemon_.body_of("POST /v1/instances/shared-0/restart"), "parallel", 0);
  };

  EXPECT_EQ(parallel_of({}), 0);
  EXPECT_EQ(parallel_of({"--one-by-one"}), 1);
  EXPECT_EQ(parallel_of({"--parallel", "3"}), 3);
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--parallel", "0"},
                                                {"--parallel", "33"},
                                                {"--parallel", "2", "--one-by-one"}}) {
    std::vector<std::string> words = {"instance", "restart", "shared-0", "--yes"};
    words.insert(words.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(run(words), ExitCode::kUsage);
  }
}

TEST_F(ViewCommandsTest, ShowsASessionWithItsEvents) {
  daemon_.answer(
      "GET /v1/sessions/acme_1",
      Json{{"session", {{"session_id", "acme_1"}, {"status", "active"}}},
           {"events",
            {{{"seq", 1}, {"at", "2026"}, {"type", "session.created"}, {"data", {{"a", 1}}}}}}});

  EXPECT_EQ(run({"session", "show", "acme_1"}), ExitCode::kOk);

  EXPECT_THAT(out(), HasSubstr("Session    acme_1\n"));
  EXPECT_THAT(out(), HasSubstr("1  2026  session.created  {\"a\":1}\n"));
}

TEST_F(ViewCommandsTest, LogsAreFilteredByTheDaemon) {
  daemon_.streams["GET /v1/logs?follow=1&tenant=acme&since=600"] = {
      R"({"source":"instance/shared-0","line":"session.created tenant=acme"})"};

  EXPECT_EQ(run({"logs", "-f", "--tenant", "acme", "--since", "10m"}), ExitCode::kOk);

  EXPECT_EQ(out(), "instance/shared-0  session.created tenant=acme\n");
}

TEST_F(ViewCommandsTest, AgesHaveUnits) {
  daemon_.streams["GET /v1/logs?follow=0&since=90"] = {};
  daemon_.streams["GET /v1/logs?follow=0&since=7200"] = {};
  daemon_.streams["GET /v1/logs?follow=0&since=86400"] = {};

  EXPECT_EQ(run({"logs", "--since", "90"}), ExitCode::kOk);
  EXPECT_EQ(run({"logs", "--since", "2h"}), ExitCode::kOk);
  EXPECT_EQ(run({"logs", "--since", "1d"}), ExitCode::kOk);
  for (const char* age : {"", "soon", "-5", "5w", "99999999d", "m"}) {
    EXPECT_EQ(run({"logs", "--since", age}), ExitCode::kUsage) << age;
  }
}

TEST_F(ViewCommandsTest, EventsArePrintedAsTheyCome) {
  daemon_.streams["GET /v1/events?after=4&follow=1"] = {
      R"({"number":5,"at":"2026","name":"tenant.created","subject":"tenant/acme","detail":{}})"};

  EXPECT_EQ(run({"events", "-f", "--after", "4"}), ExitCode::kOk);

  EXPECT_EQ(out(), "     5  2026  tenant.created           tenant/acme\n");
}

TEST_F(ViewCommandsTest, EventsThatCannotBeReadAreNoSuccess) {
  daemon_.streams["GET /v1/events?after=0"] = {
      R"({"number":1,"at":"2026-11-25T10:00:00Z","name":"daemon.started","subject":"daemon"})",
      R"({"error":{"code":"internal","message":"cannot read the registry: its disk is broken"}})"};

  EXPECT_EQ(run({"events"}), ExitCode::kFailure);

  EXPECT_THAT(out(), HasSubstr("daemon.started"));
  EXPECT_THAT(err(), HasSubstr("its disk is broken"));
}

}  // namespace
}  // namespace voicectl
