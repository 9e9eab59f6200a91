// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "runtime/ultravox/stand_in/built_in_scripts.h"
#include "runtime/ultravox/stand_in/placeholders.h"
#include "runtime/ultravox/stand_in/script.h"
#include "runtime/ultravox/stand_in/script_run.h"

namespace voicectl::ultravox {
namespace {

using ::testing::HasSubstr;

/// A Saturday.
constexpr std::chrono::sys_days kToday{std::chrono::year(2026) / 11 / 21};

Json facts() {
  return {{"customer_name", "Ann"},
          {"result", {{"total", 46.97}, {"slots", {"2026-11-24 10:30"}}, {"empty", ""}}}};
}

std::string filled(std::string_view pattern) {
  return fill_in_text(pattern, facts(), kToday);
}

std::shared_ptr<const Script> script(std::string_view yaml) {
  return std::make_shared<const Script>(parse_script(yaml, "test").value());
}

UltravoxTool a_tool(std::string name) {
  UltravoxTool tool;
  tool.name = std::move(name);
  return tool;
}

TEST(PlaceholderTest, StandForWhatIsKnown) {
  EXPECT_EQ(filled("Hello {{customer_name}}, that is {{ result.total }}."),
            "Hello Ann, that is 46.97.");
}

TEST(PlaceholderTest, TakeTheFirstAlternativeThatIsKnown) {
  EXPECT_EQ(filled("{{nobody | customer_name | 'Bob'}}"), "Ann");
  EXPECT_EQ(filled("{{nobody | result.empty | 'Bob'}}"), "Bob");
  EXPECT_EQ(filled("<{{nobody}}>"), "<>");
}

TEST(PlaceholderTest, KnowDateAndTimeOfATextThatHasBoth) {
  EXPECT_EQ(filled("{{result.slots.0.date}} at {{result.slots.0.time}}"), "2026-11-24 at 10:30");
  EXPECT_EQ(filled("{{result.slots.1.date | 'none'}}"), "none");
}

TEST(PlaceholderTest, CountDaysFromToday) {
  EXPECT_EQ(filled("{{date}}"), "2026-11-21");
  EXPECT_EQ(filled("{{date+1 day}}"), "2026-11-22");
  EXPECT_EQ(filled("{{date+3 business days}}"), "2026-11-25");
  EXPECT_EQ(filled("{{date+5 business days}}"), "2026-11-27");
  EXPECT_EQ(filled("{{date+6 business days}}"), "2026-11-30");
}

TEST(PlaceholderTest, LeaveTextWithoutAnEndAlone) {
  EXPECT_EQ(filled("{{customer_name"), "{{customer_name");
  EXPECT_EQ(filled("}} {{"), "}} {{");
}

TEST(PlaceholderTest, KeepTheTypeOfAWholeValueAndDropWhatIsUnknown) {
  const Json pattern = {{"total", "{{result.total}}"},
                        {"phone", "{{customer_phone}}"},
                        {"list", {"{{nobody}}", "{{customer_name}}", 2}}};

  EXPECT_EQ(fill_in(pattern, facts(), kToday), Json({{"total", 46.97}, {"list", {"Ann", 2}}}));
}

TEST(ScriptTest, IsReadFromYaml) {
  const auto read = parse_script(R"(
name: lunch
tool: placeOrder
steps:
- agent: Hello
- user: Two pizzas
- tool: placeOrder
  arguments: {quantity: 2, code: "2", hot: true, items: [a]}
  on:
    error: [{agent: Sorry}]
)",
                                 "lunch.yaml");

