// SPDX-License-Identifier: Apache-2.0
#include "runtime/tenant/config.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "runtime/tenant/business_json.h"

namespace voicectl::runtime {
namespace {

/// Sessions per month of the price plans; a plan that is not listed has no limit.
constexpr std::pair<std::string_view, std::uint64_t> kPlanSessions[] = {{"starter", 100},
                                                                        {"professional", 500}};

/// A hundred years.
constexpr std::int64_t kMostDays = 36'500;

constexpr std::int64_t kMostRequests = 1'000'000'000;

const Json& member(const Json& object, std::string_view key) {
  static const Json kNone = Json::object();
  const auto found = object.find(key);
  return found == object.end() || !found->is_object() ? kNone : *found;
}

Error bad_config(std::string_view what) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("cannot use the tenant configuration: {}", what)};
}

std::string without_slash(std::string url) {
  while (!url.empty() && url.back() == '/') {
    url.pop_back();
  }
  return url;
}

Result<KeyScope> parse_scope(std::string_view text) {
  for (const KeyScope scope : {KeyScope::kWidget, KeyScope::kStaff, KeyScope::kAdmin}) {
    if (name_of(scope) == text) {
      return scope;
    }
  }
  return bad_config(fmt::format("'{}' is no scope of an API key", text));
}

Result<std::vector<ApiKey>> read_keys(const Json& document, std::string_view member) {
  std::vector<ApiKey> out;
  const auto keys = document.find(member);
  if (keys == document.end() || !keys->is_array()) {
    return out;
  }
  for (const Json& key : *keys) {
    if (!key.is_object()) {
      return bad_config(fmt::format("an entry of '{}' is no object", member));
    }
    VC_TRY(const KeyScope scope, parse_scope(string_or(key, "scope", "")));
    const std::string hash = string_or(key, "sha256", "");
    if (hash.size() != 64) {
      return bad_config(fmt::format("an entry of '{}' has no SHA-256", member));
    }
    const std::string id = string_or(key, "id", "");
    if (id.empty()) {
      return bad_config(fmt::format("an entry of '{}' has no id", member));
    }
    out.push_back({id, hash, scope});
    if (key.contains("expires_at_ms")) {
      // Whatever cannot be read as a time has passed long ago.
      out.back().expires_at =
          WallTime(std::chrono::milliseconds(integer_or(key, "expires_at_ms", 0)));
    }
  }
  return out;
}

