// SPDX-License-Identifier: Apache-2.0
// What is told to Prometheus, and what is made of it: judged by Prometheus' own tool.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/e2e/platform.h"
#include "tests/support/prometheus_text.h"

namespace voicectl::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kPromtool = "/usr/bin/promtool";

void write(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  ASSERT_TRUE(file.flush().good());
}

/// A file of the repository.
std::string text_of(const std::string& path) {
  std::ifstream source(std::string(VOICECTL_SOURCE) + "/" + path);
  std::stringstream out;
  out << source.rdbuf();
  return out.str();
}

std::set<std::string> told_in(const std::string& metrics) {
  static const std::regex kType("# TYPE ([a-z0-9_]+) ");
  std::set<std::string> out;
  for (std::sregex_iterator one(metrics.begin(), metrics.end(), kType), end; one != end; ++one) {
    out.insert((*one)[1].str());
  }
  return out;
}

std::string rendered(const std::string& what, std::vector<std::string> more = {}) {
  std::vector<std::string> argv = {Platform::bin("voicectl"), "metrics", what};
  argv.insert(argv.end(), more.begin(), more.end());
  const Finished finished = run(argv);
  EXPECT_EQ(finished.code, 0) << finished.err;
  return finished.out;
}

/// Names of metrics in a text of queries, without what is recorded by rules and without the parts
/// of histograms.
std::set<std::string> metrics_in(const std::string& text) {
  static const std::regex kName("(^|[^a-z0-9_:])((voicectl|process)_[a-z0-9_]+)(?![a-z0-9_:])");
  static const std::regex kPart("_(bucket|sum|count)$");
  std::set<std::string> out;
  for (std::sregex_iterator one(text.begin(), text.end(), kName), end; one != end; ++one) {
    out.insert(std::regex_replace((*one)[2].str(), kPart, ""));
  }
  return out;
}

std::string queries_of_rules(const std::string& yaml) {
  std::string out;
  std::istringstream lines(yaml);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t at = line.find("expr: ");
    out += at == std::string::npos ? "" : line.substr(at + 6) + "\n";
  }
  return out;
}

std::string queries_of_dashboard(const json& dashboard) {
  std::string out = dashboard.at("templating").dump();
  for (const json& panel : dashboard.at("panels")) {
    for (const json& target : panel.at("targets")) {
      out += "\n" + target.at("expr").get<std::string>();
    }
  }
  return out;
}

/// What Grafana puts in for its variables.
std::string filled_in(std::string query) {
  for (const auto& [variable, value] :
       {std::pair("$__rate_interval", "5m"), std::pair("$__range", "3h"), std::pair("$host", ".*"),
        std::pair("$tenant", ".*")}) {
    for (std::size_t at = 0; (at = query.find(variable, at)) != std::string::npos;) {
      query.replace(at, std::string_view(variable).size(), value);
    }
  }
  return query;
}

/// Each query under a name of its own, as rules: Prometheus' tool reads no others.
std::string as_rules(const std::vector<std::string>& queries) {
  std::string out = "groups:\n  - name: dashboard\n    rules:\n";
  for (std::size_t i = 0; i < queries.size(); ++i) {
    out += fmt::format("      - record: panel:query:{}\n        expr: {}\n", i,
                       json(filled_in(queries[i])).dump());
  }
  return out;
}

std::set<std::string> found_in(const std::string& text, const std::regex& what) {
  std::set<std::string> out;
  for (std::sregex_iterator one(text.begin(), text.end(), what), end; one != end; ++one) {
    out.insert((*one)[1].str());
  }
  return out;
}

class MetricsE2e : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(run({kPromtool, "--version"}).code, 0) << "install the package prometheus";
  }
  static void expect_good_metrics(const std::string& path) {
    const Finished checked =
        run({"/bin/sh", "-c", fmt::format("{} check metrics < {}", kPromtool, path)});
    EXPECT_EQ(checked.code, 0) << checked.out << checked.err;
    EXPECT_THAT(checked.out + checked.err, IsEmpty());
  }
};

TEST_F(MetricsE2e, RulesAreGoodAndFireWhenTheyShould) {
  const TempDir folder;
  write(folder.path("rules.yaml"), rendered("rules"));
  write(folder.path("cases.yaml"), text_of("tests/e2e/alert_rules_test.yaml"));

  const Finished checked = run({kPromtool, "check", "rules", folder.path("rules.yaml")});
  EXPECT_EQ(checked.code, 0) << checked.out << checked.err;
  const Finished tested = run({kPromtool, "test", "rules", folder.path("cases.yaml")});
  EXPECT_EQ(tested.code, 0) << tested.out << tested.err;
}

TEST_F(MetricsE2e, EveryAlertIsSeenToFire) {
  // Where an alert is expected not to fire, its list stands in the same line and is empty.
  const std::set<std::string> fired =
      found_in(text_of("tests/e2e/alert_rules_test.yaml"),
               std::regex("alertname: ([A-Za-z]+)\n +exp_alerts:\n +- "));
  const std::set<std::string> alerts =
      found_in(rendered("rules"), std::regex("- alert: ([A-Za-z]+)"));

  EXPECT_GT(alerts.size(), 10U);
  for (const std::string& alert : alerts) {
    EXPECT_TRUE(fired.contains(alert)) << alert << " is not in alert_rules_test.yaml";
  }
}

