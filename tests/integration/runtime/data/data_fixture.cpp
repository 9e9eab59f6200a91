// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/runtime/data/data_fixture.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/json.h"
#include "runtime/session/tenant_check.h"
#include "runtime/session/tenant_database.h"

namespace voicectl::runtime {

DataFixture::DataFixture() {
  std::filesystem::create_directories(folder_.path("tenants"));
}

void DataFixture::write_config(const std::string& slug,
                               const std::string& redis_url,
                               const std::string& owner) {
  std::filesystem::create_directories(tenant_folder(slug) + "/data");
  Json store = {{"kind", redis_url.empty() ? "embedded" : "redis"}};
  if (!redis_url.empty()) {
    store["url"] = redis_url;
  }
  const Json secrets = {{"webhook_secrets", {"0123456789abcdef0123456789abcdef"}},
                        {"tool_secret", "tool-secret-of-" + slug + "-0123456789"},
                        {"store_owner", owner}};
  const Json tenant = {{"slug", slug}, {"name", "Acme"}, {"business_type", "custom"}};
  const Json config = {{"apiVersion", "voicectl/v1"},
                       {"kind", "TenantConfig"},
                       {"generation", 1},
                       {"platform",
                        {{"domain", "example.com"},
                         {"base_url", "https://acme.example.com"},
                         {"webhook_base", "https://acme.example.com"},
                         {"ultravox", {{"endpoint", "http://127.0.0.1:1/api"}}}}},
                       {"store", store},
                       {"secrets", secrets},
                       {"tenant", tenant}};
  ASSERT_THAT(files_.replace_atomically(tenant_folder(slug) + "/config.json", dump_json(config),
                                        kPrivateFile),
              IsOk());
  ASSERT_THAT(files_.replace_atomically(tenant_folder(slug) + "/secrets.json", dump_json(secrets),
                                        kPrivateFile),
              IsOk());
  ASSERT_THAT(
      files_.replace_atomically(folder_.path(slug + ".document"), dump_json(tenant), kPrivateFile),
      IsOk());
}

std::vector<StoreBatch> DataFixture::everything(const std::string& slug, std::uint64_t sessions) {
  const TenantId tenant = *TenantId::parse(slug);
  const WallTime now = FixedWallClock().now();
  std::vector<StoreBatch> batches;
  for (std::uint64_t i = 1; i <= sessions; ++i) {
    Session session(make_session_id(tenant, "0123456789ab" + std::to_string(100'000 + i)), tenant);
    session.created_at = now + std::chrono::seconds(i);
    session.status = i == sessions ? SessionStatus::kActive : SessionStatus::kCompleted;
    session.end_time = i == sessions ? std::nullopt : std::optional(session.created_at);
    session.ultravox_call_id = "call-" + std::to_string(i);
    session.customer_name = "Änne \"O'Neill\"";
    session.duration = std::chrono::seconds(60);
    session.last_seq = 1;
    StoreBatch batch;
    batch.at = session.created_at;
    batch.events = {{session.session, 1, i, "session.created", batch.at,
                     dump_json(Json{{"session", session.session.str()}, {"text", "ä\nb"}})}};
    batch.inbox = {{session.ultravox_call_id, "call.ended", "{}", batch.at}};
    batch.response = StoredResponse{"POST /x " + std::to_string(i), 201, "{}", batch.at};
    if (i % 4 == 1) {
      const Booking booking{"appt-" + std::to_string(i), now, now + std::chrono::hours(1), "Dr X"};
      batch.records = {{BusinessRecord::Kind::kOrder, "order-" + std::to_string(i), std::nullopt,
                        R"({"total":"1.00"})", "VRO-" + std::to_string(i)},
                       {BusinessRecord::Kind::kAppointment, booking.appointment_id, booking, "{}"}};
      batch.customers = {{"43660" + std::to_string(i), "Änne", now, now, i, "{}"}};
      OutboxEntry entry;
      entry.id = i;
      entry.session = session.session.str();
      entry.kind = "erpnext.place_order";
      entry.idempotency_key = "key-" + std::to_string(i);
      entry.payload = dump_json(Json{{"session", session.session.str()}});
      entry.state = i % 8 == 1 ? OutboxEntry::State::kPending : OutboxEntry::State::kDead;
      entry.created_at = entry.next_attempt = batch.at;
      batch.outbox = {entry};
    }
    batch.sessions.push_back(std::move(session));
    batches.push_back(std::move(batch));
  }
  return batches;
}

void DataFixture::fill(const std::string& slug, std::uint64_t sessions) {
  write_config(slug);
  Result<TenantDatabase> database = TenantDatabase::open(database_of(slug), FencingToken{3});
  ASSERT_THAT(database, IsOk());
  for (const StoreBatch& batch : everything(slug, sessions)) {
    const StoreBatch* const one = &batch;
    ASSERT_THAT(database->write(std::span(&one, 1)), IsOk());
  }
}

Result<Json> DataFixture::export_to(const std::string& slug,
                                    const std::string& archive,
                                    const std::string& secrets) {
  return export_tenant(deps_, {tenant_folder(slug) + "/config.json", tenant_folder(slug) + "/data",
                               folder_.path(slug + ".document"), secrets, folder_.path(archive)});
}

ImportRequest DataFixture::import_of(const std::string& archive, const std::string& name) const {
  ImportRequest request{.archive_path = folder_.path(archive), .stage = folder_.path("stage")};
  if (!name.empty()) {
    request.name = *TenantId::parse(name);
  }
  return request;
}

std::map<std::string, std::vector<std::string>> DataFixture::rows_of(const std::string& database) {
  std::map<std::string, std::vector<std::string>> out;
  SqliteDatabase file =
      SqliteDatabase::open_to_read(database, SqliteDatabase::Origin::kOurs).value();
  std::vector<std::string> tables = tables_of_schema(4);
  tables.push_back("sqlite_sequence");
  for (const std::string& table : tables) {
    SqliteStatement rows = file.prepare("SELECT * FROM " + table).value();
    while (rows.step().value()) {
      std::string text;
      for (int i = 0; i < rows.columns(); ++i) {
        text += (rows.is_null(i) ? "NULL" : rows.text(i)) + "|";
      }
      out[table].push_back(text);
    }
    std::sort(out[table].begin(), out[table].end());
  }
  return out;
}

std::vector<std::string> DataFixture::files_below(const std::string& folder) const {
  std::vector<std::string> names;
  if (std::filesystem::exists(folder)) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      names.push_back(entry.path().lexically_relative(folder).string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace voicectl::runtime
