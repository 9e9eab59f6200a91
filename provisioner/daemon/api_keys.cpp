// SPDX-License-Identifier: Apache-2.0
#include "provisioner/daemon/api_keys.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/crypto.h"
#include "base/json.h"
#include "runtime/control/protocol.h"

namespace voicectl {
namespace {

constexpr std::size_t kKeyIdLength = 8;
/// 36 characters to choose from: more than 200 bits, so that a plain hash is enough to store.
constexpr std::size_t kKeyLength = 40;

/// How long an instance may take to answer, and how often it is asked again while its channel is
/// being connected anew. Both together outlast the connecting; then the manager ends it as hung.
constexpr Duration kAnswerTimeout = std::chrono::seconds(2);
constexpr Duration kAskAgain = std::chrono::milliseconds(200);
constexpr int kMostTries = 30;

Error no_such_tenant(const TenantId& tenant) {
  return Error(ErrorCode::kNotFound, fmt::format("cannot find tenant '{}'", tenant.str()));
}

std::string subject_of(const TenantId& tenant) {
  return "tenant/" + tenant.str();
}

bool opens(const ApiKeyRecord& key, WallTime now) {
  const ApiKeyState state = state_of(key, now);
  return state == ApiKeyState::kActive || state == ApiKeyState::kExpiring;
}

}  // namespace

std::string_view name_of(ApiKeyState state) {
  switch (state) {
    case ApiKeyState::kActive:
      return "active";
    case ApiKeyState::kExpiring:
      return "expiring";
    case ApiKeyState::kExpired:
      return "expired";
    case ApiKeyState::kRevoked:
      return "revoked";
  }
  return "revoked";
}

ApiKeyState state_of(const ApiKeyRecord& key, WallTime now) {
  if (key.revoked_at) {
    return ApiKeyState::kRevoked;
  }
  if (!key.expires_at) {
    return ApiKeyState::kActive;
  }
  return now < *key.expires_at ? ApiKeyState::kExpiring : ApiKeyState::kExpired;
}

/// Instances that are being told, and what came of it.
struct ApiKeys::Round {
  TenantId tenant;
  std::size_t open = 0;
  std::optional<Error> problem{};
  Completion<void> done;

  void finish_one(const Status& outcome) {
    if (outcome.has_error()) {
      problem = outcome.error();
    }
    if (--open == 0) {
      done(problem ? Status(*problem) : ok_status());
    }
  }
};

ApiKeys::ApiKeys(Deps deps) : deps_(deps), self_(std::make_shared<ApiKeys*>(this)) {}

std::vector<ApiKeyRecord> ApiKeys::of(const TenantId& tenant) const {
  std::vector<ApiKeyRecord> out;
  const WallTime oldest = deps_.wall.now() - kEndedKeysListed;
  for (const ApiKeyRecord& key : deps_.records) {
    const bool is_over = key.revoked_at.value_or(key.expires_at.value_or(WallTime::max())) < oldest;
    if (key.tenant == tenant && !is_over) {
      out.push_back(key);
    }
  }
  return out;
}

ApiKeyRecord* ApiKeys::find(const TenantId& tenant, const std::string& key_id) const {
  const auto found = std::find_if(
      deps_.records.begin(), deps_.records.end(),
      [&](const ApiKeyRecord& key) { return key.tenant == tenant && key.key_id == key_id; });
  return found == deps_.records.end() ? nullptr : &*found;
}

void ApiKeys::bring_up_to_date(RecordedChange& change) const {
  std::vector<ApiKeyRecord> now;
  for (const ApiKeyRecord& key : change.put_api_keys) {
    if (const ApiKeyRecord* const known = find(key.tenant, key.key_id)) {
      now.push_back(*known);
    }
  }
  change.put_api_keys = std::move(now);
}

Status ApiKeys::check_can_make(const TenantId& tenant, const ApiKeyWish& wish) const {
  if (deps_.recorded.find_tenant(tenant) == nullptr) {
    return no_such_tenant(tenant);
  }
  if (wish.scope != "admin" && wish.scope != "staff" && wish.scope != "widget") {
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("cannot make a key of scope '{}': allowed are admin, staff, widget",
                             wish.scope.substr(0, 32)));
  }
  if (wish.lifetime &&
      (*wish.lifetime < std::chrono::seconds(1) || *wish.lifetime > kLongestKeyLife)) {
    return Error(ErrorCode::kInvalidArgument,
                 "cannot make a key with that lifetime: allowed are 1 second to 3660 days");
  }
  // What is applied now may be the deletion of the tenant: its keys must not outlive it.
  if (deps_.loop.is_busy()) {
    return Error(ErrorCode::kConflict,
                 "cannot make a key now: an apply is running; try again when it has finished");
  }
  const auto is_open = [&](const ApiKeyRecord& key) {
    return key.tenant == tenant && opens(key, deps_.wall.now());
  };
  if (static_cast<std::size_t>(
          std::count_if(deps_.records.begin(), deps_.records.end(), is_open)) >= kMostApiKeys) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("cannot make a key for tenant '{}': it has {} keys; revoke one",
                             tenant.str(), kMostApiKeys));
  }
  return ok_status();
}

