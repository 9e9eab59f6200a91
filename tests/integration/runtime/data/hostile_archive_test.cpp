// SPDX-License-Identifier: Apache-2.0
#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/crypto.h"
#include "base/json.h"
#include "runtime/archive/manifest.h"
#include "tests/integration/runtime/data/data_fixture.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;

/// One member of a made-up archive.
struct Member {
  std::string name;
  std::string content;
  unsigned type = AE_IFREG;
  std::string link = {};
};

class HostileArchiveTest : public DataFixture {
 protected:
  void SetUp() override {
    fill("acme", 12);
    ASSERT_THAT(export_to("acme", "good.tar.zst"), IsOk());
    unpack();
  }

  /// The members of the sound archive.
  void unpack() {
    const auto reader = ArchiveReader::open(folder_.path("good.tar.zst")).value();
    while (const auto next = reader->next().value()) {
      std::string text;
      ASSERT_THAT(reader->read([&text](std::string_view piece) {
        text += piece;
        return ok_status();
      }),
                  IsOk());
      members_.push_back({next->name, text});
    }
    ASSERT_EQ(members_.size(), 3U);
  }

  void unpack_anew() {
    members_.clear();
    unpack();
  }

  Member& member(std::string_view name) {
    return *std::find_if(members_.begin(), members_.end(),
                         [&](const Member& one) { return one.name == name; });
  }

  /// Makes the manifest fit what the members are now.
  void seal() {
    Manifest manifest = parse_manifest(member(kManifestMember).content).value();
    for (const Member& one : members_) {
      if (one.name != kManifestMember) {
        manifest.members[one.name] = {one.content.size(), sha256_hex(one.content)};
      }
    }
    member(kManifestMember).content = render_manifest(manifest);
  }

  void pack() const {
    archive* const out = archive_write_new();
    archive_write_add_filter_zstd(out);
    archive_write_set_format_pax_restricted(out);
    ASSERT_EQ(archive_write_open_filename(out, folder_.path("bad.tar.zst").c_str()), ARCHIVE_OK);
    for (const Member& one : members_) {
      archive_entry* const entry = archive_entry_new();
      archive_entry_set_pathname(entry, one.name.c_str());
      archive_entry_set_filetype(entry, one.type);
      archive_entry_set_perm(entry, 0600);
      archive_entry_set_size(entry, static_cast<la_int64_t>(one.content.size()));
      if (one.type == AE_IFLNK) {
        archive_entry_set_symlink(entry, one.link.c_str());
      } else if (!one.link.empty()) {
        archive_entry_set_hardlink(entry, one.link.c_str());
      }
      ASSERT_EQ(archive_write_header(out, entry), ARCHIVE_OK) << archive_error_string(out);
      archive_write_data(out, one.content.data(), one.content.size());
      archive_entry_free(entry);
    }
    archive_write_free(out);
  }

  /// It is refused with these words, and nothing is there that was not there before.
  void expect_refused(ErrorCode code, const std::string& words) {
    const auto before = everything_on_disk();
    const Result<Json> imported = import_tenant(deps_, import_of("bad.tar.zst"));
    ASSERT_THAT(imported, FailsWith(code));
    EXPECT_THAT(imported.error().text(), HasSubstr(words));
    EXPECT_EQ(everything_on_disk(), before);
  }

  std::vector<std::string> everything_on_disk() const { return files_below(folder_.path()); }

  /// Changes the rows of the archive by SQL, and seals it again.
  void change_rows(const std::string& sql) {
    const std::string path = folder_.path("changed.db");
    std::ofstream(path, std::ios::binary) << member(kRowsMember).content;
    {
      SqliteDatabase file = SqliteDatabase::open(path).value();
      ASSERT_THAT(file.run(sql), IsOk());
      ASSERT_THAT(file.run("PRAGMA journal_mode=DELETE"), IsOk());
    }
    std::ifstream in(path, std::ios::binary);
    member(kRowsMember).content = {std::istreambuf_iterator<char>(in), {}};
    std::filesystem::remove(path);
    seal();
    pack();
  }

  std::vector<Member> members_;
};

