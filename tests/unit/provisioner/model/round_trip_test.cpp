// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/random.h"
#include "provisioner/model/field_owners.h"
#include "provisioner/model/names.h"
#include "provisioner/model/text_rules.h"
#include "tests/unit/provisioner/model/reading.h"

namespace voicectl {
namespace {

using testing::IsEmpty;

/// Draws desired states that are valid, with every field at odd values.
class StateGenerator {
 public:
  explicit StateGenerator(std::uint64_t seed) : random_(seed) {}

  DesiredState state() {
    DesiredState out;
    out.platform = platform();
    const std::size_t count = random_.below(6);
    for (std::size_t i = 0; i < count; ++i) {
      out.tenants.push_back(tenant("t" + std::to_string(i) + random_.token(3)));
    }
    return out;
  }

 private:
  template <typename E>
  E any() {
    const auto all = named_values<E>();
    return all[random_.below(all.size())].value;
  }
  bool coin() { return random_.below(2) == 0; }
  std::uint32_t number(std::uint32_t least, std::uint32_t most) {
    return least + static_cast<std::uint32_t>(random_.below(most - least + 1));
  }
  /// Text that a careless writer or reader of YAML or JSON would change.
  std::string text(Lines lines = Lines::kOne) {
    static const std::vector<std::string> kPieces = {
        "a",  "yes",      "null", "1",    ": ", " #",      "'",
        "\"", "\\",       "{",    "]",    ",",  "- ",      "~",
        "%",  "\xc3\xa9", "&x",   "*x",   "!",  "?",       "|",
        ">",  "<<",       "@",    "`",    " ",  "0x1F",    "\xf0\x9f\x8d\x95",
        "=",  "end",      "\\n",  "--- ", "/*", "\\u0041", "1e9"};
    std::string out;
    for (std::uint64_t i = random_.below(8); i > 0; --i) {
      out += kPieces[random_.below(kPieces.size())];
      if (lines == Lines::kMany && random_.below(4) == 0) {
        out += coin() ? "\n" : "\t";
      }
    }
    return out;
  }
  std::string name(std::size_t number) { return "n" + std::to_string(number) + text(); }
  std::vector<std::string> keywords() {
    std::vector<std::string> out;
    for (std::uint64_t i = random_.below(4); i > 0; --i) {
      out.push_back("k" + text());
    }
    return out;
  }

  PlatformSpec platform() {
    PlatformSpec out;
    out.domain = coin() ? "qastco.com" : "voice.localhost";
    out.edge = {any<EdgeMode>(),
                coin() ? "::1" : "10.0.0.1",
                static_cast<std::uint16_t>(number(1, 9000)),
                static_cast<std::uint16_t>(number(9001, 19999)),
                {std::chrono::seconds(number(5, 3600)), number(1, 100),
                 std::chrono::seconds(number(1, 60))}};
    out.liveness = {std::chrono::seconds(number(1, 300)), number(2, 100), coin(),
                    std::chrono::seconds(number(1, 600))};
    out.first_port = static_cast<std::uint16_t>(number(20000, 25000));
    out.last_port = static_cast<std::uint16_t>(number(25100, 32767));
    out.state_directory = coin() ? "" : "/srv/" + random_.token(4);
    out.log_directory = coin() ? "" : "/srv/" + text() + "x";
    out.pool_size = number(1, 64);
    out.store = coin() ? StoreSpec{}
                       : StoreSpec{SessionStoreKind::kRedis, "redis://127.0.0.1",
                                   coin() ? "" : "/etc/" + random_.token(3)};
    out.backend_networks = coin() ? std::vector<std::string>{}
                                  : std::vector<std::string>{"10.0.0.0/8", "fd00::/8", "::1"};
    out.ultravox = {"http://127.0.0.1:" + std::to_string(number(1, 9999)) + "/api",
                    coin() ? "" : "/etc/" + random_.token(3),
                    coin() ? "" : "https://{tenant}.x.example"};
    return out;
  }

  OpeningHours hours() {
    OpeningHours out{{Weekday::kSunday, {{0, 1440}}}};
    for (std::uint64_t i = random_.below(5); i > 0; --i) {
      const auto open = static_cast<std::uint16_t>(number(0, 600));
      const auto close = static_cast<std::uint16_t>(number(601, 700));
      out[any<Weekday>()] = {{open, close}, {close, static_cast<std::uint16_t>(number(701, 1440))}};
    }
    return out;
  }

  std::optional<std::uint32_t> figure() {
    return coin() ? std::nullopt : std::optional(number(1, 1'000'000));
  }

  TenantLimits limits() {
    return {number(1, 100000),
            coin() ? std::nullopt : std::optional(number(0, 100)),
            std::chrono::seconds(number(1, 86400)),
            figure(),
            figure(),
            figure(),
            figure(),
            figure()};
  }