NewApiKey ApiKeys::draw(const TenantId& tenant, const ApiKeyWish& wish) {
  const std::string id = deps_.random.token(kKeyIdLength);
  const std::string key = fmt::format("vck_{}_{}", id, deps_.random.token(kKeyLength));
  const WallTime now = deps_.wall.now();
  ApiKeyRecord record{id, tenant, sha256_hex(key), wish.scope, now};
  if (wish.lifetime) {
    record.expires_at = now + *wish.lifetime;
  }
  return {std::move(record), Secret(key)};
}

void ApiKeys::create(const TenantId& tenant, const ApiKeyWish& wish, Completion<NewApiKey> done) {
  if (const Status possible = check_can_make(tenant, wish); possible.has_error()) {
    done(possible.error());
    return;
  }
  drop_old(tenant);
  const NewApiKey made = draw(tenant, wish);
  deps_.registry.run<void>(
      [record = made.record](Registry& registry) { return registry.put_api_keys({record}); },
      [this, made, tenant, done](const Status& stored) {
        if (stored.has_error()) {
          done(stored.error());
          return;
        }
        deps_.records.push_back(made.record);
        deps_.events.add("key.created", subject_of(tenant),
                         dump_json({{"key", made.record.key_id}, {"scope", made.record.scope}}));
        publish(tenant, [this, made, done](const Status& told) {
          hand_out(made, std::nullopt, told, done);
        });
      });
}

