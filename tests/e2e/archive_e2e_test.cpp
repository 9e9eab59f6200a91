// SPDX-License-Identifier: Apache-2.0
// Tenants' data taken out of a platform, put into it, looked at and erased, by the built programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/e2e/platform.h"
#include "tests/support/redis/redis_server.h"

namespace voicectl::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class ArchiveE2e : public ::testing::Test {
 protected:
  /// Sessions as the API shows them, without the instance that served them last.
  json sessions_of(const std::string& tenant) const {
    json list = platform.voicectl_json({"session", "list", "--tenant", tenant});
    json sessions = list.is_object() ? list.value("sessions", json::array()) : list;
    for (json& session : sessions) {
      session.erase("node_server_id");
    }
    return sessions;
  }

  Platform platform;
  const std::string archive = platform.path("mario.tar.zst");
};

TEST_F(ArchiveE2e, ATenantComesBackAsItWasAfterItWasDeleted) {
  platform.up();
  platform.call("mario-pizza");
  platform.call("mario-pizza");
  const Finished exported = platform.voicectl({"tenant", "export", "mario-pizza", "-f", archive});
  ASSERT_EQ(exported.code, 0) << exported.out << exported.err;
  const json before = sessions_of("mario-pizza");
  ASSERT_EQ(before.size(), 2U);
  struct stat found {};
  ASSERT_EQ(::stat(archive.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);

  const Finished refused = platform.voicectl({"tenant", "import", "-f", archive, "--yes"});
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("it exists"));
  ASSERT_EQ(platform.voicectl({"tenant", "delete", "mario-pizza", "--confirm=mario-pizza"}).code,
            0);
  const Finished imported = platform.voicectl({"tenant", "import", "-f", archive, "--yes"});
  ASSERT_EQ(imported.code, 0) << imported.out << imported.err;

  EXPECT_EQ(sessions_of("mario-pizza"), before);
  const Finished checked = platform.voicectl({"tenant", "check", "mario-pizza"});
  EXPECT_EQ(checked.code, 0) << checked.out << checked.err;
  const json call = platform.call("mario-pizza");
  EXPECT_TRUE(call.value("numbers_are_whole", false)) << "it serves";
  EXPECT_EQ(sessions_of("mario-pizza").size(), 3U);

  const Finished copied =
      platform.voicectl({"tenant", "import", "-f", archive, "--as", "mario-copy", "--yes"});
  ASSERT_EQ(copied.code, 0) << copied.out << copied.err;
  EXPECT_EQ(sessions_of("mario-copy").size(), 2U);
}

TEST_F(ArchiveE2e, ClientsGoOnWithTheirKeysBehindAnImportWithSecrets) {
  platform.up();
  const std::string key = platform.key_file("mario-pizza", "widget");
  const auto call = [&](const std::string& tenant) {
    return run({Platform::bin("voicectl-caller"), "call", "--port",
                std::to_string(platform.http_port()), "--host", tenant + ".qastco.com",
                "--key-file", key, "--json"})
        .code;
  };
  ASSERT_EQ(
      platform.voicectl({"tenant", "export", "mario-pizza", "-f", archive, "--with-secrets"}).code,
      0);
  ASSERT_EQ(platform.voicectl({"tenant", "delete", "mario-pizza", "--confirm=mario-pizza"}).code,
            0);

  const Finished imported = platform.voicectl({"tenant", "import", "-f", archive, "--yes"});
  const Finished copied =
      platform.voicectl({"tenant", "import", "-f", archive, "--as", "mario-copy", "--yes"});

  ASSERT_EQ(imported.code, 0) << imported.out << imported.err;
  EXPECT_THAT(imported.err, HasSubstr("1 API keys of the archive will open it"));
  ASSERT_EQ(copied.code, 0) << copied.out << copied.err;
  EXPECT_EQ(call("mario-pizza"), 0);
  EXPECT_NE(call("mario-copy"), 0);
  const json keys = platform.voicectl_json({"tenant", "key", "list", "mario-pizza"});
  ASSERT_EQ(keys["keys"].size(), 1U) << keys.dump();
  const std::string id = keys["keys"][0]["id"];
  EXPECT_EQ(platform.voicectl({"tenant", "key", "revoke", "mario-pizza", id}).code, 0);
  EXPECT_NE(call("mario-pizza"), 0);
}

TEST_F(ArchiveE2e, AHostileOrBrokenArchiveChangesNothing) {
  platform.up();
  const std::string desired = platform.voicectl({"tenant", "list", "-o", "json"}).out;
  std::ofstream(archive, std::ios::binary) << "no archive";

  const Finished imported = platform.voicectl({"tenant", "import", "-f", archive, "--yes"});

  EXPECT_NE(imported.code, 0);
  EXPECT_THAT(imported.err, HasSubstr("cannot use the archive"));
  EXPECT_EQ(platform.voicectl({"tenant", "list", "-o", "json"}).out, desired);
}

