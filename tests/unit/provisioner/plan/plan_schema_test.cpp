// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "base/json.h"
#include "tests/support/plan/apply_model.h"
#include "tests/support/plan/plan_builders.h"
#include "tests/support/plan/plan_generator.h"
#include "tests/support/random_seed.h"

namespace voicectl {
namespace {

using ::testing::IsEmpty;

/// As much of JSON Schema as our schema uses; another keyword is a problem, not a pass.
class SchemaCheck {
 public:
  std::vector<std::string> problems;

  void check(const Json& schema, const Json& value, const std::string& at) {
    for (const auto& [keyword, rule] : schema.items()) {
      if (!check_keyword(keyword, rule, schema, value, at)) {
        problems.push_back(at + ": breaks '" + keyword + "': " + value.dump().substr(0, 80));
      }
    }
  }

 private:
  bool check_keyword(const std::string& keyword,
                     const Json& rule,
                     const Json& schema,
                     const Json& value,
                     const std::string& at) {
    static const std::set<std::string> kNotes = {"$schema", "title", "description"};
    if (kNotes.contains(keyword)) {
      return true;
    }
    if (keyword == "type") {
      return has_type(rule.get<std::string>(), value);
    }
    if (keyword == "const") {
      return value == rule;
    }
    if (keyword == "enum") {
      return std::find(rule.begin(), rule.end(), value) != rule.end();
    }
    if (keyword == "pattern") {
      return std::regex_search(value.get<std::string>(), std::regex(rule.get<std::string>()));
    }
    if (keyword == "minimum") {
      return value.get<double>() >= rule.get<double>();
    }
    if (keyword == "minLength") {
      return value.get<std::string>().size() >= rule.get<std::size_t>();
    }
    return check_structure(keyword, rule, schema, value, at);
  }

  bool check_structure(const std::string& keyword,
                       const Json& rule,
                       const Json& schema,
                       const Json& value,
                       const std::string& at) {
    if (keyword == "required") {
      return std::all_of(rule.begin(), rule.end(),
                         [&](const Json& key) { return value.contains(key.get<std::string>()); });
    }
    if (keyword == "additionalProperties") {
      return std::all_of(value.items().begin(), value.items().end(), [&](const auto& member) {
        return schema.at("properties").contains(member.key());
      });
    }
    if (keyword == "properties") {
      for (const auto& [key, inner] : rule.items()) {
        if (value.contains(key)) {
          check(inner, value.at(key), at + "." + key);
        }
      }
      return true;
    }
    if (keyword == "items") {
      for (std::size_t i = 0; i < value.size(); ++i) {
        check(rule, value[i], at + "[" + std::to_string(i) + "]");
      }
      return true;
    }
    return false;
  }

  static bool has_type(const std::string& type, const Json& value) {
    return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
           (type == "string" && value.is_string()) ||
           (type == "integer" && value.is_number_integer());
  }
};

Json load_schema() {
  std::ifstream file(VOICECTL_PLAN_SCHEMA);
  std::stringstream text;
  text << file.rdbuf();
  const Result<Json> schema = parse_json(text.str());
  return schema.has_value() ? *schema : Json();
}

TEST(PlanSchemaTest, HoldsForEveryRenderedPlan) {
  const Json schema = load_schema();
  ASSERT_TRUE(schema.is_object());
  SeededRandom random = make_test_random();
  PlanGenerator generator(random);
  Snapshot snapshot;
  for (int turn = 0; turn < 20; ++turn) {
    const DesiredState desired = generator.desired_state();
    const Plan plan = plan_of(desired, snapshot, generator.inputs(desired));
    SchemaCheck check;
    check.check(schema, *parse_json(render_plan_json(plan), JsonBudget{.bytes = 16U << 20}),
                "plan");
    ASSERT_THAT(check.problems, IsEmpty());
    apply_steps(snapshot, plan, generator.some_steps(plan), kNoon);
    generator.disturb(snapshot);
  }
}

TEST(PlanSchemaTest, WouldNoticeAStepWithoutItsReason) {
  Json plan = *parse_json(render_plan_json(plan_of(a_desired_state({}), Snapshot{})));
  plan["steps"][0].erase("reason");
  plan["steps"][1]["kind"] = "do_something";
  SchemaCheck check;

  check.check(load_schema(), plan, "plan");

  EXPECT_EQ(check.problems.size(), 2U);
}

TEST(PlanSchemaTest, NamesEveryKindOfAction) {
  const Json kinds = load_schema()["properties"]["steps"]["items"]["properties"]["kind"]["enum"];

  EXPECT_EQ(kinds.size(), std::variant_size_v<Action>);
}

}  // namespace
}  // namespace voicectl