void ApiKeys::rotate(const TenantId& tenant,
                     const std::string& key_id,
                     std::chrono::seconds overlap,
                     Completion<NewApiKey> done) {
  const ApiKeyRecord* const found = find(tenant, key_id);
  if (found == nullptr) {
    done(no_such_api_key(tenant, key_id));
    return;
  }
  if (overlap < std::chrono::seconds(0) || overlap > kLongestOverlap) {
    done(Error(ErrorCode::kInvalidArgument,
               "cannot rotate a key with that overlap: allowed are 0 to 90 days"));
    return;
  }
  ApiKeyRecord old = *found;
  const WallTime now = deps_.wall.now();
  if (!old.replaced_by.empty() || !opens(old, now)) {
    done(Error(ErrorCode::kConflict,
               old.replaced_by.empty()
                   ? fmt::format("cannot rotate key '{}': it is {}; create a new one", key_id,
                                 name_of(state_of(old, now)))
                   : fmt::format("cannot rotate key '{}': it was rotated into '{}' before", key_id,
                                 old.replaced_by)));
    return;
  }
  ApiKeyWish wish{old.scope};
  if (old.expires_at) {
    wish.lifetime = std::chrono::ceil<std::chrono::seconds>(*old.expires_at - old.created_at);
  }
  if (const Status possible = check_can_make(tenant, wish); possible.has_error()) {
    done(possible.error());
    return;
  }
  drop_old(tenant);
  const NewApiKey made = draw(tenant, wish);
  const ApiKeyRecord before = old;
  old.expires_at = std::min(old.expires_at.value_or(WallTime::max()), now + overlap);
  old.replaced_by = made.record.key_id;
  deps_.registry.run<void>(
      [keys = std::vector<ApiKeyRecord>{made.record, old}](Registry& registry) {
        return registry.put_api_keys(keys);
      },
      [this, made, old, before, done](const Status& stored) {
        if (stored.has_error()) {
          done(stored.error());
          return;
        }
        deps_.records.push_back(made.record);
        if (ApiKeyRecord* const record = find(old.tenant, old.key_id)) {
          record->expires_at = old.expires_at;
          record->replaced_by = old.replaced_by;
        }
        deps_.events.add("key.rotated", subject_of(old.tenant),
                         dump_json({{"key", old.key_id},
                                    {"replaced_by", old.replaced_by},
                                    {"expires_at", format_wall_time(*old.expires_at)}}));
        publish(old.tenant, [this, made, before, done](const Status& told) {
          hand_out(made, before, told, done);
        });
      });
}

void ApiKeys::hand_out(const NewApiKey& made,
                       const std::optional<ApiKeyRecord>& before,
                       const Status& told,
                       const Completion<NewApiKey>& done) {
  if (told.has_value()) {
    done(made);
    return;
  }
  // A key that its instance does not know is not shown to anybody, so there must be none.
  std::erase_if(deps_.records, [&](const ApiKeyRecord& key) {
    return key.tenant == made.record.tenant && key.key_id == made.record.key_id;
  });
  ApiKeyRecord* const old = before ? find(before->tenant, before->key_id) : nullptr;
  if (old != nullptr) {
    old->expires_at = before->expires_at;
    old->replaced_by.clear();
  }
  const std::vector<ApiKeyRecord> restored =
      old == nullptr ? std::vector<ApiKeyRecord>() : std::vector<ApiKeyRecord>{*old};
  deps_.registry.run<void>(
      [tenant = made.record.tenant, id = made.record.key_id,
       restored](Registry& registry) -> Status {
        VC_TRY(registry.drop_api_key(tenant, id));
        return registry.put_api_keys(restored);
      },
      [this, tenant = made.record.tenant, why = told.error(), done](const Status&) {
        // Best effort: the error that made this necessary is the one to tell.
        (void)deps_.files.write_keys(tenant, deps_.records);
        done(why);
      });
}

void ApiKeys::revoke(const TenantId& tenant, const std::string& key_id, Completion<void> done) {
  ApiKeyRecord* const found = find(tenant, key_id);
  if (found == nullptr) {
    done(no_such_api_key(tenant, key_id));
    return;
  }
  const WallTime at = found->revoked_at.value_or(deps_.wall.now());
  // In memory first: whoever writes the tenant's files meanwhile must leave it out already.
  const bool is_first = !std::exchange(found->revoked_at, at).has_value();
  deps_.registry.run<void>(
      [tenant, key_id, at](Registry& registry) {
        return registry.revoke_api_key(tenant, key_id, at);
      },
      [this, tenant, key_id, is_first, done](const Status& stored) {
        ApiKeyRecord* const record = find(tenant, key_id);
        // One that the registry does not know went with its tenant, or came with an import that
        // could not be recorded yet: then it is recorded as revoked.
        if (stored.has_error() && stored.error().code() != ErrorCode::kNotFound) {
          if (record != nullptr && is_first) {
            record->revoked_at.reset();
          }
          done(stored);
          return;
        }
        if (is_first) {
          deps_.events.add("key.revoked", subject_of(tenant), dump_json({{"key", key_id}}));
        }
        publish(tenant, [tenant, key_id, done](const Status& told) {
          done(told.has_error() ? Status(told.error().with_context(fmt::format(
                                      "key '{}' is revoked, but not everywhere yet", key_id)))
                                : ok_status());
        });
      });
}

