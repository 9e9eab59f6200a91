// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "provisioner/daemon/drift_watch.h"
#include "tests/support/plan/plan_builders.h"
#include "tests/support/plan/schema_check.h"

namespace voicectl {
namespace {

using ::testing::IsEmpty;

DriftFinding a_finding(DriftKind kind, DriftRepair repair) {
  DriftFinding out;
  out.kind = kind;
  out.name = "process/7";
  out.subject = "edge";
  out.expected = "one thing";
  out.found = "another";
  out.repair = repair;
  return out;
}

TEST(DriftJsonTest, EveryKindIsAsTheSchemaSays) {
  std::vector<DriftFinding> findings;
  for (int kind = 0; kind <= static_cast<int>(DriftKind::kCertificate); ++kind) {
    for (int repair = 0; repair <= static_cast<int>(DriftRepair::kIssue); ++repair) {
      findings.push_back(a_finding(static_cast<DriftKind>(kind), static_cast<DriftRepair>(repair)));
    }
  }
  const AcceptedDrift accepted{"process/7", "1", "ann", "why", kNoon};
  findings.front().adopted = accepted;
  findings.front().path = "/a";
  findings.front().state = "1";
  findings.front().since = kNoon;
  SchemaCheck check("drift.schema.json");

  Json body = drift_json(
      findings, {{"process/7", accepted}, {"access/x", {"access/x", "", "", "", {}}}}, kNoon);
  body["applying"] = false;
  check.check(body);

  EXPECT_THAT(check.problems, IsEmpty());
  EXPECT_EQ(body["adoptions"][0]["applies"], false);
  EXPECT_EQ(body["adoptions"][1]["applies"], true);
}

}  // namespace
}  // namespace voicectl
