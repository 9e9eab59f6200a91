// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/revision_rows.h"

#include "provisioner/model/desired_state_yaml.h"
#include "provisioner/registry/audit_rows.h"
#include "provisioner/registry/registry_schema.h"
#include "tests/support/matchers.h"
#include "tests/support/registry/contract_registry.h"

namespace voicectl {
namespace {

using ::testing::Eq;
using ::testing::SizeIs;

DesiredState state_of(int tenants, const std::string& email) {
  DesiredState out;
  for (int i = 0; i < tenants; ++i) {
    out.tenants.push_back(a_recorded_tenant("t" + std::to_string(10'000 + i)).spec);
  }
  out.tenants.front().email = email;
  return out;
}

DesiredState parsed(const std::string& document) {
  return parse_desired_state({{"kept", document}}, nullptr, kOwnDocumentBudget).state;
}

class RevisionRowsTest : public ::testing::Test {
 protected:
  RevisionRowsTest() { EXPECT_THAT(database_.migrate(registry_migrations()), IsOk()); }
  std::int64_t count(const std::string& sql) {
    SqliteStatement row = database_.prepare(sql).value();
    EXPECT_TRUE(row.step().value());
    return row.integer(0);
  }

  SqliteDatabase database_ = SqliteDatabase::open(":memory:").value();
};

TEST_F(RevisionRowsTest, AChangeOfOneTenantWritesThatTenantOnly) {
  ASSERT_THAT(insert_revision(database_, state_of(500, "a@b.cc"), {}), IsOk());
  const std::int64_t before = count("SELECT total_changes()");

  ASSERT_THAT(insert_revision(database_, state_of(500, "x@b.cc"), {}), IsOk());

  // The revision, the end of the old part, the new part.
  EXPECT_EQ(count("SELECT total_changes()") - before, 3);
  EXPECT_EQ(count("SELECT count(*) FROM desired_parts"), 502);
  EXPECT_EQ(parsed((*load_revision(database_, 1))->document), state_of(500, "a@b.cc"));
  EXPECT_EQ(parsed((*load_revision(database_, 2))->document), state_of(500, "x@b.cc"));
}

TEST_F(RevisionRowsTest, KeepsTheNewestRevisionsAndNothingThatOnlyOlderOnesHad) {
  const auto email = [](std::int64_t i) { return "n" + std::to_string(i) + "@b.cc"; };
  for (std::int64_t i = 1; i <= kKeptRevisions + 3; ++i) {
    ASSERT_THAT(insert_revision(database_, state_of(i % 2 == 0 ? 2 : 3, email(i)), {}), IsOk());
  }

  EXPECT_THAT(load_revision(database_, 3), IsOkAnd(Eq(std::nullopt)));
  EXPECT_EQ(parsed((*load_revision(database_, 4))->document), state_of(2, email(4)));
  EXPECT_EQ(parsed((*load_revision(database_, 5))->document), state_of(3, email(5)));
  EXPECT_THAT(load_revisions(database_, 6, 10), IsOkAnd(SizeIs(2)));
  EXPECT_EQ(count("SELECT count(*) FROM revisions"), kKeptRevisions);
  EXPECT_EQ(count("SELECT count(*) FROM desired_parts WHERE until <= 4"), 0);
}

TEST_F(RevisionRowsTest, TheAuditLogIsNeitherRewrittenNorErased) {
  ASSERT_THAT(insert_audit(database_, AuditRecord{.what = "apply", .subject = "platform"}), IsOk());

  EXPECT_THAT(database_.run("UPDATE audit SET who = 'somebody else'"),
              FailsWith(ErrorCode::kAlreadyExists));
  EXPECT_THAT(database_.run("UPDATE audit SET pid = 1"), FailsWith(ErrorCode::kAlreadyExists));
  EXPECT_THAT(database_.run("DELETE FROM audit"), FailsWith(ErrorCode::kAlreadyExists));
  EXPECT_EQ(count("SELECT count(*) FROM audit"), 1);
}

TEST_F(RevisionRowsTest, TheAuditLogKeepsTheNewestRecords) {
  ASSERT_THAT(insert_audit(database_, AuditRecord{.what = "old"}), IsOk());
  ASSERT_THAT(
      database_.run("INSERT INTO audit (number, at, uid, sender, who, what, subject, detail)"
                    " VALUES (100000, 1, 0, '', '', 'new', '', '{}')"),
      IsOk());

  ASSERT_THAT(insert_audit(database_, AuditRecord{.what = "newest"}), IsOkAnd(Eq(100'001)));

  EXPECT_EQ(count("SELECT count(*) FROM audit"), 2);
  EXPECT_EQ(count("SELECT count(*) FROM audit WHERE what = 'old'"), 0);
}

TEST(RevisionMigrationTest, WhatWasDesiredBeforeIsTheFirstRevision) {
  SqliteDatabase database = SqliteDatabase::open(":memory:").value();
  ASSERT_THAT(database.migrate(registry_migrations().first(4)), IsOk());
  const DesiredState desired = state_of(3, "it's@b.cc");
  SqliteStatement row =
      database.prepare("UPDATE platform_state SET desired = ?, desired_by = ?, generation = 9")
          .value();
  ASSERT_THAT(row.bind(1, render_desired_state(desired)).bind(2, "ann").run(), IsOk());

  ASSERT_THAT(database.migrate(registry_migrations()), IsOk());

  const auto kept = load_revision(database, 1);
  ASSERT_TRUE(kept.has_value() && kept->has_value());
  EXPECT_EQ(parsed((*kept)->document), desired);
  EXPECT_EQ((*kept)->revision.who, "ann");
  EXPECT_EQ((*kept)->revision.outcome, RevisionOutcome::kDone);
  // Taken over word for word: the first apply afterwards writes nothing anew.
  EXPECT_EQ(insert_revision(database, desired, {})->number, 1);
}

TEST(RevisionMigrationTest, WhatWasDesiredBeforeThereWereOwnersIsTheFiles) {
  SqliteDatabase database = SqliteDatabase::open(":memory:").value();
  ASSERT_THAT(database.migrate(registry_migrations().first(10)), IsOk());
  ASSERT_THAT(insert_revision(database, state_of(3, "a@b.cc"), {.why = "tenant create t1"}),
              IsOk());

  ASSERT_THAT(database.migrate(registry_migrations()), IsOk());

  EXPECT_THAT(load_field_owners(database), IsOkAnd(testing::IsEmpty()));
}

TEST(RevisionMigrationTest, ARegistryBeforeItsFirstApplyHasNone) {
  SqliteDatabase database = SqliteDatabase::open(":memory:").value();
  ASSERT_THAT(database.migrate(registry_migrations().first(4)), IsOk());

  ASSERT_THAT(database.migrate(registry_migrations()), IsOk());

  EXPECT_THAT(load_newest_document(database), IsOkAnd(Eq(std::nullopt)));
}

}  // namespace
}  // namespace voicectl