  ASSERT_TRUE(read.has_value()) << read.error().text();
  EXPECT_EQ(read->tool, "placeOrder");
  ASSERT_EQ(read->steps.size(), 3U);
  const auto& tool = std::get<ScriptTool>(read->steps[2].what);
  EXPECT_EQ(parse_json(tool.arguments).value(),
            Json({{"quantity", 2}, {"code", "2"}, {"hot", true}, {"items", {"a"}}}));
  EXPECT_EQ(read->steps[2].on.at("error").size(), 1U);
}

TEST(ScriptTest, SaysWhereItIsWrong) {
  const auto read = parse_script("name: x\nsteps:\n- agent: Hello\n- shout: Hey\n", "x.yaml");

  ASSERT_TRUE(read.has_error());
  EXPECT_THAT(read.error().text(), HasSubstr("x.yaml"));
  EXPECT_THAT(read.error().text(), HasSubstr("line 4"));
}

TEST(ScriptTest, RefusesWhatIsNoScript) {
  for (const char* yaml : {"", "a", "[]", "name: x", "name: x\nsteps: 5", "name: [\n", "steps: []",
                           "name: x\nsteps: [{agent: a, user: b}]"}) {
    EXPECT_TRUE(parse_script(yaml, "x").has_error()) << yaml;
  }
}

TEST(ScriptTest, IsSoundInEveryFileThatIsBuiltIn) {
  EXPECT_EQ(built_in_scripts().size(), 4U);
  for (const ScriptSource& source : built_in_scripts()) {
    const auto read = parse_script(source.yaml, source.name);
    EXPECT_TRUE(read.has_value()) << source.name;
  }
}

TEST(ScriptBookTest, FindsAScriptByTheToolsOfTheCall) {
  const ScriptBook book = ScriptBook::built_in();

  EXPECT_EQ(book.find({a_tool("x"), a_tool("placeOrder")})->name, "restaurant");
  EXPECT_EQ(book.find({a_tool("bookAppointment")})->name, "appointment");
  EXPECT_EQ(book.find({a_tool("createSupportTicket")})->name, "support");
  EXPECT_EQ(book.find({})->name, "conversation");
}

TEST(ScriptRunTest, SpeaksLineByLineAndEnds) {
  ScriptRun run(script("name: x\nsteps: [{agent: Hello}, {user: 'I am {{customer_name}}'}]"),
                facts(), kToday);

  EXPECT_EQ(std::get<ScriptLine>(run.next()).text, "Hello");
  const auto line = std::get<ScriptLine>(run.next());
  EXPECT_EQ(line.speaker, MessageRole::kUser);
  EXPECT_EQ(line.text, "I am Ann");
  EXPECT_TRUE(std::holds_alternative<ScriptRun::Finished>(run.next()));
  EXPECT_TRUE(std::holds_alternative<ScriptRun::Finished>(run.next()));
}

class BranchTest : public ::testing::Test {
 protected:
  /// What is said after the tool has come to `outcome`.
  static std::string said_after(const ToolOutcome& outcome) {
    ScriptRun run(script(R"(
name: x
steps:
- tool: bookAppointment
  on:
    partial:
    - agent: "How about {{result.slots.0}}?"
    otherwise:
    - agent: Booked
- agent: Goodbye
)"),
                  facts(), kToday);
    (void)run.next();
    run.take(outcome);
    std::string said;
    for (auto next = run.next(); std::holds_alternative<ScriptLine>(next); next = run.next()) {
      said += std::get<ScriptLine>(next).text + "/";
    }
    return said;
  }
};

TEST_F(BranchTest, FollowsTheOutcomeAndComesBack) {
  EXPECT_EQ(said_after({"partial", R"({"slots":["11:00"]})"}), "How about 11:00?/Goodbye/");
}

TEST_F(BranchTest, TakesOtherwiseForOutcomesWithoutABranch) {
  EXPECT_EQ(said_after({"success", "{}"}), "Booked/Goodbye/");
  EXPECT_EQ(said_after({"error", "no JSON"}), "Booked/Goodbye/");
}

TEST(ScriptRunTest, BooksTheFirstAlternativeOfATakenAppointment) {
  ScriptRun run(ScriptBook::built_in().find({a_tool("bookAppointment")}), facts(), kToday);
  auto next = run.next();
  while (!std::holds_alternative<ScriptTool>(next)) {
    next = run.next();
  }
  const Json first = parse_json(std::get<ScriptTool>(next).arguments).value();
  run.take({"partial", R"({"alternative_slots":["2026-11-25 10:30","2026-11-25 11:00"]})"});
  next = run.next();
  while (!std::holds_alternative<ScriptTool>(next)) {
    next = run.next();
  }
  const Json second = parse_json(std::get<ScriptTool>(next).arguments).value();

  EXPECT_EQ(first["appointment_date"], "2026-11-25");
  EXPECT_EQ(first["appointment_time"], "10:00");
  EXPECT_EQ(second["appointment_date"], "2026-11-25");
  EXPECT_EQ(second["appointment_time"], "10:30");
  EXPECT_EQ(second["customer_name"], "Ann");
}

}  // namespace
}  // namespace voicectl::ultravox
