// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "base/json.h"
#include "runtime/redis/redis_store.h"
#include "runtime/session/tenant_database.h"
#include "tests/integration/runtime/data/data_fixture.h"
#include "tests/support/redis/redis_server.h"

namespace voicectl::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kOwner = "owner-of-acme-0123456789";

class RedisArchiveTest : public DataFixture {
 protected:
  std::unique_ptr<RedisStore> make_store(const std::string& slug, const std::string& owner) {
    return std::make_unique<RedisStore>(RedisStore::Deps{
        loop_.reactor(), random_, server_.client_options(), RedisKeys(*TenantId::parse(slug)),
        FencingToken{++token_}, nullptr, owner});
  }

  Result<StoreContents> open(RedisStore& store) {
    std::optional<Result<StoreContents>> contents;
    store.open(clock_.now(), [&](Result<StoreContents> got) { contents.emplace(std::move(got)); });
    loop_.run_until([&] { return contents.has_value(); }, std::chrono::seconds(30));
    return contents ? std::move(*contents)
                    : Result<StoreContents>(Error(ErrorCode::kTimeout, "cannot wait"));
  }

  void fill_redis(std::uint64_t sessions) {
    write_config("acme", server_.url(), kOwner);
    const auto store = make_store("acme", kOwner);
    ASSERT_THAT(open(*store), IsOk());
    std::size_t done = 0;
    for (StoreBatch& batch : everything("acme", sessions)) {
      store->commit(std::move(batch), [&done](const Status& outcome) {
        EXPECT_THAT(outcome, IsOk());
        ++done;
      });
    }
    loop_.run_until([&] { return done == sessions; }, std::chrono::seconds(30));
  }

  std::string owner_of_stage() {
    const std::string secrets = *files_.read(folder_.path("stage/secrets.json"), 4096).value();
    return string_or(*parse_json(secrets), "store_owner", "");
  }

  RedisServer server_;
  RealLoop loop_;
  RedisConsole console_{loop_, server_};
  std::uint64_t token_ = 0;
};

TEST_F(RedisArchiveTest, ArchivesOfBothStoresHaveTheSameRows) {
  fill("acme", 30);
  const auto embedded = rows_of(database_of("acme"));
  fill_redis(30);

  ASSERT_THAT(export_to("acme", "acme.tar.zst"), IsOk());
  ASSERT_THAT(import_tenant(deps_, import_of("acme.tar.zst")), IsOk());

  EXPECT_EQ(rows_of(folder_.path("stage/tenant.db")), embedded);
}

TEST_F(RedisArchiveTest, WhatIsImportedOntoAServerIsServedAndIsTheSameAgain) {
  fill("acme", 30);
  const auto embedded = rows_of(database_of("acme"));
  ASSERT_THAT(export_to("acme", "acme.tar.zst"), IsOk());
  ImportRequest request = import_of("acme.tar.zst");
  request.redis_url = server_.url();

  ASSERT_THAT(import_tenant(deps_, request), IsOk());

  const std::string owner = owner_of_stage();
  const auto store = make_store("acme", owner);
  const Result<StoreContents> contents = open(*store);
  ASSERT_THAT(contents, IsOk());
  EXPECT_EQ(contents->last_tenant_seq, 30U);
  EXPECT_EQ(contents->last_outbox_id, 29U);
  EXPECT_EQ(contents->sessions_this_month, 30U);
  EXPECT_FALSE(files_.read(folder_.path("stage/tenant.db"), 1).value().has_value());
  // And back.
  ASSERT_THAT(files_.remove(folder_.path("stage")), IsOk());
  write_config("acme", server_.url(), owner);
  const Json found = check_tenant(deps_, tenant_folder("acme") + "/config.json", "").value();
  EXPECT_THAT(found["problems"], IsEmpty());
  ASSERT_THAT(export_to("acme", "again.tar.zst"), IsOk());
  ASSERT_THAT(import_tenant(deps_, import_of("again.tar.zst")), IsOk());
  EXPECT_EQ(rows_of(folder_.path("stage/tenant.db")), embedded);
}