TEST_F(HostileArchiveTest, PackedAgainAsItIsItIsTaken) {
  seal();
  pack();

  EXPECT_THAT(import_tenant(deps_, import_of("bad.tar.zst")), IsOk());
}

TEST_F(HostileArchiveTest, RefusesNamesThatLeadElsewhere) {
  for (const char* name : {"../escaped", "/tmp/voicectl-escaped", "a/../../escaped", "./data.db",
                           "..", "data.db/", "x\ny", "UPPER"}) {
    members_.resize(3);
    members_.push_back({name, "x"});
    pack();

    expect_refused(ErrorCode::kCorrupt, "");
    EXPECT_FALSE(std::filesystem::exists("/tmp/voicectl-escaped"));
  }
}

TEST_F(HostileArchiveTest, RefusesWhatIsNoPlainFile) {
  for (const auto& [type, link] :
       {std::pair(AE_IFLNK, "/etc/passwd"), std::pair(AE_IFREG, "tenant.json"),
        std::pair(AE_IFDIR, ""), std::pair(AE_IFCHR, ""), std::pair(AE_IFIFO, "")}) {
    members_.resize(3);
    members_.push_back({"secrets.json", "", static_cast<unsigned>(type), link});
    pack();

    expect_refused(ErrorCode::kCorrupt, "");
  }
}

TEST_F(HostileArchiveTest, RefusesMembersThatAreTooManyTwiceOrUnlisted) {
  members_.push_back({std::string(kTenantMember), "{}"});
  pack();
  expect_refused(ErrorCode::kCorrupt, "two members");

  members_.back() = {"extra.json", "{}"};
  pack();
  expect_refused(ErrorCode::kCorrupt, "not the one that the manifest lists");

  members_.resize(2);
  pack();
  expect_refused(ErrorCode::kCorrupt, "is missing");
}

TEST_F(HostileArchiveTest, RefusesWrongChecksumsAndSizes) {
  member(kTenantMember).content[3] = '#';
  pack();
  expect_refused(ErrorCode::kCorrupt, "checksum of its member 'tenant.json'");

  member(kTenantMember).content += " ";
  pack();
  expect_refused(ErrorCode::kCorrupt, "not the one that the manifest lists");
}

TEST_F(HostileArchiveTest, RefusesABombBeforeItIsUnpacked) {
  // Zeros pack to next to nothing.
  member(kRowsMember).content = std::string(200U << 20, '\0');
  seal();
  pack();

  expect_refused(ErrorCode::kResourceExhausted, "unpack to more than");
}

TEST_F(HostileArchiveTest, RefusesOversizedSmallMembers) {
  member(kTenantMember).content = "{\"a\":\"" + std::string(17U << 20, 'x') + "\"}";
  seal();
  pack();

  expect_refused(ErrorCode::kResourceExhausted, "tenant.json");
}