TEST_F(ArchiveE2e, ADamagedFileIsRefusedAndAnArchiveHelps) {
  platform.up();
  platform.call("mario-pizza");
  ASSERT_EQ(platform.voicectl({"tenant", "export", "mario-pizza", "-f", archive}).code, 0);
  const std::string database = platform.workspace() + "/state/tenants/mario-pizza/data/tenant.db";
  platform.down();
  std::filesystem::resize_file(database, 0);
  (void)platform.voicectl({"version"});

  const Finished up = run({Platform::bin("voicectl"), "up", "--workspace", platform.workspace()});
  const Finished checked = platform.voicectl({"tenant", "check", "mario-pizza"});

  EXPECT_EQ(checked.code, 1) << checked.out << checked.err << up.out << up.err;
  EXPECT_THAT(checked.out, HasSubstr("the file is empty"));
  EXPECT_EQ(std::filesystem::file_size(database), 0U) << "never made anew";
  EXPECT_THAT(platform.voicectl({"status"}).out,
              HasSubstr("tenant 'mario-pizza' was not taken by its instance"));
  ASSERT_EQ(platform.voicectl({"tenant", "delete", "mario-pizza", "--confirm=mario-pizza"}).code,
            0);
  const Finished imported = platform.voicectl({"tenant", "import", "-f", archive, "--yes"});
  EXPECT_EQ(imported.code, 0) << imported.out << imported.err;
  EXPECT_EQ(sessions_of("mario-pizza").size(), 1U);
}

TEST_F(ArchiveE2e, NothingOfAPurgedTenantIsLeft) {
  platform.up();
  platform.call("mario-pizza");
  ASSERT_EQ(platform.voicectl({"tenant", "delete", "mario-pizza", "--confirm=mario-pizza"}).code,
            0);
  const Finished listed = platform.voicectl({"tenant", "purge", "--list"});
  EXPECT_THAT(listed.out, HasSubstr("mario-pizza"));

  const Finished purged =
      platform.voicectl({"tenant", "purge", "mario-pizza", "--confirm=mario-pizza"});

  ASSERT_EQ(purged.code, 0) << purged.out << purged.err;
  EXPECT_THAT(platform.voicectl({"tenant", "purge", "--list"}).err +
                  platform.voicectl({"tenant", "purge", "--list"}).out,
              HasSubstr("No deleted tenant has left anything"));
  const std::string state = platform.workspace() + "/state";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(state)) {
    EXPECT_THAT(entry.path().string(), Not(HasSubstr("mario")));
    if (entry.is_regular_file()) {
      // A customer of the tenant, what its document says, and its hosts.
      const std::string bytes = bytes_of(entry.path());
      EXPECT_THAT(bytes, Not(HasSubstr("Alex Rivera"))) << entry.path();
      EXPECT_THAT(bytes, Not(HasSubstr("Mario's Pizza Palace"))) << entry.path();
      EXPECT_THAT(bytes, Not(HasSubstr("mario-pizza.qastco.com"))) << entry.path();
    }
  }
}

TEST_F(ArchiveE2e, AnArchiveGoesToRedisAndBackAndAPurgeLeavesNoKey) {
  platform.up();
  platform.call("mario-pizza");
  ASSERT_EQ(platform.voicectl({"tenant", "export", "mario-pizza", "-f", archive}).code, 0);
  const json before = sessions_of("mario-pizza");
  RedisServer server;
  Platform other;
  other.set_platform_line("store: { kind: redis, redis_url: \"" + server.url() + "\" }");
  other.up();

  const Finished imported =
      other.voicectl({"tenant", "import", "-f", archive, "--as", "mario-copy", "--yes"});
  ASSERT_EQ(imported.code, 0) << imported.out << imported.err;
  const json there = other.voicectl_json({"session", "list", "--tenant", "mario-copy"});
  const Finished checked = other.voicectl({"tenant", "check", "mario-copy"});
  const std::string back = other.path("back.tar.zst");
  const Finished exported = other.voicectl({"tenant", "export", "mario-copy", "-f", back});
  ASSERT_EQ(other.voicectl({"tenant", "delete", "mario-copy", "--confirm=mario-copy"}).code, 0);
  const Finished purged = other.voicectl({"tenant", "purge", "mario-copy", "--confirm=mario-copy"});
  const Finished returned =
      platform.voicectl({"tenant", "import", "-f", back, "--as", "mario-back", "--yes"});

  EXPECT_EQ((there.is_object() ? there["sessions"] : there).size(), before.size());
  EXPECT_EQ(checked.code, 0) << checked.out << checked.err;
  EXPECT_EQ(exported.code, 0) << exported.out << exported.err;
  EXPECT_EQ(purged.code, 0) << purged.out << purged.err;
  EXPECT_THAT(purged.out, HasSubstr("keys on Redis"));
  EXPECT_EQ(returned.code, 0) << returned.out << returned.err;
  EXPECT_EQ(sessions_of("mario-back").size(), before.size());
  RealLoop loop;
  RedisConsole console(loop, server);
  for (const std::string& key : console.keys()) {
    EXPECT_THAT(key, Not(HasSubstr("mario-copy")));
  }
}

}  // namespace
}  // namespace voicectl::e2e