TEST_F(RedisArchiveTest, DoesNotMixATenantWithKeysThatAreThere) {
  fill_redis(5);
  ASSERT_THAT(export_to("acme", "acme.tar.zst"), IsOk());
  const std::vector<std::string> before = console_.keys();
  ImportRequest request = import_of("acme.tar.zst");
  request.redis_url = server_.url();

  const Result<Json> imported = import_tenant(deps_, request);

  EXPECT_THAT(imported, FailsWith(ErrorCode::kAlreadyExists));
  EXPECT_EQ(console_.keys(), before);
  EXPECT_FALSE(std::filesystem::exists(folder_.path("stage")));
}

TEST_F(RedisArchiveTest, APasswordThatIsNamedAndMissingIsAnErrorOfItsOwn) {
  fill("acme", 4);
  ASSERT_THAT(export_to("acme", "acme.tar.zst"), IsOk());
  ImportRequest request = import_of("acme.tar.zst");
  request.redis_url = server_.url();
  request.redis_password_path = folder_.path("no.password");

  const Result<Json> imported = import_tenant(deps_, request);

  ASSERT_THAT(imported, FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(imported.error().text(), HasSubstr("no.password"));
}

TEST_F(RedisArchiveTest, ADeletedTenantIsRestoredBesideItsOldDataWhichAPurgeStillFinds) {
  fill_redis(30);
  ASSERT_THAT(export_to("acme", "acme.tar.zst"), IsOk());
  const std::vector<std::string> keys_before = console_.keys();
  // As the daemon deletes a tenant: its folder is set aside, its keys stay.
  ASSERT_THAT(files_.make_directory(folder_.path("retired"), kPrivateDirectory), IsOk());
  ASSERT_THAT(files_.move(tenant_folder("acme"), folder_.path("retired/acme-77")), IsOk());
  ImportRequest request = import_of("acme.tar.zst");
  request.redis_url = server_.url();
  request.retired_folder = folder_.path("retired");

  ASSERT_THAT(import_tenant(deps_, request), IsOk());

  const std::string owner = owner_of_stage();
  const auto store = make_store("acme", owner);
  const Result<StoreContents> contents = open(*store);
  ASSERT_THAT(contents, IsOk());
  EXPECT_EQ(contents->last_tenant_seq, 30U);
  const std::vector<std::string> keys_of_both = console_.keys();
  for (const std::string& key : keys_before) {
    const bool goes_away = key.starts_with("business:acme:session:") ||
                           key.starts_with("business:acme:context:") ||
                           key.starts_with("business:acme:requests:");
    const std::string aside = "retired:" + std::string(kOwner) + ":" + key;
    EXPECT_EQ(std::count(keys_of_both.begin(), keys_of_both.end(), aside), goes_away ? 0 : 1)
        << key;
  }
  const Json purged = purge_retired(deps_, folder_.path("retired/acme-77")).value();
  EXPECT_GT(purged["redis_keys"].get<int>(), 10);
  EXPECT_EQ(console_.keys().size(), keys_of_both.size() - purged["redis_keys"].get<std::size_t>());
  for (const std::string& key : console_.keys()) {
    EXPECT_THAT(key, Not(HasSubstr("retired:")));
  }
}

TEST_F(RedisArchiveTest, KeysOfATenantThatIsServedAreNotSetAside) {
  fill_redis(5);
  ASSERT_THAT(export_to("acme", "acme.tar.zst"), IsOk());
  const std::vector<std::string> before = console_.keys();
  // A tenant of that name was deleted before the one that is served now was made.
  write_config("acme", server_.url(), "otherowner");
  ASSERT_THAT(files_.make_directory(folder_.path("retired"), kPrivateDirectory), IsOk());
  ASSERT_THAT(files_.move(tenant_folder("acme"), folder_.path("retired/acme-77")), IsOk());
  ImportRequest request = import_of("acme.tar.zst");
  request.redis_url = server_.url();
  request.retired_folder = folder_.path("retired");

  EXPECT_THAT(import_tenant(deps_, request), FailsWith(ErrorCode::kAlreadyExists));

  EXPECT_EQ(console_.keys(), before);
}

TEST_F(RedisArchiveTest, AnImportThatIsTakenBackLeavesNoKey) {
  fill("acme", 10);
  ASSERT_THAT(export_to("acme", "acme.tar.zst"), IsOk());
  ImportRequest request = import_of("acme.tar.zst", "other");
  request.redis_url = server_.url();
  ASSERT_THAT(import_tenant(deps_, request), IsOk());
  ASSERT_FALSE(console_.keys().empty());

  ASSERT_THAT(discard_import(deps_, request), IsOk());

  EXPECT_THAT(console_.keys(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(folder_.path("stage")));
}

TEST_F(RedisArchiveTest, PurgeRemovesEveryKeyOfTheRetiredTenantAndNoOther) {
  fill_redis(40);
  for (const char* key : {"business:acme-2:sessions", "business:acm:x", "usage:acme-2:2026-11"}) {
    console_.ask({"SET", key, "another's"});
  }
  ASSERT_THAT(files_.make_directory(folder_.path("retired"), kPrivateDirectory), IsOk());
  const std::string retired = folder_.path("retired/acme-1800000000000");
  ASSERT_THAT(files_.move(tenant_folder("acme"), retired), IsOk());

  const Result<Json> purged = purge_retired(deps_, retired);

  ASSERT_THAT(purged, IsOk());
  EXPECT_GT((*purged)["redis_keys"].get<int>(), 40);
  EXPECT_THAT(console_.keys(), ::testing::ElementsAre("business:acm:x", "business:acme-2:sessions",
                                                      "usage:acme-2:2026-11"));
  EXPECT_FALSE(std::filesystem::exists(retired));
}

TEST_F(RedisArchiveTest, PurgeLeavesALaterTenantOfTheNameAlone) {
  fill_redis(5);
  ASSERT_THAT(files_.make_directory(folder_.path("retired"), kPrivateDirectory), IsOk());
  const std::string retired = folder_.path("retired/acme-1800000000000");
  ASSERT_THAT(files_.move(tenant_folder("acme"), retired), IsOk());
  console_.ask({"SET", "business:acme:owner", "somebody else"});
  const std::size_t before = console_.keys().size();

  ASSERT_THAT(purge_retired(deps_, retired), IsOk());

  EXPECT_EQ(console_.keys().size(), before);
}

TEST_F(RedisArchiveTest, PurgeThatDoesNotReachTheServerForgetsNothing) {
  fill_redis(5);
  ASSERT_THAT(files_.make_directory(folder_.path("retired"), kPrivateDirectory), IsOk());
  const std::string retired = folder_.path("retired/acme-1800000000000");
  ASSERT_THAT(files_.move(tenant_folder("acme"), retired), IsOk());
  server_.kill();

  EXPECT_FALSE(purge_retired(deps_, retired).has_value());
  EXPECT_TRUE(std::filesystem::exists(retired));

  server_.start();
}

TEST_F(RedisArchiveTest, CheckComparesListsWithWhatTheyList) {
  fill_redis(8);
  console_.ask({"ZREM", "business:acme:sessions:by_time", "acme_0123456789ab100003"});

  const Json found = check_tenant(deps_, tenant_folder("acme") + "/config.json", "").value();

  ASSERT_EQ(found["problems"].size(), 1U);
  EXPECT_THAT(found["problems"][0].get<std::string>(), HasSubstr("lists 7 of 8 sessions"));
}

TEST_F(RedisArchiveTest, ExportsATenantThatIsNeverQuiet) {
  fill_redis(20);
  // A writer that changes the fence all the time, as a busy instance does.
  std::atomic<bool> goes_on = true;
  std::thread writer([&] {
    RealLoop loop;
    RedisConsole console(loop, server_);
    for (std::uint64_t i = 1; goes_on; ++i) {
      console.ask({"SET", "business:acme:fence", "1." + std::to_string(i)});
    }
  });

  const Result<Json> exported = export_to("acme", "acme.tar.zst");

  goes_on = false;
  writer.join();
  ASSERT_THAT(exported, IsOk());
  EXPECT_EQ((*exported)["rows"]["sessions"], 20);
}

}  // namespace
}  // namespace voicectl::runtime