void ApiKeys::drop_old(const TenantId& tenant) {
  const std::vector<ApiKeyRecord> listed = of(tenant);
  std::erase_if(deps_.records, [&](const ApiKeyRecord& key) {
    const bool is_over =
        key.tenant == tenant && std::find(listed.begin(), listed.end(), key) == listed.end();
    if (is_over) {
      // If this fails it is dropped by the next change.
      deps_.registry.run<void>(
          [tenant, id = key.key_id](Registry& registry) {
            return registry.drop_api_key(tenant, id);
          },
          [](const Status&) {});
    }
    return is_over;
  });
}

void ApiKeys::publish_all() {
  for (const auto& [tenant, recorded] : deps_.recorded.snapshot().tenants) {
    if (!recorded.has_data) {
      continue;
    }
    const Result<TenantFiles::Written> written = deps_.files.write_keys(tenant, deps_.records);
    if (written.has_error() || *written == TenantFiles::Written::kAnew) {
      publish(tenant, [](const Status&) {});
    }
  }
}

void ApiKeys::publish(const TenantId& tenant, Completion<void> done) {
  const RecordedTenant* const recorded = deps_.recorded.find_tenant(tenant);
  // Without a folder nobody serves it, and the folder is made with the keys of that time.
  if (recorded == nullptr || !recorded->has_data) {
    done(ok_status());
    return;
  }
  if (const auto written = deps_.files.write_keys(tenant, deps_.records); written.has_error()) {
    done(written.error());
    return;
  }
  tell_instances(tenant, std::move(done));
}

void ApiKeys::tell_instances(const TenantId& tenant, Completion<void> done) {
  const RecordedTenant* const recorded = deps_.recorded.find_tenant(tenant);
  std::set<InstanceId> told;
  for (const InstanceView& view : deps_.instances.observe()) {
    // While tenants move, one may be open where neither the record nor the manager has it yet.
    const bool may_serve = deps_.loop.is_busy() || view.tenants.contains(tenant) ||
                           recorded->placement == view.instance;
    if (may_serve && view.state == InstanceState::kReady) {
      told.insert(view.instance);
    }
  }
  if (told.empty()) {
    // Whoever gets the tenant next reads the file then.
    done(ok_status());
    return;
  }
  const auto round = std::make_shared<Round>(Round{tenant, told.size(), std::nullopt, done});
  for (const InstanceId& instance : told) {
    ask(instance, 1, round);
  }
}

bool ApiKeys::is_ready(const InstanceId& instance) const {
  const std::vector<InstanceView> all = deps_.instances.observe();
  return std::any_of(all.begin(), all.end(), [&](const InstanceView& view) {
    return view.instance == instance && view.state == InstanceState::kReady;
  });
}

void ApiKeys::ask(const InstanceId& instance, int attempt, const std::shared_ptr<Round>& round) {
  deps_.instances.request(
      instance, control::request::kReloadKeys, dump_json({{"tenant", round->tenant.str()}}),
      kAnswerTimeout,
      [this, instance, attempt, round,
       alive = std::weak_ptr(self_)](const Result<std::string>& answer) {
        if (alive.expired()) {
          return;
        }
        // One that does not have the tenant has no door to close.
        if (answer.has_value() || answer.error().code() == ErrorCode::kNotFound ||
            !is_ready(instance)) {
          round->finish_one(ok_status());
          return;
        }
        const bool again = answer.error().code() == ErrorCode::kUnavailable && attempt < kMostTries;
        if (!again) {
          round->finish_one(answer.error());
          return;
        }
        deps_.reactor.call_after(kAskAgain, [this, instance, attempt, round, alive] {
          if (!alive.expired()) {
            ask(instance, attempt + 1, round);
          }
        });
      });
}

}  // namespace voicectl