TEST_F(HostileArchiveTest, RefusesAFileThatIsCutOffAnywhere) {
  std::ifstream in(folder_.path("good.tar.zst"), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  for (std::size_t length = 0; length + 4 < whole.size(); length += 1 + whole.size() / 40) {
    std::ofstream(folder_.path("bad.tar.zst"), std::ios::binary | std::ios::trunc)
        << whole.substr(0, length);

    expect_refused(ErrorCode::kCorrupt, "");
  }
}

TEST_F(HostileArchiveTest, RefusesFlippedBytesOrTakesWhatIsTheSame) {
  std::ifstream in(folder_.path("good.tar.zst"), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  SeededRandom random(7);
  for (int round = 0; round < 60; ++round) {
    std::string bytes = whole;
    const std::size_t at = random.below(bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1U << random.below(8)));
    std::ofstream(folder_.path("bad.tar.zst"), std::ios::binary | std::ios::trunc) << bytes;

    const Result<Json> imported = import_tenant(deps_, import_of("bad.tar.zst"));
    if (imported.has_value()) {
      // A byte of the tar that means nothing, such as a time.
      EXPECT_EQ(rows_of(folder_.path("stage/tenant.db")), rows_of(database_of("acme")));
      ASSERT_THAT(files_.remove(folder_.path("stage")), IsOk());
    }
    EXPECT_FALSE(std::filesystem::exists(folder_.path("stage")));
  }
}

TEST_F(HostileArchiveTest, RefusesOtherVersions) {
  const std::string manifest = member(kManifestMember).content;
  Json later = parse_json(manifest).value();
  later["archive_version"] = 2;
  member(kManifestMember).content = dump_json(later);
  pack();
  expect_refused(ErrorCode::kConflict, "version 2");

  unpack_anew();
  change_rows("PRAGMA user_version = 99");
  Json newer = parse_json(member(kManifestMember).content).value();
  newer["schema"] = 99;
  member(kManifestMember).content = dump_json(newer);
  pack();
  expect_refused(ErrorCode::kConflict, "schema 99");
}

TEST_F(HostileArchiveTest, RefusesAnotherSchemaThanTheManifestSays) {
  change_rows("PRAGMA user_version = 3");

  expect_refused(ErrorCode::kCorrupt, "the manifest says");
}

TEST_F(HostileArchiveTest, RefusesADatabaseWithMoreInItThanRows) {
  for (const char* sql :
       {"CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM usage; END",
        "CREATE VIEW v AS SELECT 1", "CREATE TABLE more (x)", "CREATE INDEX i ON events (type)",
        "DROP TABLE customers; CREATE VIEW customers AS SELECT '1' AS phone, '' AS name, 0 AS a, "
        "0 AS b, 0 AS c, '{}' AS data",
        "CREATE VIRTUAL TABLE f USING fts5(x)"}) {
    unpack_anew();
    change_rows(sql);

    expect_refused(ErrorCode::kCorrupt, "");
  }
}

TEST_F(HostileArchiveTest, RefusesRowsThatDoNotFitTogether) {
  for (const char* sql : {"UPDATE sessions SET document = '{}' WHERE session LIKE '%100002'",
                          "UPDATE sessions SET document = replace(document, '\"tenant\":\"acme\"', "
                          "'\"tenant\":\"other\"')",
                          "UPDATE events SET tenant_seq = 5000 WHERE tenant_seq = 12",
                          "UPDATE events SET data = X'00ff' WHERE tenant_seq = 1",
                          "UPDATE outbox SET state = 'x'", "DELETE FROM usage"}) {
    unpack_anew();
    change_rows(sql);

    expect_refused(ErrorCode::kCorrupt, "");
  }
}

TEST_F(HostileArchiveTest, RefusesANumberOfRowsThatTheManifestDoesNotSay) {
  change_rows("DELETE FROM customers");

  expect_refused(ErrorCode::kCorrupt, "another number of rows");
}

TEST_F(HostileArchiveTest, RefusesPagesThatAreNoDatabase) {
  member(kRowsMember).content = std::string(8192, 'x');
  seal();
  pack();
  expect_refused(ErrorCode::kCorrupt, "");

  unpack_anew();
  // Some page in the middle of the tables.
  std::string& rows = member(kRowsMember).content;
  std::fill_n(rows.begin() + 8192, 4096, '\x5a');
  seal();
  pack();
  expect_refused(ErrorCode::kCorrupt, "");
}

TEST_F(HostileArchiveTest, RefusesOtherFormats) {
  for (const std::string& bytes :
       {std::string(), std::string("PK\x03\x04 not a tar"), std::string(4096, '\0'),
        std::string("{\"kind\":\"TenantArchive\"}")}) {
    std::ofstream(folder_.path("bad.tar.zst"), std::ios::binary | std::ios::trunc) << bytes;

    expect_refused(ErrorCode::kCorrupt, "");
  }
}

TEST_F(HostileArchiveTest, DoesNotTouchAStageThatIsThere) {
  ASSERT_THAT(files_.make_directory(folder_.path("stage"), kPrivateDirectory), IsOk());

  EXPECT_FALSE(import_tenant(deps_, import_of("good.tar.zst")).has_value());
  EXPECT_TRUE(std::filesystem::exists(folder_.path("stage")));
}

}  // namespace
}  // namespace voicectl::runtime
