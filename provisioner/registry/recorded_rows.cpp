// SPDX-License-Identifier: Apache-2.0
#include "provisioner/registry/recorded_rows.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "provisioner/model/desired_state_yaml.h"
#include "provisioner/registry/drift_rows.h"

namespace voicectl {
namespace {

/// For reading what we wrote: whatever is wrong with it, the file is not what it was.
Error corrupt(const Error& error, std::string_view table, const std::string& key) {
  return Error(ErrorCode::kCorrupt,
               fmt::format("cannot read '{}' of table {}: {}", key, table, error.text()));
}

Error corrupt(std::string_view table, const std::string& key, std::string_view why) {
  return Error(ErrorCode::kCorrupt,
               fmt::format("cannot read '{}' of table {}: {}", key, table, why));
}

std::string render_routes(const std::vector<std::string>& routes) {
  return dump_json(Json(routes));
}

Result<std::vector<std::string>> parse_routes(const std::string& text) {
  VC_TRY(const Json json, parse_json(text));
  std::vector<std::string> out;
  for (const Json& route : json) {
    if (!route.is_string()) {
      return Error(ErrorCode::kCorrupt, "cannot read routes: one of them is not text");
    }
    out.push_back(route.get<std::string>());
  }
  return out;
}

std::optional<TenantPhase> phase_named(std::string_view name) {
  using enum TenantPhase;
  for (const TenantPhase phase : {kCreating, kServing, kDeleting}) {
    if (name_of(phase) == name) {
      return phase;
    }
  }
  return std::nullopt;
}

std::optional<InstanceKind> kind_named(std::string_view name) {
  for (const InstanceKind kind : {InstanceKind::kShared, InstanceKind::kDedicated}) {
    if (name_of(kind) == name) {
      return kind;
    }
  }
  return std::nullopt;
}

std::optional<InstanceFate> fate_named(std::string_view name) {
  using enum InstanceFate;
  for (const InstanceFate fate : {kServing, kWayBack, kRetired}) {
    if (name_of(fate) == name) {
      return fate;
    }
  }
  return std::nullopt;
}

std::uint64_t unsigned_of(std::int64_t number) {
  return static_cast<std::uint64_t>(number);
}

std::int64_t signed_of(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}

/// Columns: tenant, spec, phase, generation, port, has_data, has_listener, placement, token,
/// routes, created_at, wish, wished_at.
Result<RecordedTenant> read_tenant(const SqliteStatement& row) {
  VC_TRY(TenantSpec spec, parse_tenant(row.text(1)));
  const std::optional<TenantPhase> phase = phase_named(row.text(2));
  if (!phase) {
    return Error(ErrorCode::kCorrupt, fmt::format("cannot know phase '{}'", row.text(2)));
  }
  std::optional<Port> port;
  if (!row.is_null(4)) {
    VC_TRY(port, Port::make(row.integer(4)));
  }
  std::optional<InstanceId> placement;
  if (!row.is_null(7)) {
    VC_TRY(placement, InstanceId::parse(row.text(7)));
  }
  VC_TRY(std::vector<std::string> routes, parse_routes(row.text(9)));
  std::optional<PromotionWish> wish;
  if (!row.is_null(11)) {
    wish = PromotionWish{row.text(11), wall_time_of(row.integer(12))};
  }
  return RecordedTenant{.spec = std::move(spec),
                        .phase = *phase,
                        .generation = Generation{unsigned_of(row.integer(3))},
                        .port = port,
                        .has_data = row.integer(5) != 0,
                        .has_listener = row.integer(6) != 0,
                        .placement = std::move(placement),
                        .token = FencingToken{unsigned_of(row.integer(8))},
                        .routes = std::move(routes),
                        .created_at = wall_time_of(row.integer(10)),
                        .wish = std::move(wish)};
}

Status load_tenants(SqliteDatabase& database, Snapshot& snapshot) {
  VC_TRY(SqliteStatement row,
         database.prepare("SELECT tenant, spec, phase, generation, port, has_data, has_listener, "
                          "placement, token, routes, created_at, wish, wished_at FROM tenants"));
  while (true) {
    VC_TRY(const bool more, row.step());
    if (!more) {
      return ok_status();
    }
    Result<RecordedTenant> tenant = read_tenant(row);
    if (tenant.has_error()) {
      return corrupt(tenant.error(), "tenants", row.text(0));
    }
    if (tenant->spec.tenant.str() != row.text(0)) {
      return corrupt("tenants", row.text(0), "its document names another tenant");
    }
    // The value leaves the result before the call, so its key must be a copy of its own.
    const TenantId name = tenant->spec.tenant;
    snapshot.tenants.emplace(name, *std::move(tenant));
  }
}

Result<RecordedInstance> read_instance(const SqliteStatement& row) {
  VC_TRY(InstanceId instance, InstanceId::parse(row.text(0)));
  const std::optional<InstanceKind> kind = kind_named(row.text(1));
  if (!kind) {
    return Error(ErrorCode::kCorrupt, fmt::format("cannot know kind '{}'", row.text(1)));
  }
  const std::optional<InstanceFate> fate = fate_named(row.text(5));
  if (!fate) {
    return corrupt("instances", row.text(0), "its fate is unknown");
  }
  VC_TRY(const Port port, Port::make(row.integer(2)));
  return RecordedInstance{std::move(instance),          *kind, port, row.text(3),
                          wall_time_of(row.integer(4)), *fate};
}

Status load_instances(SqliteDatabase& database, Snapshot& snapshot) {
  VC_TRY(SqliteStatement row,
         database.prepare("SELECT instance, kind, admin_port, fingerprint, started_at, fate "
                          "FROM instances"));
  while (true) {
    VC_TRY(const bool more, row.step());
    if (!more) {
      return ok_status();
    }
    const Result<RecordedInstance> instance = read_instance(row);
    if (instance.has_error()) {
      return corrupt(instance.error(), "instances", row.text(0));
    }
    snapshot.instances.emplace(instance->instance, *instance);
  }
}

Status load_leases(SqliteDatabase& database, Snapshot& snapshot) {
  VC_TRY(SqliteStatement row,
         database.prepare("SELECT port, holder, released_at FROM leases ORDER BY port"));
  while (true) {
    VC_TRY(const bool more, row.step());
    if (!more) {
      return ok_status();
    }
    const Result<Port> port = Port::make(row.integer(0));
    if (port.has_error()) {
      return corrupt(port.error(), "leases", row.text(0));
    }
    std::optional<WallTime> released_at;
    if (!row.is_null(2)) {
      released_at = wall_time_of(row.integer(2));
    }
    snapshot.leases.push_back(PortLease{*port, row.text(1), released_at});
  }
}

Status put_tenants(SqliteDatabase& database, const std::vector<RecordedTenant>& tenants) {
  if (tenants.empty()) {
    return ok_status();
  }
  VC_TRY(SqliteStatement row,
         database.prepare("INSERT OR REPLACE INTO tenants (tenant, spec, phase, generation, port, "
                          "has_data, has_listener, placement, token, routes, created_at, wish, "
                          "wished_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  for (const RecordedTenant& tenant : tenants) {
    row.bind(1, tenant.spec.tenant.str())
        .bind(2, render_tenant(tenant.spec))
        .bind(3, name_of(tenant.phase))
        .bind(4, signed_of(tenant.generation.value))
        .bind(6, tenant.has_data ? std::int64_t{1} : std::int64_t{0})
        .bind(7, tenant.has_listener ? std::int64_t{1} : std::int64_t{0})
        .bind(9, signed_of(tenant.token.value))
        .bind(10, render_routes(tenant.routes))
        .bind(11, to_row(tenant.created_at));
    if (tenant.port) {
      row.bind(5, std::int64_t{tenant.port->value()});
    }
    if (tenant.placement) {
      row.bind(8, tenant.placement->str());
    }
    if (tenant.wish) {
      row.bind(12, tenant.wish->reason).bind(13, to_row(tenant.wish->since));
    }
    VC_TRY(row.run());
  }
  return ok_status();
}

Status drop_tenants(SqliteDatabase& database, const std::vector<TenantId>& tenants) {
  for (const TenantId& tenant : tenants) {
    VC_TRY(SqliteStatement record, database.prepare("DELETE FROM tenants WHERE tenant = ?"));
    VC_TRY(record.bind(1, tenant.str()).run());
    VC_TRY(SqliteStatement keys, database.prepare("DELETE FROM api_keys WHERE tenant = ?"));
    VC_TRY(keys.bind(1, tenant.str()).run());
  }
  return ok_status();
}

Status write_instances(SqliteDatabase& database, const RecordedChange& change) {
  for (const RecordedInstance& instance : change.put_instances) {
    VC_TRY(SqliteStatement row,
           database.prepare("INSERT OR REPLACE INTO instances (instance, kind, admin_port, "
                            "fingerprint, started_at, fate) VALUES (?,?,?,?,?,?)"));
    VC_TRY(row.bind(1, instance.instance.str())
               .bind(2, name_of(instance.kind))
               .bind(3, std::int64_t{instance.admin_port.value()})
               .bind(4, instance.fingerprint)
               .bind(5, to_row(instance.started_at))
               .bind(6, name_of(instance.fate))
               .run());
  }
  for (const InstanceId& instance : change.drop_instances) {
    VC_TRY(SqliteStatement row, database.prepare("DELETE FROM instances WHERE instance = ?"));
    VC_TRY(row.bind(1, instance.str()).run());
  }
  return ok_status();
}

Status write_leases(SqliteDatabase& database, const RecordedChange& change) {
  for (const PortLease& lease : change.put_leases) {
    VC_TRY(SqliteStatement row, database.prepare("INSERT OR REPLACE INTO leases VALUES (?,?,?)"));
    row.bind(1, std::int64_t{lease.port.value()}).bind(2, lease.holder);
    if (lease.released_at) {
      row.bind(3, to_row(*lease.released_at));
    }
    VC_TRY(row.run());
  }
  for (const Port port : change.drop_leases) {
    VC_TRY(SqliteStatement row, database.prepare("DELETE FROM leases WHERE port = ?"));
    VC_TRY(row.bind(1, std::int64_t{port.value()}).run());
  }
  return ok_status();
}

}  // namespace

Status write_api_key(SqliteDatabase& database, const ApiKeyRecord& key) {
  VC_TRY(SqliteStatement row,
         database.prepare("INSERT OR REPLACE INTO api_keys (tenant, key_id, sha256, scope, "
                          "created_at, expires_at, revoked_at, replaced_by) "
                          "VALUES (?,?,?,?,?,?,?,?)"));
  row.bind(1, key.tenant.str())
      .bind(2, key.key_id)
      .bind(3, key.sha256)
      .bind(4, key.scope)
      .bind(5, to_row(key.created_at))
      .bind(8, key.replaced_by);
  // What is not bound is NULL.
  if (key.expires_at) {
    row.bind(6, to_row(*key.expires_at));
  }
  if (key.revoked_at) {
    row.bind(7, to_row(*key.revoked_at));
  }
  return row.run();
}

Result<std::vector<ApiKeyRecord>> read_api_keys(SqliteDatabase& database) {
  VC_TRY(SqliteStatement row,
         database.prepare("SELECT tenant, key_id, sha256, scope, created_at, expires_at, "
                          "revoked_at, replaced_by FROM api_keys ORDER BY tenant, key_id"));
  const auto time_at = [&row](int column) {
    return row.is_null(column) ? std::nullopt : std::optional(wall_time_of(row.integer(column)));
  };
  std::vector<ApiKeyRecord> out;
  while (true) {
    VC_TRY(const bool more, row.step());
    if (!more) {
      return out;
    }
    VC_TRY(TenantId tenant, TenantId::parse(row.text(0)));
    out.push_back(ApiKeyRecord{row.text(1), std::move(tenant), row.text(2), row.text(3),
                               wall_time_of(row.integer(4)), time_at(5), time_at(6), row.text(7)});
  }
}

Result<std::int64_t> insert_newest(SqliteDatabase& database,
                                   SqliteStatement& row,
                                   std::string_view table,
                                   std::int64_t kept) {
  VC_TRY(const bool has_number, row.step());
  if (!has_number) {
    return Error(ErrorCode::kInternal,
                 fmt::format("cannot write to the table '{}': a row got no number", table));
  }
  const std::int64_t number = row.integer(0);
  row.reset();
  VC_TRY(SqliteStatement prune,
         database.prepare(fmt::format("DELETE FROM {} WHERE number <= ?", table)));
  VC_TRY(prune.bind(1, number - kept).run());
  return number;
}

std::int64_t row_limit(std::size_t limit) {
  constexpr std::size_t kMost = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::min(limit, kMost));
}

std::int64_t to_row(WallTime at) {
  return at.time_since_epoch().count();
}

WallTime wall_time_of(std::int64_t milliseconds) {
  return WallTime(std::chrono::milliseconds(milliseconds));
}

Status load_records(SqliteDatabase& database, Snapshot& snapshot) {
  VC_TRY(load_tenants(database, snapshot));
  VC_TRY(load_instances(database, snapshot));
  VC_TRY(load_leases(database, snapshot));
  return load_drift_records(database, snapshot);
}

Status write_change(SqliteDatabase& database, const RecordedChange& change) {
  if (change.platform) {
    VC_TRY(SqliteStatement row, database.prepare("UPDATE platform_state SET platform = ?"));
    VC_TRY(row.bind(1, render_platform(*change.platform)).run());
  }
  if (change.edge_fingerprint) {
    VC_TRY(SqliteStatement row, database.prepare("UPDATE platform_state SET edge_fingerprint = ?"));
    VC_TRY(row.bind(1, *change.edge_fingerprint).run());
  }
  if (change.programs) {
    VC_TRY(SqliteStatement row, database.prepare("UPDATE platform_state SET programs = ?"));
    VC_TRY(row.bind(1, render_programs(*change.programs)).run());
  }
  VC_TRY(put_tenants(database, change.put_tenants));
  VC_TRY(drop_tenants(database, change.drop_tenants));
  VC_TRY(write_instances(database, change));
  for (const ApiKeyRecord& key : change.put_api_keys) {
    VC_TRY(write_api_key(database, key));
  }
  VC_TRY(write_drift_change(database, change));
  return write_leases(database, change);
}

}  // namespace voicectl
