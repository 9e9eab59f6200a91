// SPDX-License-Identifier: Apache-2.0
#include "provisioner/edge/template_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/matchers.h"
#include "tests/support/random_seed.h"
#include "tests/unit/provisioner/edge/golden.h"

namespace voicectl {
namespace {

using ::testing::HasSubstr;

Result<std::string> render(const std::string& name,
                           const std::string& text,
                           const Json& values,
                           const std::map<std::string, std::string>& others = {}) {
  const TemplateLoader load = [&](const std::string& other) -> Result<std::optional<std::string>> {
    const auto found = others.find(other);
    return found == others.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
  VC_TRY(const Template parsed, Template::parse(name, text, load));
  return parsed.render(values);
}

TEST(TemplateEngineTest, FillsInValues) {
  const Json values = {{"a", {{"b", "deep"}}}, {"n", 7}, {"yes", true}};

  EXPECT_THAT(render("x.txt", "{{ a.b }}-{{n}}-{{ yes }}.", values), IsOkAnd("deep-7-true."));
}

TEST(TemplateEngineTest, NeverReadsAValueAsTemplateText) {
  EXPECT_THAT(render("x.txt", "{{ a }}", {{"a", "{{ b }}{% if %}{#"}, {"b", "no"}}),
              IsOkAnd("{{ b }}{% if %}{#"));
}

TEST(TemplateEngineTest, SaysWhereAnUndefinedValueStands) {
  const Result<std::string> text = render("site.conf.tmpl", "a\n  b {{ prot }}", {{"port", 1}});

  ASSERT_THAT(text, FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(text.error().message(), HasSubstr("site.conf.tmpl:2:5: undefined 'prot'"));
}

TEST(TemplateEngineTest, AnUndefinedConditionOrLoopIsAnErrorToo) {
  EXPECT_THAT(render("x", "{% if a %}{% endif %}", Json::object()),
              FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(render("x", "{% for i in a %}{% endfor %}", Json::object()),
              FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(render("x", "{{ a }}", {{"a", nullptr}}), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(TemplateEngineTest, RepeatsABodyForEachItem) {
  const Json values = {{"list", {"x", "y"}}};

  EXPECT_THAT(render("t",
                     "{% for i in list %}{{ loop.index }}{{ i }}{% if not loop.last %},"
                     "{% endif %}{% endfor %}",
                     values),
              IsOkAnd("1x,2y"));
}

TEST(TemplateEngineTest, ChoosesTheFirstBranchThatHolds) {
  const std::string text =
      "{% if mode == \"a\" %}A{% elif not on %}off{% elif many %}many{% else %}else{% endif %}";

  EXPECT_THAT(render("t", text, {{"mode", "a"}, {"on", true}, {"many", Json::array()}}),
              IsOkAnd("A"));
  EXPECT_THAT(render("t", text, {{"mode", "b"}, {"on", false}, {"many", Json::array()}}),
              IsOkAnd("off"));
  EXPECT_THAT(render("t", text, {{"mode", "b"}, {"on", 1}, {"many", {1}}}), IsOkAnd("many"));
  EXPECT_THAT(render("t", text, {{"mode", "b"}, {"on", 1}, {"many", Json::array()}}),
              IsOkAnd("else"));
}

TEST(TemplateEngineTest, ATagAloneOnItsLineTakesTheLineWithIt) {
  EXPECT_THAT(render("t", "a\n  {% if x %}\nb\n  {% endif %}\n{# no #}\nc\n", {{"x", true}}),
              IsOkAnd("a\nb\nc\n"));
}

TEST(TemplateEngineTest, IncludesOtherTemplates) {
  EXPECT_THAT(render("t", "<{% include \"o\" %}>", {{"x", 1}}, {{"o", "{{ x }}"}}), IsOkAnd("<1>"));
  EXPECT_THAT(render("t", "{% include \"gone\" %}", {}), FailsWith(ErrorCode::kNotFound));
}

TEST(TemplateEngineTest, EndsIncludesThatIncludeThemselves) {
  EXPECT_THAT(render("t", "{% include \"t\" %}", {}, {{"t", "{% include \"t\" %}"}}),
              FailsWith(ErrorCode::kResourceExhausted));
}

TEST(TemplateEngineTest, RefusesTextThatIsNoTemplate) {
  for (const char* text :
       {"{{", "{{ }}", "{% if a %}", "{% endif %}", "{% for a b %}{% endfor %}",
        "{{ a | nofilter }}", "{{ a b }}", "{{ a..b }}", "{{ A }}", "{% if a == b %}{% endif %}",
        "{% x %}", "{# ", "{{ \"a\" }}", "{% if a %}{% else %}{% elif b %}{% endif %}", "{{ a; }}",
        "{% %}", "{% include %}", "{% if %}{% endif %}"}) {
    EXPECT_THAT(render("t", text, {{"a", "x"}, {"b", "x"}}), FailsWith(ErrorCode::kInvalidArgument))
        << text;
  }
}

TEST(TemplateEngineTest, WritesValuesTheWayOfTheTarget) {
  const Json values = {{"v", "it's 100% \"so\""}};

  EXPECT_THAT(render("a.service", "{{ v }}", values), IsOkAnd("\"it's 100%% \\\"so\\\"\""));
  EXPECT_THAT(render("a.yaml.tmpl", "{{ v }}", values), IsOkAnd("\"it's 100% \\\"so\\\"\""));
  EXPECT_THAT(render("a.sh", "{{ v }}", values), IsOkAnd("'it'\\''s 100% \"so\"'"));
  EXPECT_THAT(render("a.txt", "{{ v }}", values), IsOkAnd("it's 100% \"so\""));
  EXPECT_THAT(render("a.ini", "{{ v }}", values), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(render("a.service", "{{ v }}", {{"v", "$HOME"}}),
              FailsWith(ErrorCode::kInvalidArgument));
}

TEST(TemplateEngineTest, RefusesControlCharactersEverywhere) {
  for (const char* name : {"a.service", "a.yaml", "a.ini", "a.sh", "a.txt"}) {
    for (const char* value : {"a\nb", "a\rb", "\x1b[0m", "\x7f", "\xc2\x85", "\xff", "\xed\xa0\x80",
                              "\xc0\xaf", "\xe2\x82"}) {
      EXPECT_THAT(render(name, "{{ v }}", {{"v", value}}), FailsWith(ErrorCode::kInvalidArgument))
          << name;
    }
    EXPECT_THAT(render(name, "{{ v }}", {{"v", std::string("a\0b", 3)}}),
                FailsWith(ErrorCode::kInvalidArgument));
  }
}

TEST(TemplateEngineTest, FiltersChangeOrCheckValues) {
  EXPECT_THAT(render("a.sh", "{{ v | raw_word }}", {{"v", "/usr/bin/x"}}), IsOkAnd("/usr/bin/x"));
  EXPECT_THAT(render("a.sh", "{{ v | raw_word }}", {{"v", "a b"}}),
              FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(render("t", "{{ v | upper }}{{ v | lower }}", {{"v", "aB"}}), IsOkAnd("ABab"));
  EXPECT_THAT(render("a.sh", "{{ v | join }}", {{"v", {"a b", "c"}}}), IsOkAnd("'a b' 'c'"));
  EXPECT_THAT(render("t", "{{ v | join }}", {{"v", "x"}}), FailsWith(ErrorCode::kInvalidArgument));
  EXPECT_THAT(render("a.yaml", "{{ v | json }}", {{"v", {{"a", "\n"}}}}),
              IsOkAnd("{\"a\":\"\\n\"}"));
  EXPECT_THAT(render("t", "{{ v }}", {{"v", {1}}}), FailsWith(ErrorCode::kInvalidArgument));
}

TEST(TemplateEngineTest, NoValueEverAddsALine) {
  static constexpr std::string_view kBytes = "\n\r\t\0;#$%\"'\\{}[] ab=:\xc3\xa9\xff";
  SeededRandom random = make_test_random();
  for (int i = 0; i < 10'000; ++i) {
    std::string value;
    for (std::uint64_t count = random.below(8); count > 0; --count) {
      value += kBytes[random.below(kBytes.size())];
    }
    for (const char* name : {"a.service", "a.yaml", "a.ini", "a.sh", "a.txt"}) {
      const Result<std::string> text = render(name, "A={{ v }}", {{"v", value}});
      EXPECT_TRUE(text.has_error() || text->find_first_of("\n\r") == std::string::npos) << value;
    }
  }
}

TEST(TemplateEngineTest, StopsAtAnOutputThatIsTooLong) {
  const Json values = {{"list", Json::array_t(3000, std::string(2000, 'x'))}};

  EXPECT_THAT(render("t", "{% for i in list %}{{ i }}{% endfor %}", values),
              FailsWith(ErrorCode::kResourceExhausted));
}

/// The daemon's unit, for a systemd that knows the newer settings or one that does not.
Result<std::string> render_unit(bool is_new) {
  const Json values = {{"name", "voicectl"},
                       {"program", "/usr/local/bin/voicectld"},
                       {"runtime", "/usr/local/bin/voice-runtime"},
                       {"nginx", "/usr/sbin/nginx"},
                       {"instance_user", "voicectl"},
                       {"edge_user", "www-data"},
                       {"max_descriptors", 65536},
                       {"notify_reload", is_new},
                       {"preserve_descriptors", is_new},
                       {"read_write_paths", {"/srv/backup 100%"}}};
  return render("voicectld.service.tmpl",
                read_source_file("templates/process/voicectld.service.tmpl"), values);
}

TEST(TemplateEngineTest, LeavesRawTextAsItIs) {
  EXPECT_THAT(render("a", "{% raw %}{{ $labels.tenant }}{% endraw %} {{ v }}", {{"v", 1}}),
              IsOkAnd("{{ $labels.tenant }} 1"));
  EXPECT_THAT(render("a", "x\n  {% raw %}\n{% if %} {# no #}\n  {% endraw %}\ny", Json::object()),
              IsOkAnd("x\n{% if %} {# no #}\ny"));
  EXPECT_THAT(render("a", "{% raw %}{% endraw %}{% raw %}{{{% endraw %}", Json::object()),
              IsOkAnd("{{"));
}

TEST(TemplateEngineTest, RawTextMustEndAndBegin) {
  EXPECT_THAT(render("a", "{% raw %} {{ v }}", Json::object()).error().message(),
              HasSubstr("a:1:1: a block has no 'endraw'"));
  EXPECT_THAT(render("a", "{% endraw %}", Json::object()).error().message(),
              HasSubstr("unexpected 'endraw'"));
}

TEST(TemplateEngineTest, RendersTheUnitOfTheDaemon) {
  const Result<std::string> unit = render_unit(false);

  ASSERT_THAT(unit, IsOk());
  expect_golden("templates/voicectld.service", *unit);
}

TEST(TemplateEngineTest, RendersTheUnitOfTheDaemonForANewerSystemd) {
  const Result<std::string> unit = render_unit(true);

  ASSERT_THAT(unit, IsOk());
  expect_golden("templates/voicectld-254.service", *unit);
}

TEST(TemplateEngineTest, RendersTheRotationOfLogs) {
  const Json values = {
      {"name", "voicectl"}, {"unit", "voicectld.service"}, {"size", "10M"}, {"keep", 7}};

  const Result<std::string> text =
      render("voicectl.tmpl", read_source_file("templates/logrotate/voicectl.tmpl"), values);

  ASSERT_THAT(text, IsOk());
  expect_golden("templates/logrotate", *text);
}

}  // namespace
}  // namespace voicectl