  void fill_catalogue(TenantSpec& out) {
    for (std::size_t i = 0; i < 1 + random_.below(3); ++i) {
      const Money price{static_cast<std::int64_t>(random_.below(100'000'000'000))};
      out.menu.push_back(
          {name(i), text(), price, number(0, 500), text(Lines::kMany), keywords(), coin()});
      out.services.push_back(
          {name(i), text(), price, number(1, 500), text(Lines::kMany), keywords(), number(0, 100)});
      out.support_categories.push_back(
          {name(i), any<Priority>(), number(1, 9999), text(Lines::kMany), keywords()});
      out.staff.push_back({name(i), text(), coin() ? "" : "a@b.cd", coin() ? "" : "+1 (5) 55"});
    }
  }

  TenantSpec tenant(const std::string& slug) {
    TenantSpec out{.tenant = *TenantId::parse(slug)};
    out.name = name(0);
    out.business_type = any<BusinessType>();
    out.plan = any<PricePlan>();
    out.tier = any<Tier>();
    out.demo = coin();
    out.protect = coin();
    out.import_id = coin() ? "import-1764100000000-42" : "";
    out.time_zone = coin() ? "UTC" : "Europe/Vienna";
    out.limits = limits();
    out.retention.session_days = number(1, 1000);
    out.retention.event_days = number(1, out.retention.session_days);
    out.retention.webhook_days = number(1, 1000);
    if (coin()) {
      out.domains.push_back(*HostName::parse(slug + ".example.com"));
      out.allowed_origins = {"https://shop.example.com", "http://localhost:3000"};
      out.backend = {BackendKind::kErpnext,
                     "https://erp.example.com",
                     text(),
                     "/etc/x",
                     any<BackendMode>(),
                     coin() ? "" : slug + ".erp",
                     coin() ? "" : "Asia/Kolkata",
                     std::chrono::milliseconds(number(100, 9000))};
    }
    out.voice = {text(), coin() ? "en" : "de-AT", text(), text(Lines::kMany), text(Lines::kMany)};
    out.opening_hours = hours();
    fill_catalogue(out);
    return out;
  }

  SeededRandom random_;
};

class RoundTripTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  const DesiredState state_ = StateGenerator(GetParam()).state();
};

TEST_P(RoundTripTest, TheCanonicalDocumentIsReadAsTheSameState) {
  const ParsedState parsed = parse(render_desired_state(state_));

  ASSERT_THAT(lines_of(parsed), IsEmpty());
  EXPECT_EQ(parsed.state, state_);
}

TEST_P(RoundTripTest, TheCanonicalDocumentIsAlsoYaml) {
  // The line in front keeps the reader from taking it for JSON.
  const ParsedState parsed = parse("# canonical\n" + render_desired_state(state_));

  ASSERT_THAT(lines_of(parsed), IsEmpty());
  EXPECT_EQ(parsed.state, state_);
}

TEST_P(RoundTripTest, TheDocumentForPeopleIsReadAsTheSameState) {
  const ParsedState parsed = parse(render_desired_state_yaml(state_));

  ASSERT_THAT(lines_of(parsed), IsEmpty()) << render_desired_state_yaml(state_);
  EXPECT_EQ(parsed.state, state_);
}

TEST_P(RoundTripTest, TheFullDocumentIsReadAsTheSameStateAndNamesEveryField) {
  const std::string text = render_full_state_yaml(state_);
  const ParsedState parsed = parse(text);

  ASSERT_THAT(lines_of(parsed), IsEmpty()) << text;
  EXPECT_EQ(parsed.state, state_);
  const std::set<std::string>& platform = parsed.named.at(std::string(kPlatformPart));
  for (const char* const field :
       {"monitor.mode", "monitor.marks.starter.high_p99_ms", "rollout.canary", "pool.size"}) {
    EXPECT_TRUE(platform.contains(field)) << field;
  }
  for (const TenantSpec& tenant : state_.tenants) {
    const std::set<std::string>& named = parsed.named.at(tenant.tenant.str());
    for (const auto& [field, value] : fields_of(nlohmann::json::parse(render_tenant(tenant)))) {
      EXPECT_TRUE(named.contains(field)) << field;
    }
  }
}

TEST_P(RoundTripTest, PartsAloneAreReadAsTheSame) {
  const Result<PlatformSpec> platform = parse_platform(render_platform(state_.platform));
  ASSERT_TRUE(platform.has_value()) << platform.error().text();
  EXPECT_EQ(*platform, state_.platform);
  for (const TenantSpec& tenant : state_.tenants) {
    const Result<TenantSpec> read = parse_tenant(render_tenant(tenant));
    ASSERT_TRUE(read.has_value()) << read.error().text();
    EXPECT_EQ(*read, tenant);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RoundTripTest, testing::Range<std::uint64_t>(1, 26));

TEST(RenderTest, SaysOnlyWhatDiffersFromTheDefaultsInTheDocumentForPeople) {
  DesiredState state;
  state.platform.domain = "qastco.com";
  TenantSpec tenant{.tenant = *TenantId::parse("acme"), .name = "Acme"};
  tenant.limits.concurrent_sessions = 5;
  tenant.menu.push_back({.name = "Soup", .price = Money{450}});
  state.tenants.push_back(tenant);

  EXPECT_EQ(render_desired_state_yaml(state), R"(apiVersion: voicectl/v1
platform:
  domain: qastco.com
tenants:
  - slug: acme
    name: Acme
    business_type: custom
    limits:
      concurrent_sessions: 5
    menu:
      - name: Soup
        price: "4.50"
)");
}

}  // namespace
}  // namespace voicectl