TEST_F(MetricsE2e, PrometheusUnderstandsEveryQueryOfTheDashboard) {
  const TempDir folder;
  const json dashboard = json::parse(rendered("dashboard"));
  std::vector<std::string> queries;
  for (const json& panel : dashboard.at("panels")) {
    for (const json& target : panel.at("targets")) {
      queries.push_back(target.at("expr").get<std::string>());
    }
  }
  EXPECT_GT(queries.size(), 30U);
  const auto check = [&] {
    write(folder.path("dashboard.yaml"), as_rules(queries));
    return run({kPromtool, "check", "rules", folder.path("dashboard.yaml")});
  };
  const Finished checked = check();
  EXPECT_EQ(checked.code, 0) << checked.out << checked.err;
  EXPECT_THAT(as_rules(queries), Not(HasSubstr("$"))) << "a variable that is not put in";

  queries.push_back("sum by (instance (voicectl_tenants)");
  EXPECT_NE(check().code, 0) << "what is wrong is seen";
}

TEST_F(MetricsE2e, SettingsStandInTheRulesAndWhatIsNoNumberDoesNot) {
  const TempDir folder;
  write(folder.path("rules.yaml"), rendered("rules", {"--set", "loop_lag_seconds=0.25"}));

  EXPECT_EQ(run({kPromtool, "check", "rules", folder.path("rules.yaml")}).code, 0);
  EXPECT_THAT(rendered("rules", {"--set", "loop_lag_seconds=0.25"}), HasSubstr("p99_5m > 0.25\n"));
  for (const char* wrong : {"loop_lag_seconds=1 or vector(1)", "nothing=1", "restarts", "flaps=-1",
                            "over_mark_minutes=7.5", "hand_over_pause_seconds=5",
                            "request_p99_seconds=10", "memory_free_share=1"}) {
    const Finished refused = run({Platform::bin("voicectl"), "metrics", "rules", "--set", wrong});
    EXPECT_EQ(refused.code, 1) << wrong;
    EXPECT_THAT(refused.err, HasSubstr("cannot")) << wrong;
  }
}

TEST_F(MetricsE2e, TheRealExpositionIsGoodAndHasAllThatRulesAndDashboardAskFor) {
  Platform platform;
  platform.up();
  ASSERT_TRUE(platform.call("mario-pizza").is_object());
  // Decided once everybody was seen: the round after the next look.
  Running watching({Platform::bin("voicectl"), "--socket", platform.run_folder() + "/control.sock",
                    "policy", "record", platform.path("load"), "--interval", "5s", "--for", "11s"});
  ASSERT_EQ(watching.finish().code, 0);

  const std::string metrics = platform.voicectl({"metrics"}).out;
  write(platform.path("daemon.prom"), metrics);
  static const std::regex kMemory(
      "voicectl_tenant_memory_bytes\\{tenant=\"mario-pizza\"\\} ([0-9.e+]+)");
  std::smatch memory;
  ASSERT_TRUE(std::regex_search(metrics, memory, kMemory));
  EXPECT_GT(std::stod(memory[1]), 32 * 1024) << "its database alone has that";
  const json instances = platform.voicectl_json({"ps"})["instances"];
  const Finished of_instance =
      run({"/usr/bin/curl", "-sf",
           fmt::format("http://127.0.0.1:{}/metrics", instances.at(0).at("port").get<int>())});
  write(platform.path("instance.prom"), of_instance.out);

  const std::string reference = text_of("docs/reference/metrics.md");
  for (const std::string& name : told_in(metrics + of_instance.out)) {
    EXPECT_THAT(reference, HasSubstr("| `" + name + "` |")) << "the reference does not have it";
  }
  expect_good_metrics(platform.path("daemon.prom"));
  expect_good_metrics(platform.path("instance.prom"));
  EXPECT_THAT(problems_of_metrics(metrics), IsEmpty());
  EXPECT_THAT(metrics, HasSubstr("voicectl_tenant_info{tenant=\"mario-pizza\","
                                 "instance_name=\"shared-0\",kind=\"shared\""));
  const json dashboard = json::parse(rendered("dashboard"));
  const std::set<std::string> asked =
      metrics_in(queries_of_rules(rendered("rules")) + "\n" + queries_of_dashboard(dashboard));
  EXPECT_GT(asked.size(), 25U);
  for (const std::string& name : asked) {
    EXPECT_THAT(metrics, HasSubstr("# TYPE " + name + " ")) << "nobody tells it";
  }
}

TEST_F(MetricsE2e, TheDashboardIsWhole) {
  const json dashboard = json::parse(rendered("dashboard", {"--set", "title=Night \"shift\""}));

  EXPECT_EQ(dashboard["title"], "Night \"shift\"");
  std::set<int> ids;
  for (const json& panel : dashboard["panels"]) {
    EXPECT_TRUE(ids.insert(panel["id"].get<int>()).second) << panel["id"];
    EXPECT_FALSE(panel["targets"].empty());
    EXPECT_LE(panel["gridPos"]["x"].get<int>() + panel["gridPos"]["w"].get<int>(), 24);
  }
}

}  // namespace
}  // namespace voicectl::e2e