/// Each is a text or, where it was rotated, {"secret","accepted_until_ms"}.
WebhookSecrets read_webhook_secrets(const Json& secrets) {
  std::vector<std::pair<WallTime, std::string>> found;
  const Json list = secrets.value("webhook_secrets", Json());
  for (const Json& entry : list.is_array() ? list : Json::array()) {
    const bool is_old = entry.is_object();
    const std::string secret = is_old              ? string_or(entry, "secret", "")
                               : entry.is_string() ? entry.get<std::string>()
                                                   : "";
    if (!secret.empty()) {
      // Whatever cannot be read as a time has passed long ago.
      const std::chrono::milliseconds end(integer_or(entry, "accepted_until_ms", 0));
      found.emplace_back(is_old ? WallTime(end) : WallTime::max(), secret);
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  WebhookSecrets out;
  for (auto& [end, secret] : found) {
    out.all.emplace_back(std::move(secret));
    out.ends.push_back(end);
  }
  return out;
}

Status read_secrets(const Json& secrets, TenantConfig& config) {
  config.webhook_secrets = read_webhook_secrets(secrets);
  config.tool_secret = Secret(string_or(secrets, "tool_secret", ""));
  // An empty key would let anybody sign.
  const WebhookSecrets& webhook = config.webhook_secrets;
  const bool has_newest = !webhook.all.empty() && webhook.ends.front() == WallTime::max();
  if (!has_newest || config.tool_secret.empty()) {
    return bad_config("'secrets' needs webhook_secrets and tool_secret");
  }
  return ok_status();
}

Status read_store(const Json& document, TenantConfig& config) {
  const Json& store = member(document, "store");
  config.store.owner = string_or(member(document, "secrets"), "store_owner", "");
  const std::string kind = string_or(store, "kind", "embedded");
  if (kind == "embedded") {
    return ok_status();
  }
  if (kind != "redis") {
    // Sessions in the wrong place would be worse than none.
    return bad_config(fmt::format("'{}' is no kind of store that this version has", kind));
  }
  VC_TRY(config.store.redis, parse_redis_url(string_or(store, "url", "")));
  config.store.kind = StoreKind::kRedis;
  if (const std::string password = string_or(store, "password", ""); !password.empty()) {
    config.store.redis.password = Secret(password);
  }
  return ok_status();
}

void read_platform(const Json& platform, TenantConfig& config) {
  config.base_url = without_slash(string_or(platform, "base_url", ""));
  config.webhook_base = without_slash(string_or(platform, "webhook_base", config.base_url));
  const Json& ultravox = member(platform, "ultravox");
  config.ultravox.endpoint =
      without_slash(string_or(ultravox, "endpoint", config.ultravox.endpoint));
  config.ultravox.api_key_file = string_or(ultravox, "api_key_file", "");
}

Status read_networks(const Json& platform, TenantConfig& config) {
  const auto list = platform.find("backend_networks");
  if (list == platform.end() || !list->is_array()) {
    return ok_status();
  }
  std::vector<IpNetwork> networks;
  for (const Json& text : *list) {
    const Result<IpNetwork> network =
        IpNetwork::parse(text.is_string() ? text.get_ref<const std::string&>() : std::string());
    if (network.has_error()) {
      return bad_config(fmt::format("'platform.backend_networks': {}", network.error().message()));
    }
    networks.push_back(*network);
  }
  config.backend_addresses = std::make_shared<const AddressPolicy>(std::move(networks));
  return ok_status();
}

void read_limits(const Json& tenant, TenantConfig& config) {
  const Json& limits = member(tenant, "limits");
  SessionLimits& out = config.limits;
  out.concurrent = static_cast<std::uint32_t>(std::clamp<std::int64_t>(
      integer_or(limits, "concurrent_sessions", out.concurrent), 0, 1'000'000));
  out.duration = std::chrono::seconds(
      std::clamp<std::int64_t>(integer_or(limits, "session_duration", 3600), 1, 86'400));
  const std::string plan = string_or(tenant, "plan", "starter");
  for (const auto& [name, sessions] : kPlanSessions) {
    if (name == plan) {
      out.per_month = sessions;
    }
  }
  if (const std::int64_t own = integer_or(limits, "sessions_per_month", -1); own >= 0) {
    out.per_month = static_cast<std::uint64_t>(own);
  }
}

std::uint32_t count_or(const Json& limits, std::string_view key, std::uint32_t fallback) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(integer_or(limits, key, fallback), 1, kMostRequests));
}

void read_traffic(const Json& tenant, TenantConfig& config) {
  const Json& limits = member(tenant, "limits");
  TrafficLimits& out = config.traffic;
  out = default_traffic(config.limits.concurrent);
  out.api_requests = count_or(limits, "api_requests", out.api_requests);
  out.api_requests_per_key =
      count_or(limits, "api_requests_per_key", std::max(1U, out.api_requests / 2));
  out.webhooks = count_or(limits, "webhooks", out.webhooks);
  out.in_flight = count_or(limits, "requests_in_flight", out.in_flight);
  out.websockets = count_or(limits, "websockets", out.websockets);
}

void read_retention(const Json& tenant, TenantConfig& config) {
  const Json& kept = member(tenant, "retention");
  const auto days_or = [&kept](std::string_view key, std::chrono::days usual) {
    return std::chrono::days(
        std::clamp<std::int64_t>(integer_or(kept, key, usual.count()), 1, kMostDays));
  };
  RetentionPeriods& out = config.retention;
  out.sessions = days_or("session_days", out.sessions);
  out.events = std::min(out.sessions, days_or("event_days", out.events));
  out.webhooks = days_or("webhook_days", out.webhooks);
}

std::vector<std::string> texts_of(const Json& tenant, std::string_view key) {
  std::vector<std::string> out;
  if (const auto list = tenant.find(key); list != tenant.end() && list->is_array()) {
    for (const Json& text : *list) {
      if (text.is_string()) {
        out.push_back(text.get<std::string>());
      }
    }
  }
  return out;
}

void read_voice(const Json& voice, TenantConfig& config) {
  config.voice.voice = string_or(voice, "voice", "");
  config.voice.language = string_or(voice, "language", "en");
  config.voice.model = string_or(voice, "model", "");
  config.voice.greeting = string_or(voice, "greeting", "");
  config.voice.instructions = string_or(voice, "instructions", "");
}

}  // namespace

std::span<const Secret> WebhookSecrets::at(WallTime now) const {
  const auto ended =
      std::find_if(ends.begin(), ends.end(), [now](const WallTime end) { return end <= now; });
  return std::span(all).first(static_cast<std::size_t>(ended - ends.begin()));
}

TrafficLimits default_traffic(std::uint32_t concurrent_sessions) {
  const auto of_sessions = [concurrent_sessions](std::uint32_t each, std::uint32_t least) {
    const std::uint64_t wanted = std::uint64_t{concurrent_sessions} * each;
    return std::max(least, static_cast<std::uint32_t>(
                               std::min<std::uint64_t>(wanted, std::uint64_t{kMostRequests})));
  };
  TrafficLimits out;
  out.api_requests = of_sessions(20, out.api_requests);
  out.api_requests_per_key = out.api_requests / 2;
  out.webhooks = of_sessions(2, out.webhooks);
  out.in_flight = of_sessions(2, out.in_flight);
  out.websockets = of_sessions(4, out.websockets);
  return out;
}

std::string_view name_of(KeyScope scope) {
  switch (scope) {
    case KeyScope::kWidget:
      return "widget";
    case KeyScope::kStaff:
      return "staff";
    case KeyScope::kAdmin:
      return "admin";
  }
  return "widget";
}

Result<TenantConfig> parse_tenant_config(std::string_view text) {
  VC_TRY(const Json document, parse_json(text, JsonBudget{.bytes = 4U << 20}));
  if (!document.is_object() || string_or(document, "kind", "") != "TenantConfig") {
    return bad_config("it is not of kind TenantConfig");
  }
  const Json& tenant = member(document, "tenant");
  VC_TRY(TenantId slug, TenantId::parse(string_or(tenant, "slug", "")));
  TenantConfig config(std::move(slug));
  config.generation.value =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer_or(document, "generation", 0)));
  read_platform(member(document, "platform"), config);
  VC_TRY(read_networks(member(document, "platform"), config));
  VC_TRY(read_secrets(member(document, "secrets"), config));
  VC_TRY(read_store(document, config));
  config.keys_file = string_or(document, "keys_file", "");
  VC_TRY(config.api_keys, read_keys(document, "api_keys"));
  VC_TRY(config.business, business_of_json(tenant));
  read_limits(tenant, config);
  read_traffic(tenant, config);
  read_retention(tenant, config);
  config.domains = texts_of(tenant, "domains");
  config.allowed_origins = texts_of(tenant, "allowed_origins");
  read_voice(member(tenant, "voice"), config);
  VC_TRY(config.backend, backend_of_json(member(tenant, "backend")));
  return config;
}

Result<std::vector<ApiKey>> parse_tenant_keys(std::string_view text, const TenantId& tenant) {
  VC_TRY(const Json document, parse_json(text, JsonBudget{.bytes = 1U << 20}));
  if (!document.is_object() || string_or(document, "kind", "") != "TenantKeys" ||
      string_or(document, "tenant", "") != tenant.str()) {
    return bad_config(fmt::format("the keys are not those of tenant '{}'", tenant.str()));
  }
  return read_keys(document, "keys");
}

std::string render_tenant_keys(const std::vector<ApiKey>& keys, const TenantId& tenant) {
  Json list = Json::array();
  for (const ApiKey& key : keys) {
    Json entry = {{"id", key.id}, {"sha256", key.sha256}, {"scope", name_of(key.scope)}};
    if (key.expires_at) {
      entry["expires_at_ms"] = key.expires_at->time_since_epoch().count();
    }
    list.push_back(std::move(entry));
  }
  return dump_json({{"apiVersion", "voicectl/v1"},
                    {"kind", "TenantKeys"},
                    {"tenant", tenant.str()},
                    {"keys", std::move(list)}});
}

}  // namespace voicectl::runtime
