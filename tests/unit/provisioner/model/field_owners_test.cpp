// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "provisioner/model/field_owners.h"
#include "tests/unit/provisioner/model/reading.h"

namespace voicectl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(NamedFieldsTest, AreThoseThatStandInTheDocuments) {
  const ParsedState parsed = parse_desired_state(
      {{"platform.yaml", "apiVersion: voicectl/v1\nplatform: {monitor: {mode: observe}}\n"},
       {"shop/t.yaml",
        "apiVersion: voicectl/v1\ntenants:\n"
        "  - {slug: acme, name: A, business_type: restaurant, menu_file: menu.yaml,\n"
        "     limits: {webhooks: null}, opening_hours: {friday: \"10:00-11:00\"},\n"
        "     backend: {credentials_file: key}}\n"}},
      reader_of({{"shop/menu.yaml", "- {name: Soup, price: 3}\n"}}));

  ASSERT_THAT(lines_of(parsed), IsEmpty());
  ASSERT_THAT(parsed.named, SizeIs(2));
  EXPECT_THAT(parsed.named.at(""), ElementsAre("monitor.mode"));
  EXPECT_THAT(parsed.named.at("acme"),
              ElementsAre("backend.credentials_file", "business_type", "limits.webhooks", "menu",
                          "name", "opening_hours", "slug"));
}

TEST(NamedFieldsTest, ADocumentOfOursIsNotAsked) {
  EXPECT_THAT(
      parse_desired_state({{"kept", tenant_document("")}}, nullptr, kOwnDocumentBudget).named,
      IsEmpty());
}

TEST(NamedFieldsTest, ADocumentWithThemAloneSaysTheSame) {
  for (const char* const name : {"qastco.yaml", "erpnext.yaml"}) {
    const std::string folder = std::string(VOICECTL_SOURCE_DIR) + "/examples/";
    const ParsedState parsed = parse_desired_state(
        {{folder + name, file_text(folder + name)}},
        [](const std::string& path) -> Result<std::string> { return file_text(path); });
    ASSERT_THAT(lines_of(parsed), IsEmpty());

    const std::string rendered = render_named_state(parsed.state, parsed.named);
    const ParsedState again = parse(rendered);

    ASSERT_THAT(lines_of(again), IsEmpty());
    EXPECT_TRUE(again.state == parsed.state) << name;
    EXPECT_TRUE(again.named == parsed.named) << name;
    EXPECT_LT(rendered.size(), render_desired_state(parsed.state).size());
  }
}

TEST(NamedFieldsTest, WhatNobodyNamesIsNotWritten) {
  const ParsedState parsed = parse(tenant_document("    limits: {webhooks: 7}\n"));

  const auto document = nlohmann::json::parse(render_named_state(parsed.state, parsed.named));

  EXPECT_EQ(document["platform"], nlohmann::json::object());
  EXPECT_EQ(document["tenants"][0], (nlohmann::json{{"slug", "acme"},
                                                    {"name", "Acme"},
                                                    {"business_type", "custom"},
                                                    {"limits", {{"webhooks", 7}}}}));
}

TEST(FieldsTest, AreTheLeavesOfAPart) {
  const ParsedState parsed = parse(tenant_document("    domains: [a.example.com]\n"));

  const auto fields = fields_of(nlohmann::json::parse(render_tenant(parsed.state.tenants.front())));

  EXPECT_EQ(fields.at("tier"), "auto");
  EXPECT_EQ(fields.at("limits.concurrent_sessions"), 50);
  EXPECT_EQ(fields.at("domains"), (nlohmann::json{"a.example.com"}));
  EXPECT_TRUE(fields.at("opening_hours").is_object()) << "one field, not seven";
  EXPECT_FALSE(fields.contains("slug"));
}

TEST(FieldsTest, AreSetAndTakenOut) {
  nlohmann::json part = {{"a", {{"b", 1}, {"c", 2}}}};
  const nlohmann::json value = 5;

  set_field(part, "a.b", &value);
  set_field(part, "d.e", &value);
  set_field(part, "a.c", nullptr);
  set_field(part, "x.y", nullptr);

  EXPECT_EQ(part, (nlohmann::json{{"a", {{"b", 5}}}, {"d", {{"e", 5}}}}));
}

TEST(FieldOwnersTest, ChangeAsTheyAreTold) {
  const FieldClaim first{1, WallTime{}, "ann", "x"};
  const FieldClaim second{2, WallTime{}, "ben", "y"};
  FieldOwners owners;

  record_owners(owners, {.claimed = {{"acme", {"tier", "name"}}, {"", {"monitor.mode"}}}}, first);
  record_owners(owners,
                {.claimed = {{"acme", {"tier"}}},
                 .dropped = {{"acme", {"tier", "name"}}, {"", {"monitor.mode"}}, {"no", {"x"}}}},
                second);

  ASSERT_THAT(owners, SizeIs(1));
  ASSERT_THAT(owners.at("acme"), SizeIs(1));
  EXPECT_EQ(owners.at("acme").at("tier"), second);
}

TEST(CheckedStateTest, TellsWhatDoesNotFitTogether) {
  DesiredState state = parse(
                           "apiVersion: voicectl/v1\ntenants:\n"
                           "  - {slug: acme, name: A, business_type: custom}\n"
                           "  - {slug: beta, name: B, business_type: custom,\n"
                           "     domains: [b.example.com]}\n")
                           .state;
  EXPECT_TRUE(check_state(state).has_value());

  state.tenants[0].domains = state.tenants[1].domains;
  const Status twice = check_state(state);
  ASSERT_TRUE(twice.has_error());
  EXPECT_EQ(twice.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(twice.error().text(),
              HasSubstr("tenants[beta].domains[b.example.com]: found the domain 'b.example.com' a "
                        "second time; the first is at tenants[acme].domains[b.example.com]"));

  state.tenants[0].domains.clear();
  state.platform.rollout.canary = {*TenantId::parse("nobody")};
  EXPECT_TRUE(check_state(state).has_value()) << "it may have been deleted since";
}

}  // namespace
}  // namespace voicectl
